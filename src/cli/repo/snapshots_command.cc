#include <CLI/CLI.hpp>

#include "base/error.h"
#include "cli/repo/commands.h"
#include "cli/repo/repo_table.h"
#include "cli/repo/snapshot_selection.h"

namespace salvor::cli {
namespace {

using repository::Snapshot;

struct SnapshotsFlags {
  SnapshotFilter filter;
  std::vector<std::string> ids;
  std::string group_by;
  int latest = 0;
  bool compact = false, only_last = false;
};

// The newest `count` of each host and path set.
std::vector<Snapshot> newest_of_each(const std::vector<Snapshot>& snapshots, int count) {
  std::map<std::pair<std::string, std::vector<std::string>>, int> seen;
  std::vector<Snapshot> kept;
  for (auto snapshot = snapshots.rbegin(); snapshot != snapshots.rend(); ++snapshot) {
    if (seen[{snapshot->hostname, snapshot->paths}]++ < count) kept.push_back(*snapshot);
  }
  std::reverse(kept.begin(), kept.end());
  return kept;
}

std::string group_title(const repository::SnapshotGroup& group, const repository::GroupBy& by) {
  std::vector<std::string> parts;
  if (by.host) parts.push_back(fmt::format("host [{}]", group.hostname));
  if (by.tags) parts.push_back(fmt::format("tags [{}]", fmt::join(group.tags, ", ")));
  if (by.paths) parts.push_back(fmt::format("paths [{}]", fmt::join(group.paths, ", ")));
  return fmt::format("snapshots for ({}):\n", fmt::join(parts, ", "));
}

codec::Json list_json(const std::vector<Snapshot>& snapshots) {
  codec::Json list = codec::Json::array();
  for (const Snapshot& snapshot : snapshots) list.push_back(snapshot_json(snapshot));
  return list;
}

void print_grouped(RepoSession& session, std::vector<Snapshot> snapshots, const SnapshotsFlags& flags) {
  const auto by = repository::GroupBy::parse(flags.group_by);
  codec::Json groups = codec::Json::array();
  for (const auto& group : repository::group_snapshots(std::move(snapshots), by)) {
    if (!session.flags().json) {
      session.print("{}{}", group_title(group, by), snapshot_table(group.snapshots, {}, flags.compact));
      continue;
    }
    codec::Json json;
    json["group_key"]["hostname"] = by.host ? group.hostname : "";
    json["group_key"]["paths"] = by.paths ? codec::Json(group.paths) : codec::Json(nullptr);
    json["group_key"]["tags"] = by.tags ? codec::Json(group.tags) : codec::Json(nullptr);
    json["snapshots"] = list_json(group.snapshots);
    groups.push_back(std::move(json));
  }
  if (session.flags().json) session.print_json(groups);
}

int run_snapshots(RepoSession& session, const SnapshotsFlags& flags) {
  session.lock(repository::LockMode::kShared, true);
  std::vector<Snapshot> snapshots = select_snapshots(session, flags.ids, flags.filter);
  std::sort(snapshots.begin(), snapshots.end(),
            [](const auto& a, const auto& b) { return a.instant() < b.instant(); });
  const int latest = flags.only_last ? 1 : flags.latest;
  if (latest > 0) snapshots = newest_of_each(snapshots, latest);
  if (!flags.group_by.empty()) {
    print_grouped(session, std::move(snapshots), flags);
  } else if (session.flags().json) {
    session.print_json(list_json(snapshots));
  } else {
    session.print("{}", snapshot_table(snapshots, {}, flags.compact));
  }
  return 0;
}

}  // namespace

void add_snapshots_command(CLI::App& repo, const RepoCommonPointer& common) {
  const auto flags = std::make_shared<SnapshotsFlags>();
  CLI::App* command =
      add_repo_command(repo, common, "snapshots", "List all snapshots",
                       [flags](RepoSession& session) { return run_snapshots(session, *flags); });
  command->add_option("snapshotID", flags->ids, "snapshot IDs");
  flags->filter.add_to(command);
  command->add_flag("-c,--compact", flags->compact, "use compact output format");
  command->add_option("--latest", flags->latest, "only show the last n snapshots for each host and path")
      ->type_name("n");
  command->add_flag("--last", flags->only_last, "")->group("");  // what --latest 1 was called
  command
      ->add_option("-g,--group-by", flags->group_by,
                   "group snapshots by host, paths and/or tags, separated by comma")
      ->type_name("group");
  add_examples(command,
               "# All snapshots.\n{} repo snapshots\n\n"
               "# The newest of each host and path, as JSON.\n{} repo snapshots --latest 1 --json\n\n"
               "# Those with both tags, of one host.\n{} repo snapshots --tag nightly,db --host web1");
}

}  // namespace salvor::cli
