#include "repository/pack_contents.h"

#include <algorithm>

#include "base/error.h"

namespace salvor::repository {

PackContents::PackContents(const BlobIndex& index) : index_(index), start_(index.packs().size() + 1) {
  if (index.count() >= (std::uint64_t{1} << 31)) {
    base::fail(base::ErrorCode::kUnsupported, "an index of {} blobs is too large", index.count());
  }
  for (const BlobType type : {BlobType::kData, BlobType::kTree}) {
    for (const IndexEntry& entry : index.entries(type)) ++start_[entry.pack + 1];
  }
  for (size_t i = 1; i < start_.size(); ++i) start_[i] += start_[i - 1];
  order_.resize(index.count());
  std::vector<size_t> next(start_.begin(), start_.end() - 1);
  for (const BlobType type : {BlobType::kData, BlobType::kTree}) {
    const auto& entries = index.entries(type);
    for (size_t at = 0; at < entries.size(); ++at) {
      order_[next[entries[at].pack]++] = static_cast<std::uint32_t>(at) | static_cast<std::uint32_t>(type)
                                                                              << 31;
    }
  }
  for (size_t pack = 0; pack + 1 < start_.size(); ++pack) {
    std::sort(order_.begin() + static_cast<std::ptrdiff_t>(start_[pack]),
              order_.begin() + static_cast<std::ptrdiff_t>(start_[pack + 1]),
              [&](std::uint32_t a, std::uint32_t b) { return entry(a).offset < entry(b).offset; });
  }
}

std::vector<PackEntry> PackContents::entries_of(std::uint32_t pack) const {
  std::vector<PackEntry> entries;
  entries.reserve(of(pack).size());
  for (const std::uint32_t value : of(pack)) {
    const IndexEntry& found = entry(value);
    entries.push_back({.handle = {unpack(value).type, found.id},
                       .offset = found.offset,
                       .length = found.length,
                       .uncompressed_length = found.uncompressed_length});
  }
  return entries;
}

}  // namespace salvor::repository
