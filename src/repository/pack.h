// The pack file: sealed blobs, then a sealed header that lists them, then the header's length.
//   Seal(blob 1) ... Seal(blob n) | Seal(header) | u32le length of Seal(header)
//   header entry: type u8 (0 data, 1 tree, 2 and 3 the same compressed) | sealed length u32le
//                 | plain length u32le, if compressed | blob id
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "codec/seal.h"
#include "repository/repository.h"

namespace salvor::repository {

struct PackEntry {
  BlobHandle handle;
  std::uint32_t offset = 0, length = 0;   // sealed
  std::uint32_t uncompressed_length = 0;  // 0: not compressed
};

inline constexpr size_t kLargestHeader = 16 * 1024 * 1024;
inline constexpr size_t kHeaderEntrySize = 37, kCompressedEntrySize = 41;
inline constexpr size_t kMostPackEntries = (kLargestHeader - codec::kSealOverhead) / kCompressedEntrySize;

// What the header of these blobs, and so the pack, has in bytes beyond the blobs themselves.
std::uint64_t header_overhead(const std::vector<PackEntry>& entries);

// The header's plaintext.
std::string encode_pack_header(const std::vector<PackEntry>& entries);
// Entries of an opened header, with offsets. Throws kCorrupt; `name` is for the message.
std::vector<PackEntry> decode_pack_header(std::string_view header, std::string_view name);
// Entries of a whole pack; its blobs fill it exactly up to the header.
std::vector<PackEntry> read_pack_entries(std::string_view pack, const codec::SealKey& key,
                                         std::string_view name);
// The same from the last bytes of a pack of `size` bytes; they must reach back to the header's begin.
std::vector<PackEntry> read_pack_entries(std::string_view tail, std::uint64_t size, const codec::SealKey& key,
                                         std::string_view name);

}  // namespace salvor::repository
