#include "archive/recover.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <unordered_map>

#include "archive/tree.h"
#include "base/error.h"
#include "base/thread_pool.h"
#include "repository/blob_index.h"
#include "repository/identity.h"
#include "repository/in_flight.h"
#include "repository/tree_references.h"
#include "repository/tree_walk.h"

namespace salvor::archive {
namespace {

using repository::BlobId;
using repository::BlobType;
using repository::IndexEntry;

class Search {
 public:
  Search(repository::Repository& repository, const base::CancelToken& cancel, const RecoverObserver& observer)
      : repository_(repository),
        index_(repository.index()),
        cancel_(cancel),
        observer_(observer),
        referenced_(index_.entries(BlobType::kTree).size()) {}

  std::vector<BlobId> run() {
    const auto& trees = index_.entries(BlobType::kTree);
    std::unordered_map<std::uint32_t, std::vector<repository::PlacedBlob>> packs;
    for_each_tree([&](const IndexEntry& tree) {
      packs[tree.pack].push_back(
          {{BlobType::kTree, tree.id},
           {index_.packs()[tree.pack], tree.offset, tree.length, tree.uncompressed_length}});
    });
    base::ThreadPool pool(std::max(2U, repository_.environment().connections));
    std::uint64_t done = 0;
    repository::InFlight<std::uint64_t> reads(2 * pool.size(), [&](std::uint64_t read) {
      done += read;
      if (observer_.on_progress) observer_.on_progress(done, trees.size());
    });
    for (auto& [number, blobs] : packs) {
      cancel_.check();
      reads.add(pool.submit([this, &blobs = blobs] { return read_pack(std::move(blobs)); }));
    }
    reads.finish();
    // After the trees, so that a snapshot saved meanwhile is not taken for lost.
    for (const auto& snapshot : repository_.list_snapshots(nullptr, cancel_)) reach(snapshot.tree);
    std::vector<BlobId> roots;
    for_each_tree([&](const IndexEntry& tree) {
      const auto at = index_.find({BlobType::kTree, tree.id});
      if (!referenced_.test(*at)) roots.push_back(tree.id);
    });
    return roots;
  }

 private:
  // Each once, whatever number of packs it lies in.
  template <typename Visit>
  void for_each_tree(Visit&& visit) {
    const auto& trees = index_.entries(BlobType::kTree);
    for (std::size_t at = 0; at < trees.size(); ++at) {
      if (at == 0 || trees[at - 1].id != trees[at].id) visit(trees[at]);
    }
  }

  std::uint64_t read_pack(std::vector<repository::PlacedBlob> blobs) {
    const std::uint64_t count = blobs.size();
    const auto report = [&](const BlobId& tree, const base::Error& error) {
      if (!observer_.on_finding) return;
      std::lock_guard lock(mutex_);
      observer_.on_finding(fmt::format("tree {}: {}", tree.hex(), error.message()));
    };
    const repository::PackId pack = blobs.front().location.pack;
    repository_.read_pack_blobs(
        pack, std::move(blobs),
        [&](const repository::PlacedBlob& blob, std::string_view json) {
          try {
            repository::TreeVisitor visitor;
            visitor.on_subtree = [&](const BlobId& id) { reach(id); };
            repository::scan_tree(json, visitor);
          } catch (const base::Error& error) {
            report(blob.handle.id, error);
          }
        },
        [&](const repository::PlacedBlob& blob, const base::Error& error) { report(blob.handle.id, error); },
        cancel_);
    return count;
  }

  void reach(const BlobId& id) {
    if (const auto at = index_.find({BlobType::kTree, id})) referenced_.set(*at);
  }

  repository::Repository& repository_;
  const repository::BlobIndex& index_;
  const base::CancelToken cancel_;
  const RecoverObserver& observer_;
  repository::AtomicBits referenced_;  // by position of a tree's first entry
  std::mutex mutex_;                   // one finding at a time
};

// A directory of the roots, each under the start of its id.
std::string tree_of(const std::vector<BlobId>& roots, Moment now, LocalZone& zone) {
  std::map<std::string, BlobId> names;
  for (const BlobId& root : roots) {
    if (!names.emplace(root.short_hex(), root).second) names.emplace(root.hex(), root);
  }
  TreeBuilder builder;
  for (const auto& [name, root] : names) {
    Node node;
    node.name = name;
    node.type = NodeType::kDirectory;
    node.mode = go_mode::kDirectory | 0755U;
    node.mtime = node.atime = node.ctime = now;
    node.subtree = root;
    builder.add(node, zone);
  }
  return builder.finish();
}

}  // namespace

RecoverReport recover_roots(repository::Repository& repository, const base::CancelToken& cancel,
                            const RecoverObserver& observer) {
  repository.mutable_index().settle();
  RecoverReport report;
  report.roots = Search(repository, cancel, observer).run();
  if (report.roots.empty()) return report;
  if (observer.on_root) {
    for (const BlobId& root : report.roots) observer.on_root(root);
  }
  LocalZone zone;
  const Moment now = to_moment(repository.environment().clock.now());
  const repository::Identity identity = repository::current_identity();
  repository::Snapshot snapshot;
  snapshot.tree = repository.save_blob(BlobType::kTree, tree_of(report.roots, now, zone), cancel).id;
  repository.flush(cancel);
  snapshot.time = zone.format(now);
  snapshot.paths = {"/recover"};
  snapshot.hostname = identity.hostname;
  snapshot.username = identity.username;
  snapshot.uid = identity.uid;
  snapshot.gid = identity.gid;
  snapshot.tags = {"recovered"};
  report.saved = repository.save_snapshot(snapshot, cancel);
  return report;
}

}  // namespace salvor::archive
