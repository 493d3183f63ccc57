#include <CLI/CLI.hpp>

#include "base/error.h"
#include "cli/repo/commands.h"
#include "cli/repo/repo_table.h"
#include "cli/repo/snapshot_selection.h"
#include "repository/prune.h"
#include "repository/size_text.h"

namespace salvor::cli {
namespace {

using base::ErrorCode;
using repository::Snapshot;

struct PruneFlags {
  repository::PruneOptions options;
  std::string max_repack_size, repack_smaller_than;
  bool dry_run = false;

  void add_to(CLI::App* command) {
    command->add_option("--max-unused", options.max_unused,
                        "tolerate given limit of unused data (5%, 200M, 'unlimited')");
    command->add_option("--max-repack-size", max_repack_size, "stop after repacking this much data in total");
    command->add_option("--repack-smaller-than", repack_smaller_than, "pack below-limit packfiles");
    command->add_flag("--repack-cacheable-only", options.repack_cacheable_only,
                      "only repack packs which are cacheable");
    command->add_flag("--repack-uncompressed", options.repack_uncompressed, "repack all uncompressed data");
  }
};

std::uint64_t size_of(const std::string& text, const char* flag) {
  const auto size = repository::parse_size(text);
  if (!size) base::fail(ErrorCode::kInvalidArgument, "{}: \"{}\" is no size", flag, text);
  return *size;
}

void print_plan(RepoSession& session, const repository::PrunePlan& plan) {
  const auto line = [&](const char* what, const repository::PrunePlan::Totals& totals) {
    session.print("{:<22} {:6} blobs / {}\n", what, totals.blobs, format_bytes(totals.bytes));
  };
  if (plan.unreferenced_bytes != 0) {
    session.print("{:<22} {}\n", "delete unreferenced:", format_bytes(plan.unreferenced_bytes));
  }
  line("to repack:", plan.repacked);
  line("this removes:", plan.repack_removed);
  line("to delete:", plan.removed);
  line("total prune:", {plan.repack_removed.blobs + plan.removed.blobs,
                        plan.repack_removed.bytes + plan.removed.bytes + plan.unreferenced_bytes});
  const repository::PrunePlan::Totals remaining{plan.used.blobs + plan.kept_unused.blobs,
                                                plan.used.bytes + plan.kept_unused.bytes};
  line("remaining:", remaining);
  const double share = remaining.bytes == 0 ? 0
                                            : 100.0 * static_cast<double>(plan.kept_unused.bytes) /
                                                  static_cast<double>(remaining.bytes);
  session.print("unused size after prune: {} ({:.2f}% of remaining size)\n\n",
                format_bytes(plan.kept_unused.bytes), share);
}

// The lock is held, the snapshots are as they will be.
void prune(RepoSession& session, const PruneFlags& flags) {
  repository::PruneOptions options = flags.options;
  if (!flags.max_repack_size.empty())
    options.max_repack_bytes = size_of(flags.max_repack_size, "--max-repack-size");
  if (!flags.repack_smaller_than.empty()) {
    options.repack_smaller_than = size_of(flags.repack_smaller_than, "--repack-smaller-than");
  }
  TerminalProgress line(session.context().out, session.context().clock, !session.text());
  std::string phase;
  const auto observe = [&](const repository::PruneProgress& progress) {
    if (progress.phase != phase && session.text()) {
      line.clear();
      session.print("{}...\n", progress.phase);
    }
    phase = progress.phase;
    line.update({.items_done = progress.done, .items_total = progress.total, .current = {}, .noun = "items"});
  };
  if (session.text()) session.print("loading indexes...\n");
  session.repository().load_index(session.cancel());
  const repository::PrunePlan plan =
      repository::plan_prune(session.repository(), options, session.cancel(), observe);
  line.clear();
  if (session.text()) print_plan(session, plan);
  if (!flags.dry_run) {
    repository::apply_prune(session.repository(), plan, session.cancel(), observe);
    line.clear();
  }
  if (session.flags().json) {
    codec::Json json;
    json["message_type"] = "summary";
    json["dry_run"] = flags.dry_run;
    json["packs_total"] = plan.total_packs;
    json["packs_kept"] = plan.kept_packs;
    json["packs_removed"] = plan.remove.size() + plan.unreferenced.size();
    json["packs_repacked"] = plan.repack.size();
    json["bytes_removed"] = plan.repack_removed.bytes + plan.removed.bytes + plan.unreferenced_bytes;
    json["bytes_remaining"] = plan.used.bytes + plan.kept_unused.bytes;
    session.print_json(json);
  } else if (session.text()) {
    session.print("done\n");
  }
}

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
  std::string all = parts.empty() ? "" : fmt::format("keep {} snapshots", fmt::join(parts, ", "));
  for (const auto& [flag, text] : flags.durations) {
    if (!text.empty()) all += fmt::format("{}{} {}", all.empty() ? "" : " and ", flag.substr(2), text);
  }
  for (const std::string& tags : flags.keep_tags)
    all += fmt::format("{}all snapshots with tags [{}]", all.empty() ? "" : " and ", tags);
  return all;
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
      throw base::Error(ErrorCode::kInvalidArgument,
                        "refusing to delete last snapshot of snapshot group\n"
                        "use --unsafe-allow-remove-all with a snapshot filter to remove all");
    }
    if (session.text()) print_group(session, group, by, decision, groups.size() > 1, flags.compact);
    if (session.flags().json) json.push_back(group_json(group, decision));
    remove.insert(remove.end(), decision.remove.begin(), decision.remove.end());
  }
  if (session.flags().json) session.print_json(json);
  return remove;
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
  session.lock(repository::LockMode::kExclusive, flags.dry_run);
  const std::vector<Snapshot> remove = flags.ids.empty() ? apply_to_groups(session, flags, policy)
                                                         : select_snapshots(session, flags.ids, flags.filter);
  if (flags.dry_run) {
    if (session.text() && !remove.empty()) {
      std::vector<std::string> ids;
      for (const Snapshot& snapshot : remove) ids.push_back(snapshot.id.short_hex());
      session.print("Would have removed the following snapshots:\n{{{}}}\n\n", fmt::join(ids, " "));
    }
    return 0;
  }
  for (const Snapshot& snapshot : remove) session.repository().remove_snapshot(snapshot.id, session.cancel());
  if (session.text() && !remove.empty())
    session.print("[0:00] 100.00%  {0} / {0} files deleted\n\n", remove.size());
  if (!flags.prune) return 0;
  if (remove.empty()) return 0;
  if (session.text()) session.print("{} snapshots have been removed, running prune\n", remove.size());
  prune(session, flags.prune_flags);
  return 0;
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
    command->add_option(
        fmt::format("{},{}", letter, flag), flags->counts[flag],
        fmt::format("keep the last n {} snapshots ('unlimited' or -1: all)", std::string(flag).substr(7)));
  }
  for (const char* flag : {"--keep-within", "--keep-within-hourly", "--keep-within-daily",
                           "--keep-within-weekly", "--keep-within-monthly", "--keep-within-yearly"}) {
    command->add_option(flag, flags->durations[flag],
                        "keep snapshots newer than duration (1y5m7d2h) relative to the latest");
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
}

void add_prune_command(CLI::App& repo, const RepoCommonPointer& common) {
  const auto flags = std::make_shared<PruneFlags>();
  CLI::App* command = add_repo_command(
      repo, common, "prune", "Remove unneeded data from the repository", [flags](RepoSession& session) {
        if (session.flags().no_lock && !flags->dry_run) {
          throw base::Error(ErrorCode::kInvalidArgument,
                            "--no-lock is only applicable in combination with --dry-run for prune command");
        }
        session.lock(repository::LockMode::kExclusive, flags->dry_run);
        prune(session, *flags);
        return 0;
      });
  flags->add_to(command);
  command->add_flag("-n,--dry-run", flags->dry_run,
                    "do not modify the repository, just print what would be done");
}

}  // namespace salvor::cli
