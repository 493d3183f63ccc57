#include "repository/check.h"

#include <CLI/CLI.hpp>
#include <set>

#include "base/error.h"
#include "cli/repo/commands.h"
#include "cli/repo/phase_display.h"
#include "cli/repo/snapshot_changes.h"
#include "cli/repo/snapshot_selection.h"

namespace salvor::cli {
namespace {

struct CheckFlags {
  repository::CheckOptions options;
  SnapshotFilter filter;
  std::vector<std::string> ids;
  bool with_cache = false, check_unused = false;
};

void print_json_report(RepoSession& session, const repository::CheckReport& report) {
  for (const std::string& error : report.errors) {
    codec::Json json;
    json["message_type"] = "error";
    json["message"] = error;
    session.print_error("{}\n", codec::to_json(json));
  }
  codec::Json json;
  json["message_type"] = "summary";
  json["num_errors"] = report.errors.size();
  json["broken_packs"] = nullptr;
  for (const auto& pack : report.broken_packs) json["broken_packs"].push_back(pack.hex());
  json["suggest_repair_index"] = report.suggest_repair_index;
  json["suggest_prune"] = report.suggest_prune;
  session.print_json(json);
}

// The way out, in the order in which to go it.
void print_advice(RepoSession& session, const repository::CheckReport& report) {
  if (report.suggest_repair_index) {
    session.print_error(
        "\nThe repository index is damaged or does not agree with the pack files. Run `salvor repo repair "
        "index` to correct this.\n");
  }
  if (!report.broken_packs.empty()) {
    std::vector<std::string> ids;
    for (const auto& pack : report.broken_packs) ids.push_back(pack.hex());
    session.print_error(
        "\nThe repository contains damaged pack files. Save what is intact of them and take what is lost out "
        "of "
        "the snapshots:\n\nsalvor repo repair packs {}\nsalvor repo repair snapshots --forget\n\n"
        "Damaged pack files point to faulty storage, memory or processors.\n",
        fmt::join(ids, " "));
  } else if (!report.suggest_repair_index) {
    session.print_error(
        "\nThe repository is damaged. Back up the same files again, which brings back what is still there; "
        "then "
        "take what is lost out of the snapshots: `salvor repo repair snapshots --forget`.\n");
  }
}

void print_report(RepoSession& session, const repository::CheckReport& report) {
  for (const std::string& hint : report.hints) session.print_error("{}\n", hint);
  for (const std::string& error : report.errors) session.print_error("error: {}\n", error);
  if (report.suggest_repair_index) {
    session.print_error(
        "The index does not fit what is stored.\n"
        "You can run `salvor repo repair index`, and then check again.\n");
  } else if (report.orphaned_packs != 0) {
    session.print_error(
        "{} additional files were found in the repo, which likely contain duplicate data.\n"
        "This is non-critical, you can run `salvor repo prune` to correct this.\n",
        report.orphaned_packs);
  }
  if (!report.clean()) print_advice(session, report);
  if (report.clean() && session.text()) session.print("no errors were found\n");
}

std::string reading_title(const repository::CheckOptions& options) {
  const std::string& subset = options.read_data_subset;
  if (subset.empty()) return "read all data";
  if (const auto slash = subset.find('/'); slash != std::string::npos) {
    return fmt::format("read group #{} of {} data packs", subset.substr(0, slash), subset.substr(slash + 1));
  }
  if (subset.ends_with('%')) return fmt::format("read {} of packfiles", subset);
  return fmt::format("read {} of data packs", subset);
}

// Those of the arguments and the filter; nullptr for all.
std::function<bool(const repository::Snapshot&)> selection(RepoSession& session, const CheckFlags& flags) {
  if (flags.ids.empty() && flags.filter.empty() && flags.filter.wanted_hosts().empty()) return nullptr;
  std::set<repository::SnapshotId> wanted;
  const auto selected = select_snapshots(session, flags.ids, flags.filter);
  for (const auto& snapshot : selected) wanted.insert(snapshot.id);
  if (!flags.ids.empty() && wanted.empty()) {
    throw base::Error(base::ErrorCode::kNotFound, "none of the snapshots that were named exists");
  }
  return [wanted](const repository::Snapshot& snapshot) { return wanted.contains(snapshot.id); };
}

int run_check(RepoSession& session, const CheckFlags& flags) {
  if (flags.options.read_data && !flags.options.read_data_subset.empty()) {
    throw base::Error(base::ErrorCode::kInvalidArgument,
                      "check flags --read-data and --read-data-subset cannot be used together");
  }
  if (flags.check_unused) {
    session.print_error("--check-unused is ignored, as restic ignores it: see prune --dry-run -v\n");
  }
  repository::check_subset(flags.options);
  lock_exclusively(session, true);
  repository::CheckOptions options = flags.options;
  options.only = selection(session, flags);
  PhaseDisplay display(session);
  std::string phase;
  const auto observe = [&](const repository::CheckProgress& progress) {
    if (progress.phase != phase) {
      if (progress.phase == "loading index") display.begin("load indexes");
      if (progress.phase == "packs") display.begin("check all packs");
      if (progress.phase == "snapshots") display.begin("check snapshots, trees and blobs", "trees");
      if (progress.phase == "reading data") display.begin(reading_title(options), "packs");
    }
    phase = progress.phase;
    display.update(progress.done, progress.total);
  };
  const repository::CheckReport report =
      repository::check_repository(session.repository(), options, session.cancel(), observe);
  display.end();
  if (session.flags().json) {
    print_json_report(session, report);
  } else {
    print_report(session, report);
  }
  if (report.clean()) return 0;
  throw base::Error(base::ErrorCode::kCorrupt, "repository contains errors");
}

}  // namespace

void add_check_command(CLI::App& repo, const RepoCommonPointer& common) {
  const auto flags = std::make_shared<CheckFlags>();
  CLI::App* command = add_repo_command(repo, common, "check", "Check the repository for errors",
                                       [flags](RepoSession& session) { return run_check(session, *flags); });
  command->add_option("snapshotID", flags->ids, "check only what these snapshots need (default: all)");
  flags->filter.add_to(command);
  command->add_flag("--read-data", flags->options.read_data, "read all data blobs");
  command
      ->add_option("--read-data-subset", flags->options.read_data_subset,
                   "read a subset of data packs, specified as 'n/t' for specific part, or either 'x%' or "
                   "'x.y%' or a size in bytes with suffixes k/K, m/M, g/G, t/T for a random subset")
      ->type_name("subset");
  command->add_flag("--with-cache", flags->with_cache,
                    "there is no local cache: everything is read from the repository all the same");
  command->add_flag("--check-unused", flags->check_unused, "ignored, as restic ignores it")->group("");
  add_examples(command,
               "# Index, packs and directory trees.\n{} repo check\n\n"
               "# All bytes in ten nights: today the third part.\n{} repo check --read-data-subset 3/10\n\n"
               "# A random twentieth.\n{} repo check --read-data-subset 5%");
}

}  // namespace salvor::cli
