#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/error.h"
#include "cli/repo/commands.h"
#include "cli/repo/snapshot_changes.h"
#include "cli/repo/snapshot_selection.h"

namespace salvor::cli {
namespace {

using repository::Snapshot;

struct TagFlags {
  SnapshotFilter filter;
  std::vector<std::string> ids, set, add, remove;
};

bool change_tags(Snapshot& snapshot, const TagFlags& flags) {
  std::vector<std::string> tags = snapshot.tags;
  const auto flat = [](const std::vector<std::string>& lists) {
    std::vector<std::string> all;
    for (const std::string& list : lists) {
      for (std::string& tag : split_tags(list)) all.push_back(std::move(tag));
    }
    return all;
  };
  if (!flags.set.empty()) tags = flat(flags.set);
  for (const std::string& tag : flat(flags.add)) {
    if (std::find(tags.begin(), tags.end(), tag) == tags.end()) tags.push_back(tag);
  }
  for (const std::string& tag : flat(flags.remove)) std::erase(tags, tag);
  if (tags == snapshot.tags) return false;
  snapshot.tags = std::move(tags);
  return true;
}

int run_tag(RepoSession& session, const TagFlags& flags) {
  if (flags.set.empty() && flags.add.empty() && flags.remove.empty()) {
    throw base::Error(base::ErrorCode::kInvalidArgument, "nothing to do!");
  }
  if (!flags.set.empty() && (!flags.add.empty() || !flags.remove.empty())) {
    throw base::Error(base::ErrorCode::kInvalidArgument,
                      "--set and --add/--remove cannot be given at the same time");
  }
  lock_exclusively(session);
  std::uint64_t changed = 0;
  for (Snapshot& snapshot : select_snapshots(session, flags.ids, flags.filter)) {
    const repository::SnapshotId before = snapshot.id;
    if (!change_tags(snapshot, flags)) continue;
    if (!snapshot.original) snapshot.original = before;
    const repository::SnapshotId after = session.repository().save_snapshot(snapshot, session.cancel());
    session.repository().remove_snapshot(before, session.cancel());
    ++changed;
    if (!session.flags().json) continue;
    codec::Json json;
    json["message_type"] = "changed";
    json["old_snapshot_id"] = before.hex();
    json["new_snapshot_id"] = after.hex();
    session.print_json(json);
  }
  if (session.flags().json) {
    codec::Json json;
    json["message_type"] = "summary";
    json["changed_snapshots"] = changed;
    session.print_json(json);
  } else if (session.text()) {
    if (changed == 0) session.print("no snapshots were modified\n");
    if (changed != 0) session.print("modified {} snapshots\n", changed);
  }
  return 0;
}

}  // namespace

void add_tag_command(CLI::App& repo, const RepoCommonPointer& common) {
  const auto flags = std::make_shared<TagFlags>();
  CLI::App* command = add_repo_command(repo, common, "tag", "Modify tags on snapshots",
                                       [flags](RepoSession& session) { return run_tag(session, *flags); });
  command->add_option("snapshotID", flags->ids, "snapshots to change (default: all)");
  flags->filter.add_to(command);
  const std::string format = " in the format `tag[,tag,...]` (can be given multiple times)";
  add_list_option(command, "--set", flags->set,
                  "tags which will replace the existing tags" + format + "; an empty one removes all",
                  "tags");
  add_list_option(command, "--add", flags->add, "tags which will be added to the existing tags" + format,
                  "tags");
  add_list_option(command, "--remove", flags->remove,
                  "tags which will be removed from the existing tags" + format, "tags");
  add_examples(command,
               "# Keep the newest snapshot of a host from being forgotten by forget --keep-tag keep.\n"
               "{} repo tag --add keep --host web latest\n\n"
               "# Replace all tags of two snapshots.\n{} repo tag --set nightly,db 1a2b3c4d 5e6f7a8b");
}

}  // namespace salvor::cli
