// Saves what can still be read of damaged packs: every blob that opens goes into new packs, then the index no
// longer names the old ones, then they are removed. A pack that is missing is only taken out of the index.
// The caller holds an exclusive lock. Memory: the index and one pack. The order is prune's: dying in the
// middle leaves duplicates or unreferenced packs, and the damage as it was.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "repository/repository.h"

namespace salvor::repository {

struct RepairPacksObserver {
  // The bytes of a pack before anything is changed, as far as they can be read: the user's copy. Throwing
  // ends the repair.
  std::function<void(const PackId& pack, std::string_view bytes)> on_pack;
  // One finding, in words.
  std::function<void(const std::string&)> on_finding;
  std::function<void(const std::string& phase, std::uint64_t done, std::uint64_t total)> on_progress;
};

struct RepairPacksReport {
  std::uint64_t saved_blobs = 0;
  std::vector<BlobHandle> lost;  // in none of the packs, and in no other, readable
  std::vector<PackId> missing;   // packs that the store does not have
};

// Loads the index itself. Throws kNotFound when a pack is neither in the index nor in the store.
RepairPacksReport repair_packs(Repository& repository, const std::vector<PackId>& packs,
                               const base::CancelToken& cancel, const RepairPacksObserver& observer = {});

}  // namespace salvor::repository
