// Which blobs a set of trees reaches: breadth first, level by level, the trees of a level read pack by pack
// and in parallel. Each tree is read once. Memory: a bit a blob, and the positions of one level's trees.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "repository/blob_index.h"
#include "repository/repository.h"

namespace salvor::repository {

// Bits that any thread may set.
class AtomicBits {
 public:
  explicit AtomicBits(size_t size = 0) : words_((size + 63) / 64) {}
  // Returns whether the bit was set before.
  bool set(size_t at) {
    const std::uint64_t bit = std::uint64_t{1} << (at % 64);
    return (words_[at / 64].fetch_or(bit, std::memory_order_relaxed) & bit) != 0;
  }
  bool test(size_t at) const {
    return (words_[at / 64].load(std::memory_order_relaxed) >> (at % 64) & 1) != 0;
  }

 private:
  std::vector<std::atomic<std::uint64_t>> words_;
};

// By BlobType; bit i belongs to the first entry of a blob in BlobIndex::entries.
using UsedBlobs = std::array<AtomicBits, 2>;

struct WalkObserver {
  // A blob that a tree (or a snapshot: `by` is empty) names and the index does not have.
  std::function<void(const BlobHandle& blob, const std::optional<BlobId>& by)> on_missing;
  std::function<void(const BlobId& tree, const base::Error& error)> on_unreadable;
  std::function<void(const BlobId& tree, std::string_view node, std::string_view problem)> on_problem;
  std::function<void(std::uint64_t trees)> on_progress;  // so many were read
  // A blob is reached that was not marked: its type and position in BlobIndex::entries.
  std::function<void(BlobType type, size_t at)> on_use;
};

// All calls of the observer are made one at a time. The index must be loaded and settled, with no saving
// meanwhile. Without on_missing and on_unreadable the first such finding is thrown (kCorrupt).
UsedBlobs walk_trees(Repository& repository, const std::vector<BlobId>& roots, const WalkObserver& observer,
                     const base::CancelToken& cancel);
// Nothing marked, for the index as it is.
UsedBlobs no_used_blobs(const BlobIndex& index);
// As above, going on from what earlier walks marked: trees marked in `used` are not read again.
void walk_trees_into(UsedBlobs& used, Repository& repository, const std::vector<BlobId>& roots,
                     const WalkObserver& observer, const base::CancelToken& cancel);

}  // namespace salvor::repository
