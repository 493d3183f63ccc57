#include "repository/tree_walk.h"

#include <algorithm>
#include <mutex>

#include "base/error.h"
#include "base/thread_pool.h"
#include "repository/in_flight.h"
#include "repository/tree_references.h"

namespace salvor::repository {
namespace {

using base::ErrorCode;

constexpr size_t kTreesPerTask = 256;

class Walk {
 public:
  Walk(UsedBlobs& used, Repository& repository, const WalkObserver& observer, const base::CancelToken& cancel)
      : repository_(repository),
        index_(repository.index()),
        observer_(observer),
        cancel_(cancel),
        used_(used),
        threads_(std::max(repository.environment().connections,
                          std::max(1U, std::thread::hardware_concurrency()))) {}

  void run(const std::vector<BlobId>& roots) {
    std::vector<size_t> level;
    for (const BlobId& root : roots) reach_tree(root, std::nullopt, level);
    base::ThreadPool pool(threads_);
    while (!level.empty()) level = read_level(std::move(level), pool);
  }

 private:
  std::vector<size_t> read_level(std::vector<size_t> level, base::ThreadPool& pool) {
    const auto& trees = index_.entries(BlobType::kTree);
    std::sort(level.begin(), level.end(), [&](size_t a, size_t b) {
      return std::tie(trees[a].pack, trees[a].offset) < std::tie(trees[b].pack, trees[b].offset);
    });
    std::vector<size_t> next;
    InFlight<std::vector<size_t>> tasks(2 * threads_, [&](std::vector<size_t> found) {
      next.insert(next.end(), found.begin(), found.end());
      if (observer_.on_progress) {
        std::lock_guard lock(mutex_);
        observer_.on_progress(trees_read_);
      }
    });
    for (size_t first = 0; first < level.size();) {
      size_t last = first + 1;
      while (last < level.size() && last - first < kTreesPerTask &&
             trees[level[last]].pack == trees[level[first]].pack) {
        ++last;
      }
      std::vector<size_t> part(level.begin() + static_cast<std::ptrdiff_t>(first),
                               level.begin() + static_cast<std::ptrdiff_t>(last));
      tasks.add(pool.submit([this, part = std::move(part)] { return read_trees(part); }));
      first = last;
    }
    tasks.finish();
    return next;
  }

  // All of one pack.
  std::vector<size_t> read_trees(const std::vector<size_t>& positions) {
    const auto& trees = index_.entries(BlobType::kTree);
    const PackId& pack = index_.packs()[trees[positions.front()].pack];
    std::vector<PlacedBlob> blobs;
    blobs.reserve(positions.size());
    for (const size_t at : positions) {
      const IndexEntry& entry = trees[at];
      blobs.push_back(
          {{BlobType::kTree, entry.id}, {pack, entry.offset, entry.length, entry.uncompressed_length}});
    }
    std::vector<size_t> found;
    repository_.read_pack_blobs(
        pack, std::move(blobs),
        [&](const PlacedBlob& blob, std::string_view json) {
          scan(blob.handle.id, json, found);
          ++trees_read_;
        },
        [&](const PlacedBlob& blob, const base::Error& error) { unreadable(blob.handle.id, error); },
        cancel_);
    return found;
  }

  void scan(const BlobId& tree, std::string_view json, std::vector<size_t>& found) {
    TreeVisitor visitor;
    visitor.on_content = [&](const BlobId& id) {
      const BlobHandle blob{BlobType::kData, id};
      if (const auto at = index_.find(blob)) {
        if (!used_[0].set(*at)) reached(BlobType::kData, *at);
      } else {
        missing(blob, tree);
      }
    };
    visitor.on_subtree = [&](const BlobId& id) { reach_tree(id, tree, found); };
    if (observer_.on_problem) {
      visitor.on_problem = [&](std::string_view node, std::string_view problem) {
        std::lock_guard lock(mutex_);
        observer_.on_problem(tree, node, problem);
      };
    }
    try {
      scan_tree(json, visitor);
    } catch (const base::Error& error) {
      if (error.code() != ErrorCode::kCorrupt) throw;
      unreadable(tree, error);
    }
  }

  void reach_tree(const BlobId& id, const std::optional<BlobId>& by, std::vector<size_t>& found) {
    const BlobHandle blob{BlobType::kTree, id};
    if (const auto at = index_.find(blob)) {
      if (used_[1].set(*at)) return;
      found.push_back(*at);
      reached(BlobType::kTree, *at);
    } else {
      missing(blob, by);
    }
  }

  void reached(BlobType type, size_t at) {
    if (!observer_.on_use) return;
    std::lock_guard lock(mutex_);
    observer_.on_use(type, at);
  }

  void missing(const BlobHandle& blob, const std::optional<BlobId>& by) {
    std::lock_guard lock(mutex_);
    if (observer_.on_missing) return observer_.on_missing(blob, by);
    base::fail(ErrorCode::kCorrupt, "{} blob {} is in no index; {} needs it",
               blob.type == BlobType::kTree ? "tree" : "data", blob.id.hex(),
               by ? "tree " + by->hex() : std::string("a snapshot"));
  }

  void unreadable(const BlobId& tree, const base::Error& error) {
    std::lock_guard lock(mutex_);
    if (observer_.on_unreadable) return observer_.on_unreadable(tree, error);
    base::Error thrown = error;
    throw thrown.add_context("tree " + tree.hex());
  }

  Repository& repository_;
  const BlobIndex& index_;
  const WalkObserver& observer_;
  const base::CancelToken cancel_;
  UsedBlobs& used_;
  const unsigned threads_;
  std::atomic<std::uint64_t> trees_read_ = 0;
  std::mutex mutex_;  // one call of the observer at a time
};

}  // namespace

UsedBlobs no_used_blobs(const BlobIndex& index) {
  return {AtomicBits(index.entries(BlobType::kData).size()),
          AtomicBits(index.entries(BlobType::kTree).size())};
}

void walk_trees_into(UsedBlobs& used, Repository& repository, const std::vector<BlobId>& roots,
                     const WalkObserver& observer, const base::CancelToken& cancel) {
  Walk(used, repository, observer, cancel).run(roots);
}

UsedBlobs walk_trees(Repository& repository, const std::vector<BlobId>& roots, const WalkObserver& observer,
                     const base::CancelToken& cancel) {
  UsedBlobs used = no_used_blobs(repository.index());
  walk_trees_into(used, repository, roots, observer, cancel);
  return used;
}

}  // namespace salvor::repository
