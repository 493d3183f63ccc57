#include <unistd.h>

#include <CLI/CLI.hpp>

#include "archive/directory_restore.h"
#include "archive/path_pattern.h"
#include "base/error.h"
#include "base/file.h"
#include "cli/repo/commands.h"
#include "cli/repo/snapshot_selection.h"

namespace salvor::cli {
namespace {

struct RestoreFlags {
  archive::RestoreRequest request;
  SnapshotFilter filter;
  std::string snapshot, target, overwrite = "always";
  std::vector<std::string> include_files, exclude_files;
};

void append_patterns(const std::vector<std::string>& files, std::vector<std::string>& patterns) {
  for (const std::string& file : files) {
    for (std::string& line : archive::read_pattern_lines(base::read_file(file)))
      patterns.push_back(std::move(line));
  }
}

archive::RestoreRequest::Overwrite parse_overwrite(const std::string& text) {
  using Overwrite = archive::RestoreRequest::Overwrite;
  if (text == "always") return Overwrite::kAlways;
  if (text == "if-changed") return Overwrite::kIfChanged;
  if (text == "if-newer") return Overwrite::kIfNewer;
  if (text == "never") return Overwrite::kNever;
  base::fail(base::ErrorCode::kInvalidArgument,
             "invalid overwrite behavior \"{}\", must be one of (always|if-changed|if-newer|never)", text);
}

codec::Json counts_json(const char* type, const archive::RestoreProgress& progress, double seconds) {
  codec::Json json;
  json["message_type"] = type;
  if (seconds >= 1) json["seconds_elapsed"] = static_cast<std::uint64_t>(seconds);
  if (std::string_view(type) == "status") {
    json["percent_done"] =
        progress.bytes_total == 0
            ? 0.0
            : std::min(1.0, static_cast<double>(progress.bytes_done + progress.bytes_skipped) /
                                static_cast<double>(progress.bytes_total));
  }
  if (progress.files_total != 0) json["total_files"] = progress.files_total;
  if (progress.files_done != 0) json["files_restored"] = progress.files_done;
  if (progress.files_skipped != 0) json["files_skipped"] = progress.files_skipped;
  if (progress.bytes_total != 0) json["total_bytes"] = progress.bytes_total;
  if (progress.bytes_done != 0) json["bytes_restored"] = progress.bytes_done;
  if (progress.bytes_skipped != 0) json["bytes_skipped"] = progress.bytes_skipped;
  return json;
}

void print_item(RepoSession& session, const archive::RestoredItem& item) {
  using Action = archive::RestoredItem::Action;
  const char* action = item.action == Action::kRestored  ? "restored"
                       : item.action == Action::kUpdated ? "updated"
                                                         : "unchanged";
  if (!session.flags().json) {
    session.print("{:<9} {} with size {}\n", action, item.path, format_bytes(item.size));
    return;
  }
  codec::Json json;
  json["message_type"] = "verbose_status";
  json["action"] = action;
  json["item"] = item.path;
  json["size"] = item.size;
  session.print_json(json);
}

void print_error(RepoSession& session, const std::string& path, const std::string& message) {
  if (!session.flags().json) {
    session.print_error("ignoring error for {}\n", message);
    return;
  }
  codec::Json json;
  json["message_type"] = "error";
  json["error"]["message"] = message;
  json["during"] = "restore";
  json["item"] = path;
  session.print_error("{}\n", codec::to_json(json));
}

void print_end(RepoSession& session, const archive::RestoreReport& report,
               const archive::RestoreProgress& last, const RestoreFlags& flags, double seconds) {
  if (session.flags().json) {
    archive::RestoreProgress totals = last;
    totals.files_done = report.files;
    totals.bytes_done = report.bytes;
    session.print_json(counts_json("summary", totals, seconds));
    return;
  }
  if (!session.text()) return;
  session.print("Summary: {} {} files/dirs ({}) in {}", flags.request.dry_run ? "Would restore" : "Restored",
                report.items, format_bytes(report.bytes),
                format_seconds(static_cast<std::uint64_t>(seconds)));
  if (report.files_skipped != 0) {
    session.print(", skipped {} files/dirs {}", report.files_skipped, format_bytes(report.bytes_skipped));
  }
  session.print("\n");
  if (flags.request.verify)
    session.print("finished verifying {} files in {}\n", report.verified_files, flags.target);
}

int run_restore(RepoSession& session, const RestoreFlags& flags) {
  if (flags.target.empty()) {
    throw base::Error(base::ErrorCode::kInvalidArgument,
                      "please specify a directory to restore to (--target)");
  }
  archive::RestoreRequest request = flags.request;
  request.overwrite = parse_overwrite(flags.overwrite);
  request.target = flags.target;
  append_patterns(flags.include_files, request.includes);
  append_patterns(flags.exclude_files, request.excludes);
  if (!request.includes.empty() && !request.excludes.empty()) {
    throw base::Error(base::ErrorCode::kInvalidArgument,
                      "exclude and include patterns are mutually exclusive");
  }
  session.lock(repository::LockMode::kShared, true);
  const SelectedFolder selected = select_snapshot(session, flags.snapshot, flags.filter);
  request.subfolder = selected.folder;
  if (session.text()) {
    session.print("restoring snapshot {} of {} at {} by {}@{} to {}\n", selected.snapshot.id.short_hex(),
                  fmt::format("[{}]", fmt::join(selected.snapshot.paths, " ")), selected.snapshot.time,
                  selected.snapshot.username, selected.snapshot.hostname, flags.target);
  }
  const base::Clock& clock = session.context().clock;
  const base::Time start = clock.now();
  const auto seconds = [&] { return std::chrono::duration<double>(clock.now() - start).count(); };
  TerminalProgress line(session.context().out, clock, !session.text());
  request.on_error = [&](const std::string& path, const std::string& message) {
    line.clear();
    print_error(session, path, message);
  };
  if (session.flags().verbose >= 2) {
    request.on_item = [&](const archive::RestoredItem& item) { print_item(session, item); };
  }
  archive::RestoreProgress last;
  const auto progress = [&](const archive::RestoreProgress& state) {
    last = state;
    if (session.flags().json && !session.flags().quiet)
      session.print_json(counts_json("status", state, seconds()));
    line.update({.items_done = state.files_done + state.files_skipped,
                 .items_total = state.files_total,
                 .bytes_done = state.bytes_done + state.bytes_skipped,
                 .bytes_total = state.bytes_total,
                 .errors = 0,
                 .current = {}});
  };
  const archive::RestoreReport report = archive::restore_snapshot(
      session.repository(), selected.snapshot, request, progress, session.logger(), session.cancel());
  line.clear();
  print_end(session, report, last, flags, seconds());
  if (report.errors.empty()) return 0;
  base::fail(base::ErrorCode::kCorrupt, "There were {} errors", report.errors.size());
}

}  // namespace

void add_restore_command(CLI::App& repo, const RepoCommonPointer& common) {
  const auto flags = std::make_shared<RestoreFlags>();
  CLI::App* command =
      add_repo_command(repo, common, "restore", "Extract the data from a snapshot",
                       [flags](RepoSession& session) { return run_restore(session, *flags); });
  command->add_option("snapshot", flags->snapshot, "snapshot ID, \"latest\", or ID:SUBFOLDER")->required();
  command->add_option("-t,--target", flags->target, "directory to extract data to");
  add_list_option(command, "-i,--include", flags->request.includes, "include a pattern");
  add_list_option(command, "--iinclude", flags->request.case_insensitive_includes,
                  "include a pattern, ignoring case");
  add_list_option(command, "--include-file", flags->include_files, "read include patterns from a file");
  add_list_option(command, "-e,--exclude", flags->request.excludes, "exclude a pattern");
  add_list_option(command, "--iexclude", flags->request.case_insensitive_excludes,
                  "exclude a pattern, ignoring case");
  add_list_option(command, "--exclude-file", flags->exclude_files, "read exclude patterns from a file");
  add_list_option(command, "-H", flags->filter.hosts, "only consider snapshots for this host");
  flags->filter.add_to(command);
  command->add_flag("--verify", flags->request.verify, "verify restored files content");
  command->add_flag("--sparse", flags->request.sparse, "restore files as sparse");
  command->add_flag("--dry-run", flags->request.dry_run,
                    "do not write any data, just show what would be done");
  command->add_option("--overwrite", flags->overwrite,
                      "overwrite behavior: always|if-changed|if-newer|never");
}

}  // namespace salvor::cli
