// Makes the index tell what the packs hold: drops packs that are gone, reads the headers of packs that are
// missing from it or do not agree with it, and replaces index files that cannot be read. No pack is changed.
// The caller holds an exclusive lock. Memory: the index. Dying in the middle leaves the old index files, the
// new ones, or both: running it again ends it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "repository/repository.h"

namespace salvor::repository {

struct RepairIndexOptions {
  bool read_all_packs = false;  // trust no index file, read every pack's header
};

struct RepairIndexProgress {
  std::string phase;  // "loading indexes", "reading pack files", "rebuilding index", "deleting old indexes"
  std::uint64_t done = 0, total = 0;
};

struct RepairIndexReport {
  std::vector<std::string> damaged_files;  // index files that could not be read
  std::vector<PackId> removed;             // packs that the index named and the store does not have
  std::vector<PackId> reread;              // packs that did not agree with the index
  std::vector<PackId> added;               // packs that were in no index
  std::vector<std::string> unreadable;     // what is wrong with packs whose header cannot be read
  std::uint64_t replaced_files = 0;        // index files that were replaced
  bool changed() const { return replaced_files != 0 || !added.empty(); }
};

struct RepairIndexObserver {
  std::function<void(const RepairIndexProgress&)> on_progress;
  // One finding, in words.
  std::function<void(const std::string&)> on_finding;
};

// Loads the index anew at the end.
RepairIndexReport repair_index(Repository& repository, const RepairIndexOptions& options,
                               const base::CancelToken& cancel, const RepairIndexObserver& observer = {});

}  // namespace salvor::repository
