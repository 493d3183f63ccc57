// What the commands that make snapshots out of others (rewrite, repair snapshots, copy, tag) say about them.
#pragma once

#include <string>

#include "archive/snapshot_rewrite.h"
#include "cli/repo/repo_session.h"

namespace salvor::cli {

// "snapshot 94fd45ed of [/home] at 2026-11-26 05:48:02.657743766 +0000 UTC by root@host".
std::string snapshot_title(const repository::Snapshot& snapshot);

// With --json, one line for a snapshot that was replaced, removed, or with --dry-run would be.
void print_change_json(RepoSession& session, const repository::Snapshot& snapshot,
                       const archive::SnapshotChange& change);
// The end: "modified 2 snapshots", with --json the summary.
void print_changed_total(RepoSession& session, std::uint64_t changed, bool dry_run);

// Says so and takes the exclusive lock until the session ends.
void lock_exclusively(RepoSession& session, bool may_skip = false);

}  // namespace salvor::cli
