#include <CLI/CLI.hpp>

#include "base/error.h"
#include "cli/repo/commands.h"
#include "cli/repo/phase_display.h"
#include "cli/repo/prune_run.h"
#include "cli/repo/repo_table.h"
#include "cli/repo/snapshot_selection.h"

namespace salvor::cli {
namespace {

using base::ErrorCode;
using repository::Snapshot;

constexpr int kSomeNotRemoved = 3;

struct ForgetFlags {
  SnapshotFilter filter;
  std::vector<std::string> ids;
  std::map<std::string, std::string> counts, durations;  // by flag
  std::vector<std::string> keep_tags;
  std::string group_by = "host,paths";
  bool compact = false, dry_run = false, prune = false, allow_remove_all = false;
  PruneFlags prune_flags;
};

repository::ForgetPolicy make_policy(const ForgetFlags& flags) {
  repository::ForgetPolicy policy;
  const std::map<std::string, int*> counts{
      {"--keep-last", &policy.last},       {"--keep-hourly", &policy.hourly},
      {"--keep-daily", &policy.daily},     {"--keep-weekly", &policy.weekly},
      {"--keep-monthly", &policy.monthly}, {"--keep-yearly", &policy.yearly}};
  for (const auto& [flag, value] : counts) {
    const std::string& text = flags.counts.at(flag);
    if (!text.empty()) *value = repository::parse_keep_count(text, flag);
  }
  const std::map<std::string, repository::CalendarDuration*> durations{
      {"--keep-within", &policy.within},
      {"--keep-within-hourly", &policy.within_hourly},
      {"--keep-within-daily", &policy.within_daily},
      {"--keep-within-weekly", &policy.within_weekly},
      {"--keep-within-monthly", &policy.within_monthly},
      {"--keep-within-yearly", &policy.within_yearly}};
  for (const auto& [flag, value] : durations) {
    const std::string& text = flags.durations.at(flag);
    if (!text.empty()) *value = repository::CalendarDuration::parse(text);
  }
  policy.tags = split_tag_lists(flags.keep_tags);
  return policy;
}

// "keep 2 hourly, 3 daily snapshots, daily snapshots within 3d and all snapshots with tags [[a, b]]".
std::string policy_text(const ForgetFlags& flags) {
  std::vector<std::string> parts;
  const std::pair<const char*, const char*> kinds[] = {
      {"--keep-last", "latest"},   {"--keep-hourly", "hourly"},   {"--keep-daily", "daily"},
      {"--keep-weekly", "weekly"}, {"--keep-monthly", "monthly"}, {"--keep-yearly", "yearly"}};
  for (const auto& [flag, noun] : kinds) {
    if (const std::string& text = flags.counts.at(flag); !text.empty() && text != "0") {
      parts.push_back(fmt::format("{} {}", text == "-1" || text == "unlimited" ? "all" : text, noun));
    }
  }
  std::string all = parts.empty() ? "" : fmt::format("{} snapshots", fmt::join(parts, ", "));
  for (const char* kind : {"hourly", "daily", "weekly", "monthly", "yearly"}) {
    if (const std::string& text = flags.durations.at(fmt::format("--keep-within-{}", kind)); !text.empty()) {
      all += fmt::format("{}{} snapshots within {}", all.empty() ? "" : ", ", kind, text);
    }
  }
  const auto and_all = [&](const std::string& what) {
    all += fmt::format("{}all snapshots {}", all.empty() ? "" : " and ", what);
  };
  if (!flags.keep_tags.empty()) {
    std::vector<std::string> lists;
    for (const auto& tags : split_tag_lists(flags.keep_tags)) {
      lists.push_back(fmt::format("[{}]", fmt::join(tags, ", ")));
    }
    and_all(fmt::format("with tags [{}]", fmt::join(lists, " ")));
  }
  if (const std::string& text = flags.durations.at("--keep-within"); !text.empty()) {
    and_all(fmt::format("within {} of the newest", text));
  }
  return all.empty() ? "remove" : "keep " + all;
}

codec::Json list_json(const std::vector<Snapshot>& snapshots) {
  if (snapshots.empty()) return nullptr;
  codec::Json list = codec::Json::array();
  for (const Snapshot& snapshot : snapshots) list.push_back(snapshot_json(snapshot));
  return list;
}

codec::Json group_json(const repository::SnapshotGroup& group, const repository::ForgetDecision& decision) {
  codec::Json json;
  json["tags"] = group.tags.empty() ? codec::Json(nullptr) : codec::Json(group.tags);
  json["host"] = group.hostname;
  json["paths"] = group.paths.empty() ? codec::Json(nullptr) : codec::Json(group.paths);
  json["keep"] = list_json(decision.keep);
  json["remove"] = list_json(decision.remove);
  json["reasons"] = codec::Json::array();
  for (const auto& reason : decision.reasons) {
    codec::Json one;
    one["snapshot"] = snapshot_json(reason.snapshot);
    one["matches"] = reason.matches;
    json["reasons"].push_back(std::move(one));
  }
  return json;
}

void print_group(RepoSession& session, const repository::SnapshotGroup& group, const repository::GroupBy& by,
                 const repository::ForgetDecision& decision, bool several, bool compact) {
  if (several) {
    std::vector<std::string> parts;
    if (by.host) parts.push_back(fmt::format("host [{}]", group.hostname));
    if (by.tags) parts.push_back(fmt::format("tags [{}]", fmt::join(group.tags, ", ")));
    if (by.paths) parts.push_back(fmt::format("paths [{}]", fmt::join(group.paths, ", ")));
    session.print("snapshots for ({}):\n\n", fmt::join(parts, ", "));
  }
  const auto ascending = [](std::vector<Snapshot> snapshots) {
    std::reverse(snapshots.begin(), snapshots.end());
    return snapshots;
  };
  if (!decision.keep.empty()) {
    session.print("keep {} snapshots:\n{}\n", decision.keep.size(),
                  snapshot_table(ascending(decision.keep), decision.reasons, compact));
  }
  if (!decision.remove.empty()) {
    session.print("remove {} snapshots:\n{}\n", decision.remove.size(),
                  snapshot_table(ascending(decision.remove), {}, compact));
  }
}

std::string group_name(const repository::SnapshotGroup& group, const repository::GroupBy& by) {
  std::vector<std::string> parts;
  if (by.host) parts.push_back("host " + group.hostname);
  if (by.tags) parts.push_back(fmt::format("tag [{}]", fmt::join(group.tags, " ")));
  if (by.paths) parts.push_back(fmt::format("path [{}]", fmt::join(group.paths, " ")));
  return fmt::format("{}", fmt::join(parts, ", "));
}

// What the policy lets go; with --json prints the decision.
std::vector<Snapshot> apply_to_groups(RepoSession& session, const ForgetFlags& flags,
                                      const repository::ForgetPolicy& policy) {
  if (session.text()) session.print("Applying Policy: {}\n", policy_text(flags));
  const auto by = repository::GroupBy::parse(flags.group_by);
  const auto groups = repository::group_snapshots(select_snapshots(session, {}, flags.filter), by);
  std::vector<Snapshot> remove;
  codec::Json json = codec::Json::array();
  for (const auto& group : groups) {
    repository::ForgetDecision decision;
    if (policy.is_empty()) {
      decision.remove = group.snapshots;
      std::reverse(decision.remove.begin(), decision.remove.end());
    } else {
      decision = repository::apply_policy(group.snapshots, policy, session.context().clock.now());
    }
    if (decision.keep.empty() && !decision.remove.empty() && !flags.allow_remove_all) {
      base::fail(ErrorCode::kInvalidArgument,
                 "refusing to delete last snapshot of snapshot group \"{}\"\n"
                 "hint: use --unsafe-allow-remove-all with a snapshot filter to remove all",
                 group_name(group, by));
    }
    if (session.text()) print_group(session, group, by, decision, groups.size() > 1, flags.compact);
    if (session.flags().json) json.push_back(group_json(group, decision));
    remove.insert(remove.end(), decision.remove.begin(), decision.remove.end());
  }
  if (session.flags().json) session.print_json(json);
  return remove;
}

// Whether all could be removed; each that could not is told.
bool remove_snapshots(RepoSession& session, const std::vector<Snapshot>& snapshots) {
  if (snapshots.empty()) return true;
  PhaseDisplay display(session);
  display.begin("", "files deleted");
  std::uint64_t removed = 0;
  for (const Snapshot& snapshot : snapshots) {
    try {
      session.repository().remove_snapshot(snapshot.id, session.cancel());
      display.update(++removed, snapshots.size());
    } catch (const base::Error& error) {
      if (error.code() == ErrorCode::kCancelled) throw;
      display.print_error(
          fmt::format("unable to remove snapshot {}: {}", snapshot.id.hex(), error.message()));
    }
  }
  display.end();
  if (session.text()) session.print("\n");
  return removed == snapshots.size();
}

void show_dry_run(RepoSession& session, const ForgetFlags& flags, const std::vector<Snapshot>& remove) {
  if (remove.empty()) return;
  if (session.text()) {
    std::vector<std::string> ids;
    for (const Snapshot& snapshot : remove) ids.push_back(snapshot.id.short_hex());
    session.print("Would have removed the following snapshots:\n{{{}}}\n\n", fmt::join(ids, " "));
  }
  if (!flags.prune) return;
  if (session.text()) session.print("{} snapshots would be removed, running prune dry run\n", remove.size());
  PruneFlags prune = flags.prune_flags;
  prune.dry_run = true;
  for (const Snapshot& snapshot : remove) prune.options.without_snapshots.push_back(snapshot.id);
  run_prune(session, prune, PruneReport::kNotAsJson);
}

int run_forget(RepoSession& session, const ForgetFlags& flags) {
  const repository::ForgetPolicy policy = make_policy(flags);
  if (flags.ids.empty() && policy.is_empty() && !flags.allow_remove_all) {
    throw base::Error(ErrorCode::kInvalidArgument, "no policy was specified, no snapshots will be removed");
  }
  if (flags.allow_remove_all && policy.is_empty() && flags.filter.empty()) {
    throw base::Error(
        ErrorCode::kInvalidArgument,
        "--unsafe-allow-remove-all is not allowed unless a snapshot filter option is specified");
  }
  if (session.flags().no_lock && !flags.dry_run) {
    throw base::Error(ErrorCode::kInvalidArgument,
                      "--no-lock is only applicable in combination with --dry-run for forget command");
  }
  if (flags.prune) check_prune_limits(flags.prune_flags);
  session.lock(repository::LockMode::kExclusive, flags.dry_run);
  const std::vector<Snapshot> remove = flags.ids.empty() ? apply_to_groups(session, flags, policy)
                                                         : select_snapshots(session, flags.ids, flags.filter);
  if (flags.dry_run) {
    show_dry_run(session, flags, remove);
    return 0;
  }
  const bool all_removed = remove_snapshots(session, remove);
  if (all_removed && flags.prune && !remove.empty()) {
    if (session.text()) session.print("{} snapshots have been removed, running prune\n", remove.size());
    run_prune(session, flags.prune_flags, PruneReport::kNotAsJson);
  }
  return all_removed ? 0 : kSomeNotRemoved;
}

}  // namespace

void add_forget_command(CLI::App& repo, const RepoCommonPointer& common) {
  const auto flags = std::make_shared<ForgetFlags>();
  CLI::App* command = add_repo_command(repo, common, "forget", "Remove snapshots from the repository",
                                       [flags](RepoSession& session) { return run_forget(session, *flags); });
  command->add_option("ids", flags->ids, "snapshot IDs");
  const std::pair<const char*, const char*> counts[] = {{"-l", "--keep-last"},    {"-H", "--keep-hourly"},
                                                        {"-d", "--keep-daily"},   {"-w", "--keep-weekly"},
                                                        {"-m", "--keep-monthly"}, {"-y", "--keep-yearly"}};
  for (const auto& [letter, flag] : counts) {
    command
        ->add_option(fmt::format("{},{}", letter, flag), flags->counts[flag],
                     fmt::format("keep the last n {} snapshots (use 'unlimited' to keep all)",
                                 std::string(flag).substr(7)))
        ->type_name("n");
  }
  for (const char* flag : {"--keep-within", "--keep-within-hourly", "--keep-within-daily",
                           "--keep-within-weekly", "--keep-within-monthly", "--keep-within-yearly"}) {
    command
        ->add_option(flag, flags->durations[flag],
                     "keep snapshots that are newer than duration (eg. 1y5m7d2h) relative to the latest "
                     "snapshot")
        ->type_name("duration");
  }
  add_list_option(command, "--keep-tag", flags->keep_tags, "keep snapshots with this taglist");
  flags->filter.add_to(command);
  command->add_flag("-c,--compact", flags->compact, "use compact output format");
  command->add_option("-g,--group-by", flags->group_by, "group snapshots by host, paths and/or tags");
  command->add_flag("-n,--dry-run", flags->dry_run, "do not delete anything, just print what would be done");
  command->add_flag("--prune", flags->prune,
                    "automatically run the 'prune' command if snapshots have been removed");
  command->add_flag("--unsafe-allow-remove-all", flags->allow_remove_all,
                    "allow deleting all snapshots of a snapshot group");
  flags->prune_flags.add_to(command);
  add_examples(command,
               "# What the policy would remove.\n"
               "{} repo forget --keep-daily 7 --keep-weekly 5 --keep-monthly 12 --dry-run\n\n"
               "# The same in earnest, and free the space.\n"
               "{} repo forget --keep-daily 7 --keep-weekly 5 --keep-monthly 12 --prune\n\n"
               "# Everything of a host that is no more.\n"
               "{} repo forget --host old --unsafe-allow-remove-all --prune");
}

}  // namespace salvor::cli
