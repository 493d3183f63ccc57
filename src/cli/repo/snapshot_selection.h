// Which snapshots a command works on: ids, prefixes, "latest" and "ID:FOLDER" arguments, and the filters
// --host, --tag and --path.
#pragma once

#include <string>
#include <vector>

#include "cli/repo/repo_session.h"
#include "repository/snapshot.h"

namespace salvor::cli {

struct SnapshotFilter {
  std::vector<std::string> hosts, tags, paths;  // each of tags is a comma list that must match as a whole

  // --host (-H unless the command has that already), --tag and --path. Without --host, $RESTIC_HOST is the
  // host; an empty --host unsets it.
  void add_to(CLI::App* command);
  // The hosts after flags and environment; empty: any.
  std::vector<std::string> wanted_hosts() const;
  bool empty() const { return hosts.empty() && tags.empty() && paths.empty(); }
  bool matches(const repository::Snapshot& snapshot) const;
};

// "a,b" -> {"a", "b"}; "" -> {}.
std::vector<std::string> split_tags(const std::string& list);
std::vector<std::vector<std::string>> split_tag_lists(const std::vector<std::string>& lists);

// All readable snapshots, ascending by time; others are warned of.
std::vector<repository::Snapshot> load_snapshots(RepoSession& session);
std::vector<repository::Snapshot> load_snapshots(RepoSession& session, repository::Repository& repository);
// Those named (each once, "latest" among those that match), or all that match the filter. An argument that
// names none is warned of.
std::vector<repository::Snapshot> select_snapshots(RepoSession& session,
                                                   const std::vector<std::string>& arguments,
                                                   const SnapshotFilter& filter);
// As select_snapshots, of another repository than the session's.
std::vector<repository::Snapshot> select_snapshots_in(RepoSession& session,
                                                      repository::Repository& repository,
                                                      const std::vector<std::string>& arguments,
                                                      const SnapshotFilter& filter);
struct SelectedFolder {
  repository::Snapshot snapshot;
  std::string folder;  // behind the colon; may be empty
};
// One "ID[:FOLDER]" or "latest[:FOLDER]". Throws kNotFound.
SelectedFolder select_snapshot(RepoSession& session, const std::string& argument,
                               const SnapshotFilter& filter);

// "2026-11-22 23:10:58" of a snapshot in this machine's zone.
std::string local_time_text(const repository::Snapshot& snapshot);
// "2026-11-22 23:10:58.123 +0100 CET", as Go prints a time.
std::string long_time_text(const repository::Snapshot& snapshot);
// As a command's --json shows it: the stored document with "id" and "short_id".
codec::Json snapshot_json(const repository::Snapshot& snapshot);

}  // namespace salvor::cli
