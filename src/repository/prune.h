// Removes what no snapshot needs. plan() reads all trees and decides pack by pack; apply() acts in the one
// order that a crash cannot turn into damage: unreferenced packs, new packs, new indexes, old indexes, old
// packs. The caller holds an exclusive lock and has loaded the index. Memory: the index, one bit a blob, four
// bytes a blob.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "repository/repository.h"

namespace salvor::repository {

struct PruneOptions {
  // How much unused space may stay: "5%" (of the repository after prune), "unlimited", or bytes ("200M").
  std::string max_unused = "5%";
  std::optional<std::uint64_t> max_repack_bytes;
  std::optional<std::uint64_t> repack_smaller_than;  // bytes; unset: 0.8 * max(4 MiB, the 3rd percentile)
  bool repack_cacheable_only = false;                // repack tree packs only
  bool repack_uncompressed = false;
  // For a store that is full to the last byte: repacks nothing, and removes index files before anything is
  // written. Dying in the middle leaves a repository without index, which repair_index makes anew.
  bool without_free_space = false;
  // Plan as if these snapshots were removed; for a plan that is only shown.
  std::vector<SnapshotId> without_snapshots = {};
};

struct PrunePlan {
  std::vector<std::string> unreferenced;  // packs in the store and in no index
  std::vector<PackId> remove;             // packs without any needed blob
  std::vector<PackId> repack;             // packs whose needed blobs move to new packs
  std::vector<PackId> missing;            // in the index, not in the store, and not needed
  std::vector<PackId> revived;            // marked for deletion (by rustic), and needed

  struct Totals {
    std::uint64_t blobs = 0, bytes = 0;
  };
  Totals used, duplicate, unused, repacked, repack_removed, removed, kept_unused;
  std::uint64_t total_packs = 0, kept_packs = 0;
  std::uint64_t unreferenced_bytes = 0;
  bool compress = false;  // what is repacked and stored uncompressed
  bool without_free_space = false;
  bool redundant_index = false;  // packs are in several index files, which a prune that died leaves

  bool nothing_to_do() const {
    return unreferenced.empty() && remove.empty() && repack.empty() && missing.empty() && revived.empty();
  }

  // Which copy of each needed blob is the one to keep; a bit per index entry. For apply().
  std::vector<std::vector<bool>> keep;
};

// Throws kInvalidArgument for what PruneOptions::max_unused cannot be.
void check_max_unused(const std::string& text);

struct PruneProgress {
  std::string phase;  // "reading trees", "repacking", "writing index", "deleting"
  std::uint64_t done = 0, total = 0;
};
using PruneObserver = std::function<void(const PruneProgress&)>;

// Throws kCorrupt when a needed blob or pack is missing: pruning would make the damage final.
PrunePlan plan_prune(Repository& repository, const PruneOptions& options, const base::CancelToken& cancel,
                     const PruneObserver& observer = nullptr);
// `repository` must have seen no writes since the plan.
void apply_prune(Repository& repository, const PrunePlan& plan, const base::CancelToken& cancel,
                 const PruneObserver& observer = nullptr);

}  // namespace salvor::repository
