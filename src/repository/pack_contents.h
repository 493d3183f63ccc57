// The index seen pack by pack: the entries of each pack in order of offset. Four bytes a blob; for prune and
// check.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "repository/blob_index.h"

namespace salvor::repository {

class PackContents {
 public:
  // The index must be settled and stay so.
  explicit PackContents(const BlobIndex& index);

  // An entry by its place in BlobIndex::entries(type).
  struct Position {
    BlobType type;
    size_t at;
  };
  static Position unpack(std::uint32_t value) {
    return {static_cast<BlobType>(value >> 31), value & 0x7fffffff};
  }
  // To be taken apart with unpack.
  std::span<const std::uint32_t> of(std::uint32_t pack) const {
    return {order_.data() + start_[pack], start_[pack + 1] - start_[pack]};
  }
  const IndexEntry& entry(std::uint32_t value) const {
    const Position position = unpack(value);
    return index_.entries(position.type)[position.at];
  }
  std::vector<PackEntry> entries_of(std::uint32_t pack) const;

 private:
  const BlobIndex& index_;
  std::vector<size_t> start_;         // by pack
  std::vector<std::uint32_t> order_;  // type in the top bit
};

}  // namespace salvor::repository
