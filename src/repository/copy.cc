#include "repository/copy.h"

#include <algorithm>
#include <atomic>
#include <unordered_map>

#include "base/error.h"
#include "base/thread_pool.h"
#include "repository/blob_index.h"
#include "repository/in_flight.h"
#include "repository/tree_walk.h"

namespace salvor::repository {
namespace {

constexpr std::uint64_t kPacksPerBatch = 100;
constexpr auto kBatchAge = std::chrono::minutes(1);

// A snapshot keeps the name of the first it descends from, through all copies and changes of its metadata.
SnapshotId persistent_id(const Snapshot& snapshot) {
  return snapshot.original.value_or(snapshot.id);
}

class Copier {
 public:
  Copier(Repository& source, Repository& destination, const base::CancelToken& cancel,
         const CopyObserver& observer)
      : source_(source),
        destination_(destination),
        cancel_(cancel),
        observer_(observer),
        pool_(std::max(2U, source.environment().connections)) {}

  CopyReport run(const std::vector<Snapshot>& snapshots) {
    for (Snapshot& snapshot : destination_.list_snapshots(nullptr, cancel_)) {
      const SnapshotId id = persistent_id(snapshot);
      copies_.emplace(id, std::move(snapshot));
    }
    std::vector<const Snapshot*> wanted;
    for (const Snapshot& snapshot : snapshots) {
      if (const Snapshot* copy = find_copy(snapshot)) {
        ++report_.skipped;
        if (observer_.on_skip) observer_.on_skip(snapshot, copy->id);
      } else {
        wanted.push_back(&snapshot);
      }
    }
    if (wanted.empty()) return report_;
    load_indexes();
    try {
      for (const Snapshot* snapshot : wanted) {
        copy_blobs(*snapshot);
        ready_.push_back(snapshot);
        if (batch_is_full()) save_ready();
      }
    } catch (const base::Error&) {
      // What is whole by now need not be copied again; the failure that ended it is the one to tell.
      try {
        save_ready();
      } catch (const base::Error&) {
      }
      throw;
    }
    save_ready();
    return report_;
  }

 private:
  const Snapshot* find_copy(const Snapshot& snapshot) const {
    const auto [first, last] = copies_.equal_range(persistent_id(snapshot));
    for (auto at = first; at != last; ++at) {
      if (is_copy_of(at->second, snapshot)) return &at->second;
    }
    return nullptr;
  }

  void load_indexes() {
    source_.load_index(cancel_);
    source_.mutable_index().settle();
    destination_.load_index(cancel_);
    walked_ = no_used_blobs(source_.index());
    batch_since_ = destination_.environment().clock.now();
  }

  void copy_blobs(const Snapshot& snapshot) {
    if (observer_.on_start) observer_.on_start(snapshot);
    // By pack of the source.
    std::unordered_map<std::uint32_t, std::vector<PlacedBlob>> packs;
    const BlobIndex& index = source_.index();
    WalkObserver walk;
    walk.on_use = [&](BlobType type, size_t at) {
      const IndexEntry& entry = index.entries(type)[at];
      if (destination_.has_blob({type, entry.id})) return;
      packs[entry.pack].push_back(
          {{type, entry.id},
           {index.packs()[entry.pack], entry.offset, entry.length, entry.uncompressed_length}});
    };
    walk_trees_into(walked_, source_, {snapshot.tree}, walk, cancel_);
    std::uint64_t done = 0;
    const auto tell = [&] {
      if (observer_.on_progress) observer_.on_progress(done, packs.size());
    };
    tell();
    InFlight<int> reads(2 * pool_.size(), [&](int) {
      ++done;
      tell();
    });
    for (auto& [number, blobs] : packs) {
      cancel_.check();
      reads.add(pool_.submit([this, &blobs = blobs] {
        copy_pack(std::move(blobs));
        return 0;
      }));
    }
    reads.finish();
  }

  void copy_pack(std::vector<PlacedBlob> blobs) {
    const PackId pack = blobs.front().location.pack;
    source_.read_pack_blobs(
        pack, std::move(blobs),
        [&](const PlacedBlob& blob, std::string_view plaintext) {
          destination_.save_blob_again(blob.handle, plaintext, cancel_);
          ++blobs_;
          bytes_ += plaintext.size();
          batch_bytes_ += blob.location.length;
        },
        nullptr, cancel_);
  }

  bool batch_is_full() const {
    return batch_bytes_ >= kPacksPerBatch * destination_.options().pack_size ||
           (batch_bytes_ > 0 && destination_.environment().clock.now() - batch_since_ >= kBatchAge);
  }

  void save_ready() {
    destination_.flush(cancel_);
    for (const Snapshot* snapshot : ready_) {
      Snapshot copy = *snapshot;
      copy.parent.reset();
      copy.original = persistent_id(*snapshot);
      const SnapshotId id = destination_.save_snapshot(copy, cancel_);
      ++report_.copied;
      if (observer_.on_saved) observer_.on_saved(*snapshot, id);
    }
    ready_.clear();
    batch_bytes_ = 0;
    batch_since_ = destination_.environment().clock.now();
    report_.blobs = blobs_;
    report_.bytes = bytes_;
  }

  Repository& source_;
  Repository& destination_;
  const base::CancelToken cancel_;
  const CopyObserver& observer_;
  CopyReport report_;
  std::unordered_multimap<SnapshotId, Snapshot> copies_;  // in the destination, by persistent id
  UsedBlobs walked_;
  std::vector<const Snapshot*> ready_;  // their blobs are handed to the destination
  std::atomic<std::uint64_t> blobs_ = 0, bytes_ = 0, batch_bytes_ = 0;
  base::Time batch_since_;
  base::ThreadPool pool_;  // last: its threads use the members above
};

}  // namespace

bool is_copy_of(const Snapshot& copy, const Snapshot& source) {
  const auto comparable = [](Snapshot snapshot) {
    snapshot.parent.reset();
    snapshot.original.reset();
    return encode_snapshot(snapshot);
  };
  return copy.tree == source.tree && comparable(copy) == comparable(source);
}

CopyReport copy_snapshots(Repository& source, Repository& destination, const std::vector<Snapshot>& snapshots,
                          const base::CancelToken& cancel, const CopyObserver& observer) {
  return Copier(source, destination, cancel, observer).run(snapshots);
}

}  // namespace salvor::repository
