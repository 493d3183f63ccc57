#include "repository/pack.h"

#include <cstring>

#include "base/error.h"
#include "codec/hash.h"

namespace salvor::repository {
namespace {

using base::ErrorCode;

void put_u32(std::string& out, size_t value) {
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(value >> shift & 0xff));
}

std::uint32_t get_u32(std::string_view data, size_t at) {
  std::uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) {
    value |= static_cast<std::uint32_t>(static_cast<unsigned char>(data[at + i])) << (8 * i);
  }
  return value;
}

}  // namespace

std::uint64_t header_overhead(const std::vector<PackEntry>& entries) {
  std::uint64_t size = codec::kSealOverhead + 4;
  for (const PackEntry& entry : entries) {
    size += entry.uncompressed_length != 0 ? kCompressedEntrySize : kHeaderEntrySize;
  }
  return size;
}

std::string encode_pack_header(const std::vector<PackEntry>& entries) {
  std::string header;
  header.reserve(entries.size() * kCompressedEntrySize);
  for (const PackEntry& entry : entries) {
    const bool compressed = entry.uncompressed_length != 0;
    header.push_back(static_cast<char>(static_cast<int>(entry.handle.type) + (compressed ? 2 : 0)));
    put_u32(header, entry.length);
    if (compressed) put_u32(header, entry.uncompressed_length);
    header.append(codec::as_view(entry.handle.id.bytes));
  }
  return header;
}

std::vector<PackEntry> decode_pack_header(std::string_view header, std::string_view name) {
  std::vector<PackEntry> entries;
  std::uint64_t offset = 0;
  size_t at = 0;
  while (at < header.size()) {
    const auto type = static_cast<unsigned char>(header[at]);
    if (type > 3) base::fail(ErrorCode::kCorrupt, "pack {}: unknown blob type {} in the header", name, type);
    const bool compressed = type >= 2;
    const size_t size = compressed ? kCompressedEntrySize : kHeaderEntrySize;
    if (header.size() - at < size) base::fail(ErrorCode::kCorrupt, "pack {}: truncated header", name);
    PackEntry entry;
    entry.handle.type = static_cast<BlobType>(type & 1);
    entry.length = get_u32(header, at + 1);
    if (compressed) entry.uncompressed_length = get_u32(header, at + 5);
    std::memcpy(entry.handle.id.bytes.data(), header.data() + at + size - 32, 32);
    if (entry.length < codec::kSealOverhead || (compressed && entry.uncompressed_length == 0) ||
        offset + entry.length > UINT32_MAX) {
      base::fail(ErrorCode::kCorrupt, "pack {}: impossible blob length in the header", name);
    }
    entry.offset = static_cast<std::uint32_t>(offset);
    offset += entry.length;
    entries.push_back(entry);
    at += size;
  }
  if (entries.empty()) base::fail(ErrorCode::kCorrupt, "pack {}: empty header", name);
  return entries;
}

std::vector<PackEntry> read_pack_entries(std::string_view tail, std::uint64_t size, const codec::SealKey& key,
                                         std::string_view name) {
  if (tail.size() < 4 || size < 4 + codec::kSealOverhead + kHeaderEntrySize) {
    base::fail(ErrorCode::kCorrupt, "pack {}: truncated, {} bytes", name, size);
  }
  const size_t length = get_u32(tail, tail.size() - 4);
  if (length < codec::kSealOverhead || length > tail.size() - 4 || length > kLargestHeader) {
    base::fail(ErrorCode::kCorrupt, "pack {}: impossible header length {}", name, length);
  }
  std::string header;
  if (!codec::unseal(key, tail.substr(tail.size() - 4 - length, length), header)) {
    base::fail(ErrorCode::kCorrupt, "pack {}: the header does not pass its authentication", name);
  }
  auto entries = decode_pack_header(header, name);
  const std::uint64_t end = std::uint64_t{entries.back().offset} + entries.back().length;
  if (end + length + 4 != size) {
    base::fail(ErrorCode::kCorrupt, "pack {}: its blobs end at {}, the header begins at {}", name, end,
               size - 4 - length);
  }
  return entries;
}

std::vector<PackEntry> read_pack_entries(std::string_view pack, const codec::SealKey& key,
                                         std::string_view name) {
  return read_pack_entries(pack, pack.size(), key, name);
}

}  // namespace salvor::repository
