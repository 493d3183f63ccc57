// New snapshots in place of old ones: without some files, with other metadata (`rewrite`), or without what is
// damaged (`repair snapshots`). The order is: trees, index, new snapshot, and only then, if asked for, the
// old one is removed. The caller holds a lock (exclusive if old snapshots are to go) and has loaded the
// index. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "archive/path_pattern.h"
#include "archive/tree_rewriter.h"
#include "base/cancel.h"
#include "repository/repository.h"

namespace salvor::archive {

struct RewriteRequest {
  PathFilter excludes, case_insensitive_excludes;  // at most one of excludes and includes
  PathFilter includes, case_insensitive_includes;
  std::optional<std::string> new_host;
  std::optional<std::string> new_time;  // RFC 3339
  bool add_summary = false;             // where a snapshot has none: number and size of its files
  bool forget = false;                  // remove the old snapshot; else the new one is tagged "rewrite"
  bool dry_run = false;
  std::function<void(const std::string& path)> on_left_out;
};

struct SnapshotChange {
  bool changed = false;                         // or with dry_run would be
  std::optional<repository::SnapshotId> saved;  // the new snapshot
  bool removed = false;                         // the old one
  bool nothing_left = false;                    // no tree is left of it
};

class SnapshotRewriter {
 public:
  // Both must outlive the rewriter.
  SnapshotRewriter(repository::Repository& repository, const RewriteRequest& request);
  SnapshotChange rewrite(const repository::Snapshot& snapshot, const base::CancelToken& cancel);

 private:
  repository::Repository& repository_;
  const RewriteRequest& request_;
  TreeRewriter trees_;
};

struct RepairRequest {
  bool forget = false;  // remove the damaged snapshot; else the new one is tagged "repaired"
  bool dry_run = false;
  // "file "/a": removed missing content" and the like.
  std::function<void(const std::string& finding)> on_finding;
};

// Cuts out of files what no pack holds, puts empty directories in place of unreadable ones. A snapshot whose
// root is unreadable has nothing left and is removed.
class SnapshotRepairer {
 public:
  SnapshotRepairer(repository::Repository& repository, const RepairRequest& request);
  SnapshotChange repair(const repository::Snapshot& snapshot, const base::CancelToken& cancel);

 private:
  repository::Repository& repository_;
  const RepairRequest& request_;
  TreeRewriter trees_;
};

}  // namespace salvor::archive
