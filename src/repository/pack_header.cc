#include "repository/pack_header.h"

#include <algorithm>

#include "base/error.h"
#include "repository/layout.h"

namespace salvor::repository {
namespace {

using base::ErrorCode;

constexpr std::uint64_t kFirstRead = 4096;  // holds the header of about a hundred blobs

std::uint64_t header_length(std::string_view pack_end) {
  std::uint64_t length = 0;
  for (size_t i = 0; i < 4; ++i) {
    length |= std::uint64_t{static_cast<unsigned char>(pack_end[pack_end.size() - 4 + i])} << (8 * i);
  }
  return length;
}

}  // namespace

std::vector<PackEntry> load_pack_header(Repository& repository, const PackId& pack, std::uint64_t size,
                                        const base::CancelToken& cancel) {
  const std::string name = pack.hex();
  if (size < 4 + codec::kSealOverhead + kHeaderEntrySize) {
    base::fail(ErrorCode::kCorrupt, "pack {}: truncated, {} bytes", name, size);
  }
  const auto read_end = [&](std::uint64_t length) {
    const std::string end =
        repository.store().get_range(object_key(FileKind::kPack, name), size - length, length, cancel);
    if (end.size() != length) base::fail(ErrorCode::kCorrupt, "pack {}: shorter than listed", name);
    return end;
  };
  std::string end = read_end(std::min(size, kFirstRead));
  const std::uint64_t length = header_length(end);
  if (length < codec::kSealOverhead || length + 4 > size || length > kLargestHeader) {
    base::fail(ErrorCode::kCorrupt, "pack {}: impossible header length {}", name, length);
  }
  if (length + 4 > end.size()) end = read_end(length + 4);
  auto entries = read_pack_entries(end, size, repository.master_key(), name);
  const bool compressed = std::any_of(entries.begin(), entries.end(),
                                      [](const PackEntry& entry) { return entry.uncompressed_length != 0; });
  if (compressed && repository.version() < 2) {
    base::fail(ErrorCode::kCorrupt, "pack {}: a compressed blob in a repository of version 1", name);
  }
  return entries;
}

}  // namespace salvor::repository
