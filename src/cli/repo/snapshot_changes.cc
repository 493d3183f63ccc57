#include "cli/repo/snapshot_changes.h"

#include "cli/repo/snapshot_selection.h"

namespace salvor::cli {

std::string snapshot_title(const repository::Snapshot& snapshot) {
  return fmt::format("snapshot {} of [{}] at {} by {}@{}", snapshot.id.short_hex(),
                     fmt::join(snapshot.paths, " "), long_time_text(snapshot), snapshot.username,
                     snapshot.hostname);
}

void print_change_json(RepoSession& session, const repository::Snapshot& snapshot,
                       const archive::SnapshotChange& change) {
  if (!session.flags().json || !change.changed) return;
  codec::Json json;
  json["message_type"] = "changed";
  json["old_snapshot_id"] = snapshot.id.hex();
  if (change.saved) json["new_snapshot_id"] = change.saved->hex();
  json["removed"] = change.removed;
  session.print_json(json);
}

void print_changed_total(RepoSession& session, std::uint64_t changed, bool dry_run) {
  if (session.flags().json) {
    codec::Json json;
    json["message_type"] = "summary";
    json["changed_snapshots"] = changed;
    json["dry_run"] = dry_run;
    session.print_json(json);
  } else if (session.text()) {
    if (changed == 0) {
      session.print("\nno snapshots were modified\n");
    } else {
      session.print("\n{} {} snapshots\n", dry_run ? "would modify" : "modified", changed);
    }
  }
}

void lock_exclusively(RepoSession& session, bool may_skip) {
  const bool skipped = may_skip && session.flags().no_lock;
  if (session.text() && !skipped) session.print("create exclusive lock for repository\n");
  session.lock(repository::LockMode::kExclusive, may_skip);
}

}  // namespace salvor::cli
