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
  std::uint64_t files_skipped = 0, bytes_skipped = 0;  // there already, or not to be overwritten
  std::uint64_t files_deleted = 0;  // with `delete_extra`; directories and all else included
};

struct RestoredItem {
  enum class Action { kRestored, kUpdated, kUnchanged, kDeleted } action = Action::kRestored;
  std::string path;  // in the snapshot; of what was deleted, in the file system
  std::uint64_t size = 0;
};

struct RestoreRequest {
  std::string subfolder;  // restic's <id>:<subfolder>; empty: the whole tree
  std::filesystem::path target;
  std::vector<std::string> includes, excludes;  // restic patterns, matched against paths in the snapshot
  std::vector<std::string> case_insensitive_includes, case_insensitive_excludes;
  bool verify = false;  // read back and compare the hashes
  bool sparse = false;
  unsigned threads = 0;  // that fetch and write contents; 0: as many as suit the store
  bool dry_run = false;  // walk and count, write nothing
  // Remove what the target holds beside the snapshot's files, as far as includes and excludes select it.
  bool delete_extra = false;
  // Patterns on the names of extended attributes; at most one of the lists may hold any.
  std::vector<std::string> attribute_includes, attribute_excludes;
  bool ownership_by_name = false;  // owners by the names in the snapshot; unknown ones are root's
  enum class Overwrite { kAlways, kIfChanged, kIfNewer, kNever } overwrite = Overwrite::kAlways;
  // Called from one thread at a time.
  std::function<void(const std::string& path, const std::string& message)> on_error = nullptr;
  std::function<void(const RestoredItem&)> on_item = nullptr;
};

struct RestoreReport {
  std::uint64_t files = 0, bytes = 0;
  std::uint64_t files_skipped = 0, bytes_skipped = 0;
  std::uint64_t files_deleted = 0;
  std::uint64_t items = 0;           // directories and everything else included
  std::uint64_t verified_files = 0;  // with `verify`
  std::vector<std::string> errors;   // items that could not be restored; everything else was
};

// Loads the index itself. The target is created if it is not there; what it holds beside the snapshot's files
// stays unless `delete_extra`. Nothing is written outside of it, whatever names and links the snapshot has.
// Throws on a damaged root tree, an unknown subfolder (kNotFound), a full disk (kNoSpace) and cancellation;
// the rest is in the report.
RestoreReport restore_snapshot(repository::Repository& repository, const repository::Snapshot& snapshot,
                               const RestoreRequest& request,
                               const std::function<void(const RestoreProgress&)>& progress,
                               base::Logger logger, const base::CancelToken& cancel);

// The tree at "a/b" below `root` (empty path: root itself). kNotFound, kInvalidArgument when it is no
// directory.
repository::BlobId find_subtree(repository::Repository& repository, const repository::BlobId& root,
                                const std::string& path, const base::CancelToken& cancel);

}  // namespace salvor::archive
