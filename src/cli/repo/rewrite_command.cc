#include <CLI/CLI.hpp>
#include <ctime>

#include "archive/snapshot_rewrite.h"
#include "base/error.h"
#include "cli/repo/commands.h"
#include "cli/repo/pattern_flags.h"
#include "cli/repo/snapshot_changes.h"
#include "cli/repo/snapshot_selection.h"

namespace salvor::cli {
namespace {

using base::ErrorCode;
using repository::Snapshot;

// --exclude, --iexclude and their files, or the same of --include.
struct PatternFlags {
  std::string verb;  // "exclude" or "include"
  std::vector<std::string> patterns, case_insensitive, files, case_insensitive_files;

  void add_to(CLI::App* command) {
    const std::string flag = "--" + verb, blind = "--i" + verb;
    add_list_option(command, fmt::format("-{},{}", verb[0], flag), patterns,
                    verb + " a pattern (can be specified multiple times)", "pattern");
    add_list_option(command, blind, case_insensitive,
                    fmt::format("same as {} pattern but ignores the casing of filenames", flag), "pattern");
    add_list_option(command, flag + "-file", files,
                    fmt::format("read {} patterns from a file (can be specified multiple times)", verb),
                    "file");
    add_list_option(command, blind + "-file", case_insensitive_files,
                    fmt::format("same as {}-file but ignores casing of filenames in patterns", flag), "file");
  }
  bool empty() const {
    return patterns.empty() && case_insensitive.empty() && files.empty() && case_insensitive_files.empty();
  }
  void fill(archive::PathFilter& filter, archive::PathFilter& blind_filter) const {
    check_patterns(("--" + verb).c_str(), patterns);
    check_patterns(("--i" + verb).c_str(), case_insensitive);
    for (const std::string& pattern : patterns) filter.add(pattern);
    for (const std::string& pattern : case_insensitive) blind_filter.add(pattern, true);
    for (const std::string& file : files) {
      for (const std::string& pattern : read_pattern_file(file)) filter.add(pattern);
    }
    for (const std::string& file : case_insensitive_files) {
      for (const std::string& pattern : read_pattern_file(file)) blind_filter.add(pattern, true);
    }
  }
};

struct RewriteFlags {
  SnapshotFilter filter;
  std::vector<std::string> ids;
  PatternFlags excludes{.verb = "exclude"}, includes{.verb = "include"};
  std::string new_host, new_time;
  bool summary = false, forget = false, dry_run = false;
};

// "2006-01-02 15:04:05" on this machine's clock, as RFC 3339 with its offset then.
std::string parse_new_time(const std::string& text) {
  std::tm parts{};
  const char* end = strptime(text.c_str(), "%Y-%m-%d %H:%M:%S", &parts);
  if (end == nullptr || *end != '\0') {
    base::fail(ErrorCode::kInvalidArgument,
               "error in time option: \"{}\" is no time such as \"2006-01-02 15:04:05\"", text);
  }
  parts.tm_isdst = -1;
  archive::LocalZone zone;
  return zone.format({.seconds = mktime(&parts), .nanoseconds = 0});
}

archive::RewriteRequest make_request(RepoSession& session, const RewriteFlags& flags) {
  archive::RewriteRequest request;
  flags.excludes.fill(request.excludes, request.case_insensitive_excludes);
  flags.includes.fill(request.includes, request.case_insensitive_includes);
  if (!flags.new_host.empty()) request.new_host = flags.new_host;
  if (!flags.new_time.empty()) request.new_time = parse_new_time(flags.new_time);
  request.add_summary = flags.summary;
  request.forget = flags.forget;
  request.dry_run = flags.dry_run;
  if (session.text() && session.flags().verbose > 1) {
    request.on_left_out = [&session](const std::string& path) { session.print("excluding \"{}\"\n", path); };
  }
  return request;
}

void print_change(RepoSession& session, const RewriteFlags& flags, const archive::RewriteRequest& request,
                  const Snapshot& snapshot, const archive::SnapshotChange& change) {
  if (!session.text()) return;
  if (change.nothing_left) session.print("nothing is included, the snapshot is left as it is\n");
  if (!change.changed) return;
  if (flags.dry_run) session.print("would save new snapshot\n");
  if (flags.dry_run && flags.forget) session.print("would remove old snapshot\n");
  if (request.new_time) {
    Snapshot moved = snapshot;
    moved.time = *request.new_time;
    session.print("{} time to {}\n", flags.dry_run ? "would set" : "setting", long_time_text(moved));
  }
  if (request.new_host) {
    session.print("{} to {}\n", flags.dry_run ? "would set hostname" : "setting host", *request.new_host);
  }
  if (change.saved) session.print("saved new snapshot {}\n", change.saved->short_hex());
  if (change.removed) session.print("removed old snapshot {}\n", snapshot.id.short_hex());
}

int run_rewrite(RepoSession& session, const RewriteFlags& flags) {
  if (flags.excludes.empty() && flags.includes.empty() && flags.new_host.empty() && flags.new_time.empty() &&
      !flags.summary) {
    throw base::Error(ErrorCode::kInvalidArgument,
                      "Nothing to do: no excludes/includes provided and no new metadata provided");
  }
  if (!flags.excludes.empty() && !flags.includes.empty()) {
    throw base::Error(ErrorCode::kInvalidArgument, "exclude and include patterns are mutually exclusive");
  }
  const archive::RewriteRequest request = make_request(session, flags);
  if (!flags.dry_run && flags.forget) {
    lock_exclusively(session);
  } else if (!flags.dry_run) {
    session.lock(repository::LockMode::kShared);
  }
  const std::vector<Snapshot> snapshots = select_snapshots(session, flags.ids, flags.filter);
  session.repository().load_index(session.cancel());
  archive::SnapshotRewriter rewriter(session.repository(), request);
  std::uint64_t changed = 0;
  for (const Snapshot& snapshot : snapshots) {
    if (session.text()) session.print("\n{}\n", snapshot_title(snapshot));
    try {
      const auto change = rewriter.rewrite(snapshot, session.cancel());
      print_change(session, flags, request, snapshot, change);
      if (change.changed) ++changed;
      print_change_json(session, snapshot, change);
    } catch (base::Error& error) {
      error.add_context(fmt::format("unable to rewrite snapshot ID \"{}\"", snapshot.id.short_hex()));
      throw;
    }
  }
  print_changed_total(session, changed, flags.dry_run);
  return 0;
}

}  // namespace

void add_rewrite_command(CLI::App& repo, const RepoCommonPointer& common) {
  const auto flags = std::make_shared<RewriteFlags>();
  CLI::App* command =
      add_repo_command(repo, common, "rewrite", "Rewrite snapshots to exclude files or change metadata",
                       [flags](RepoSession& session) { return run_rewrite(session, *flags); });
  command->add_option("snapshotID", flags->ids, "snapshots to rewrite (default: all)");
  flags->filter.add_to(command);
  flags->excludes.add_to(command);
  flags->includes.add_to(command);
  command->add_option("--new-host", flags->new_host, "replace hostname")->type_name("string");
  command
      ->add_option("--new-time", flags->new_time,
                   "replace time of the backup (\"2006-01-02 15:04:05\", on this machine's clock)")
      ->type_name("string");
  command->add_flag("-s,--snapshot-summary", flags->summary,
                    "create snapshot summary record if it does not exist");
  command->add_flag("--forget", flags->forget,
                    "remove original snapshots after creating new ones; else those are tagged \"rewrite\"");
  command->add_flag("-n,--dry-run", flags->dry_run, "do not do anything, just print what would be done");
  add_examples(command,
               "# Take a file out of all snapshots of a host; prune then frees its space.\n"
               "{} repo rewrite --forget --host web --exclude /home/me/secret\n{} repo prune\n\n"
               "# See what would happen.\n{} repo rewrite --dry-run -vv --exclude '*.tmp' latest");
}

}  // namespace salvor::cli
