// Tests a repository without changing it: index against packs, trees against index, and on demand every byte.
// The caller holds a lock. Findings go to the report, not into exceptions; those mean that check itself could
// not run.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "repository/repository.h"

namespace salvor::repository {

struct CheckOptions {
  bool read_data = false;        // download every pack
  std::string read_data_subset;  // "n/t", "x%", or a size ("500M"); empty: none
  // Only these snapshots' trees are walked, and only packs that they need are read; nullptr: all.
  std::function<bool(const Snapshot&)> only = nullptr;
};

// Throws kInvalidArgument for a malformed subset.
void check_subset(const CheckOptions& options);

struct CheckReport {
  std::vector<std::string> errors;  // damage
  std::vector<std::string> hints;   // orphaned or mixed packs, a pack in several indexes: not damage
  std::vector<PackId> broken_packs;
  std::uint64_t orphaned_packs = 0;
  std::uint64_t snapshots = 0, trees = 0, packs = 0, packs_read = 0, bytes_read = 0;
  bool suggest_repair_index = false, suggest_prune = false;
  bool clean() const { return errors.empty(); }
};

struct CheckProgress {
  std::string phase;  // "loading index", "packs", "snapshots", "reading data"
  std::uint64_t done = 0, total = 0;
};

// Loads the index itself. Throws kInvalidArgument for a malformed subset.
CheckReport check_repository(Repository& repository, const CheckOptions& options,
                             const base::CancelToken& cancel,
                             const std::function<void(const CheckProgress&)>& observer = nullptr);

}  // namespace salvor::repository
