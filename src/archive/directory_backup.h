// One call to save directories or files into a repository as a snapshot: what `salvor repo backup` and the
// pod-volume data mover share.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/log.h"
#include "repository/ids.h"
#include "repository/repository.h"
#include "repository/snapshot.h"

namespace salvor::archive {

struct BackupProgress {
  std::uint64_t files_done = 0, files_total = 0;  // totals are 0 until the scan knows them
  std::uint64_t bytes_done = 0, bytes_total = 0;
  std::uint64_t errors = 0;
  std::string current;  // a path being read
};

struct BackupRequest {
  // As given on the command line. With `relative_root`, "." is taken from that directory and paths in the
  // tree are relative to it (what Velero's restic uploader does: the snapshot's tree root is the volume
  // itself).
  std::vector<std::string> targets;
  std::filesystem::path relative_root;
  std::string hostname;  // empty: this machine's
  std::vector<std::string> tags;
  std::vector<std::string> paths_override;  // snapshot "paths" when not the targets
  std::vector<std::string> excludes;        // restic patterns
  bool one_file_system = false;
  bool force = false;  // no parent: read everything
  bool dry_run = false;
  bool scan = true;                              // count files and bytes beside the backup, for progress
  std::optional<repository::SnapshotId> parent;  // else the newest matching host and paths
  std::optional<base::Time> time;
  unsigned read_concurrency = 2;
  std::string program_version = "salvor";
};

struct BackupReport {
  std::optional<repository::SnapshotId> snapshot;  // absent after a dry run
  repository::SnapshotSummary summary;
  // Files that could not be read; the snapshot holds the rest (restic's exit code 3).
  std::vector<std::string> errors;
};

// Blocks until the snapshot is stored. `progress` is called from one thread at a time, at most about ten
// times a second. Throws on store failures, cancellation, and when no target can be read.
BackupReport backup_directories(repository::Repository& repository, const BackupRequest& request,
                                const std::function<void(const BackupProgress&)>& progress,
                                base::Logger logger, const base::CancelToken& cancel);

}  // namespace salvor::archive
