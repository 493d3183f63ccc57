// One call to bring a snapshot, or a folder of it, back to a directory.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/log.h"
#include "repository/repository.h"
#include "repository/snapshot.h"

namespace salvor::archive {

struct RestoreProgress {
  std::uint64_t files_done = 0, files_total = 0;
  std::uint64_t bytes_done = 0, bytes_total = 0;
};

struct RestoreRequest {
  std::string subfolder;  // restic's <id>:<subfolder>; empty: the whole tree
  std::filesystem::path target;
  std::vector<std::string> includes, excludes;  // restic patterns, matched against paths in the snapshot
  bool verify = false;                          // read back and compare the hashes
  bool sparse = false;
  enum class Overwrite { kAlways, kIfChanged, kIfNewer, kNever } overwrite = Overwrite::kAlways;
};

struct RestoreReport {
  std::uint64_t files = 0, bytes = 0;
  std::vector<std::string> errors;  // items that could not be restored; everything else was
};

RestoreReport restore_snapshot(repository::Repository& repository, const repository::Snapshot& snapshot,
                               const RestoreRequest& request,
                               const std::function<void(const RestoreProgress&)>& progress,
                               base::Logger logger, const base::CancelToken& cancel);

}  // namespace salvor::archive
