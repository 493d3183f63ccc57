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
#include "base/stream.h"
#include "repository/forget_policy.h"
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

// What became of one file or directory, for those who want to see them all.
struct BackedUpItem {
  enum class Action { kNew, kChanged, kUnmodified } action = Action::kNew;
  std::string path;  // in the snapshot; directories end with "/"
  double seconds = 0;
  std::uint64_t data_size = 0, data_size_in_repo = 0;          // of new data blobs
  std::uint64_t metadata_size = 0, metadata_size_in_repo = 0;  // of new tree blobs
};

struct BackupRequest {
  // As given on the command line. With `relative_root`, "." is taken from that directory and paths in the
  // tree are relative to it (what Velero's restic uploader does: the snapshot's tree root is the volume
  // itself).
  std::vector<std::string> targets;
  std::filesystem::path relative_root;
  std::string hostname;  // empty: this machine's
  std::vector<std::string> tags;
  std::vector<std::string> paths_override;       // snapshot "paths" when not the targets
  std::vector<std::string> excludes;             // restic patterns, recorded in the snapshot
  std::vector<std::string> unrecorded_excludes;  // as excludes, from --exclude-file
  std::vector<std::string> case_insensitive_excludes;
  std::vector<std::string> exclude_if_present;  // "NAME[:HEADER]": a directory that holds it keeps only NAME
  bool exclude_caches = false;                  // as exclude_if_present, for CACHEDIR.TAG
  std::optional<std::uint64_t> exclude_larger_than;  // bytes
  bool with_atime = false;
  // When comparing with the parent; ignore_inode implies ignore_ctime.
  bool ignore_ctime = false, ignore_inode = false;
  bool skip_if_unchanged = false;         // no snapshot when the tree equals the parent's
  repository::GroupBy parent_group_by{};  // what a parent must have in common: host and paths
  bool one_file_system = false;
  bool force = false;  // no parent: read everything
  bool dry_run = false;
  bool scan = true;                              // count files and bytes beside the backup, for progress
  std::optional<repository::SnapshotId> parent;  // else the newest matching host and paths
  std::optional<base::Time> time;
  unsigned read_concurrency = 2;
  std::string program_version = "salvor";
  // Called from one thread at a time. `path` may be empty.
  std::function<void(const std::string& path, const std::string& message)> on_error = nullptr;
  std::function<void(const BackedUpItem&)> on_item = nullptr;
  // Before files are read: what they are compared with, nullptr: nothing.
  std::function<void(const repository::Snapshot* parent)> on_parent = nullptr;
};

struct BackupReport {
  std::optional<repository::SnapshotId> snapshot;  // absent after a dry run
  repository::SnapshotSummary summary;
  // Files that could not be read; the snapshot holds the rest (restic's exit code 3).
  std::vector<std::string> errors;
  std::optional<repository::Snapshot> parent;  // what the files were compared with
  bool skipped = false;                        // skip_if_unchanged, and nothing changed
};

// Blocks until the snapshot is stored. `progress` is called from one thread at a time, at most about ten
// times a second. Throws on store failures, cancellation, and when no target can be read.
BackupReport backup_directories(repository::Repository& repository, const BackupRequest& request,
                                const std::function<void(const BackupProgress&)>& progress,
                                base::Logger logger, const base::CancelToken& cancel);

// Saves what `source` delivers as the one file "/filename" (mode 0644, modified now): `backup --stdin`. Of
// the request, what concerns files is ignored.
BackupReport backup_stream(repository::Repository& repository, const BackupRequest& request,
                           base::Source& source, const std::string& filename,
                           const std::function<void(const BackupProgress&)>& progress, base::Logger logger,
                           const base::CancelToken& cancel);

}  // namespace salvor::archive
