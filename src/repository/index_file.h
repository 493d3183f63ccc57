// The index file's JSON: which blobs lie where in which packs. Thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "repository/blob_index.h"

namespace salvor::repository {

// restic's limits: an index file is written when it has so many blobs, and rewritten when it has too many.
inline constexpr size_t kFullIndexBlobs = 50'000;

// A pack that is marked for deletion, with what it holds: rustic's "packs_to_delete".
struct PackToDelete {
  PackId id;
  std::string since;  // RFC 3339; empty: not known
  std::vector<PackEntry> entries;
};

std::string encode_index(const std::vector<std::pair<PackId, std::vector<PackEntry>>>& packs,
                         const std::vector<PackToDelete>& to_delete = {});

// Unknown members (rustic's "time" and "size", old "supersedes") are ignored. Throws kCorrupt; compressed
// blobs are refused unless `allow_compressed` (version 1 has none). `json` needs no padding.
DecodedIndex decode_index(std::string json, const IndexId& id, bool allow_compressed);

}  // namespace salvor::repository
