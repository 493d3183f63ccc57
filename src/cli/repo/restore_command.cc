#include <CLI/CLI.hpp>

#include "archive/directory_restore.h"
#include "base/error.h"
#include "cli/repo/commands.h"
#include "cli/repo/pattern_flags.h"
#include "cli/repo/snapshot_selection.h"

namespace salvor::cli {
namespace {

struct RestoreFlags {
  archive::RestoreRequest request;
  SnapshotFilter filter;
  std::string snapshot, target, overwrite = "always";
  std::vector<std::string> include_files, exclude_files, iinclude_files, iexclude_files;
};

void append_patterns(const char* flag, const std::vector<std::string>& files,
                     std::vector<std::string>& patterns) {
  check_patterns(flag, patterns);
  std::vector<std::string> read;
  for (const std::string& file : files) {
    for (std::string& line : read_pattern_file(file)) read.push_back(std::move(line));
  }
  check_patterns(fmt::format("{}-file", flag).c_str(), read);
  patterns.insert(patterns.end(), read.begin(), read.end());
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
  if (progress.files_deleted != 0) json["files_deleted"] = progress.files_deleted;
  if (progress.bytes_total != 0) json["total_bytes"] = progress.bytes_total;
  if (progress.bytes_done != 0) json["bytes_restored"] = progress.bytes_done;
  if (progress.bytes_skipped != 0) json["bytes_skipped"] = progress.bytes_skipped;
  return json;
}

void print_item(RepoSession& session, const archive::RestoredItem& item) {
  using Action = archive::RestoredItem::Action;
  const char* action = item.action == Action::kRestored  ? "restored"
                       : item.action == Action::kUpdated ? "updated"
                       : item.action == Action::kDeleted ? "deleted"
                                                         : "unchanged";
  if (!session.flags().json) {
    const bool sized = item.action != Action::kDeleted;
    session.print("{:<9} {}{}\n", action, item.path,
                  sized ? fmt::format(" with size {}", format_bytes(item.size)) : "");
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
    totals.files_skipped = report.files_skipped;
    totals.bytes_skipped = report.bytes_skipped;
    totals.files_deleted = report.files_deleted;
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
  if (report.files_deleted != 0) session.print(", deleted {} files/dirs", report.files_deleted);
  session.print("\n");
  if (flags.request.verify && !flags.request.dry_run)
    session.print("finished verifying {} files in {}\n", report.verified_files, flags.target);
}

archive::RestoreRequest make_request(const RestoreFlags& flags) {
  if (flags.target.empty()) {
    throw base::Error(base::ErrorCode::kInvalidArgument,
                      "please specify a directory to restore to (--target)");
  }
  archive::RestoreRequest request = flags.request;
  request.overwrite = parse_overwrite(flags.overwrite);
  request.target = flags.target;
  append_patterns("--include", flags.include_files, request.includes);
  append_patterns("--iinclude", flags.iinclude_files, request.case_insensitive_includes);
  append_patterns("--exclude", flags.exclude_files, request.excludes);
  append_patterns("--iexclude", flags.iexclude_files, request.case_insensitive_excludes);
  check_patterns("--include-xattr", request.attribute_includes);
  check_patterns("--exclude-xattr", request.attribute_excludes);
  const bool includes = !request.includes.empty() || !request.case_insensitive_includes.empty();
  const bool excludes = !request.excludes.empty() || !request.case_insensitive_excludes.empty();
  if (includes && excludes) {
    throw base::Error(base::ErrorCode::kInvalidArgument,
                      "exclude and include patterns are mutually exclusive");
  }
  if (!request.attribute_includes.empty() && !request.attribute_excludes.empty()) {
    throw base::Error(base::ErrorCode::kInvalidArgument,
                      "exclude and include xattr patterns are mutually exclusive");
  }
  if (request.dry_run && request.verify) {
    throw base::Error(base::ErrorCode::kInvalidArgument, "--dry-run and --verify are mutually exclusive");
  }
  const auto target = std::filesystem::weakly_canonical(std::filesystem::absolute(request.target));
  if (request.delete_extra && target == "/" && !includes && !excludes) {
    throw base::Error(base::ErrorCode::kInvalidArgument,
                      "'--target / --delete' must be combined with an include or exclude filter");
  }
  return request;
}

int run_restore(RepoSession& session, const RestoreFlags& flags) {
  archive::RestoreRequest request = make_request(flags);
  session.lock(repository::LockMode::kShared, true);
  const SelectedFolder selected = select_snapshot(session, flags.snapshot, flags.filter);
  request.subfolder = selected.folder;
  if (session.text()) {
    session.print("restoring snapshot {} of {} at {} by {}@{} to {}\n", selected.snapshot.id.short_hex(),
                  fmt::format("[{}]", fmt::join(selected.snapshot.paths, " ")),
                  long_time_text(selected.snapshot), selected.snapshot.username, selected.snapshot.hostname,
                  flags.target);
  }
  const base::Clock& clock = session.context().clock;
  const base::Time start = clock.now();
  const auto seconds = [&] {
    return std::max(0.0, std::chrono::duration<double>(clock.now() - start).count());
  };
  TerminalProgress line(session.context().out, clock, !session.text());
  request.on_error = [&](const std::string& path, const std::string& message) {
    line.clear();
    print_error(session, path, message);
  };
  if (session.flags().verbose >= 2) {
    request.on_item = [&](const archive::RestoredItem& item) {
      line.clear();
      print_item(session, item);
    };
  }
  archive::RestoreProgress last;
  ProgressPace json_pace(60);
  const auto progress = [&](const archive::RestoreProgress& state) {
    last = state;
    if (session.flags().json && !session.flags().quiet && json_pace.is_due(clock.now()))
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

void add_pattern_flags(CLI::App* command, RestoreFlags& flags) {
  archive::RestoreRequest& request = flags.request;
  add_list_option(command, "-i,--include", request.includes,
                  "include a pattern, exclude everything else (can be specified multiple times)", "pattern");
  add_list_option(command, "--iinclude", request.case_insensitive_includes,
                  "same as --include but ignores the casing of filenames", "pattern");
  add_list_option(command, "--include-file", flags.include_files, "read include patterns from a file",
                  "file");
  add_list_option(command, "--iinclude-file", flags.iinclude_files,
                  "same as --include-file but ignores casing of filenames in patterns", "file");
  add_list_option(command, "-e,--exclude", request.excludes,
                  "exclude a pattern (can be specified multiple times)", "pattern");
  add_list_option(command, "--iexclude", request.case_insensitive_excludes,
                  "same as --exclude but ignores the casing of filenames", "pattern");
  add_list_option(command, "--exclude-file", flags.exclude_files, "read exclude patterns from a file",
                  "file");
  add_list_option(command, "--iexclude-file", flags.iexclude_files,
                  "same as --exclude-file but ignores casing of filenames in patterns", "file");
  add_list_option(command, "--include-xattr", request.attribute_includes,
                  "include xattr by pattern (can be specified multiple times)", "pattern");
  add_list_option(command, "--exclude-xattr", request.attribute_excludes,
                  "exclude xattr by pattern (can be specified multiple times)", "pattern");
}

void add_flags(CLI::App* command, RestoreFlags& flags) {
  archive::RestoreRequest& request = flags.request;
  command->add_option("-t,--target", flags.target, "directory to extract data to")->type_name("directory");
  add_pattern_flags(command, flags);
  command
      ->add_option("--overwrite", flags.overwrite,
                   "overwrite behavior, one of (always|if-changed|if-newer|never) (default always)")
      ->type_name("behavior");
  command->add_flag(
      "--delete", request.delete_extra,
      "delete files from target directory if they do not exist in snapshot. Use '--dry-run -vv' "
      "to check what would be deleted");
  command->add_flag("--ownership-by-name", request.ownership_by_name,
                    "restore file ownership by user name and group name (except POSIX ACLs)");
  command->add_flag("--verify", request.verify, "verify restored files content");
  command->add_flag("--sparse", request.sparse, "restore files as sparse");
  command->add_flag("--dry-run", request.dry_run, "do not write any data, just show what would be done");
}

}  // namespace

void add_restore_command(CLI::App& repo, const RepoCommonPointer& common) {
  const auto flags = std::make_shared<RestoreFlags>();
  CLI::App* command =
      add_repo_command(repo, common, "restore", "Extract the data from a snapshot",
                       [flags](RepoSession& session) { return run_restore(session, *flags); });
  command->add_option("snapshotID", flags->snapshot, "snapshot ID, \"latest\", or ID:SUBFOLDER")->required();
  flags->filter.add_to(command);
  add_flags(command, *flags);
  add_examples(command,
               "# The newest snapshot into a directory, checked afterwards.\n"
               "{} repo restore latest --target /tmp/restored --verify\n\n"
               "# One folder of it back into its place, and nothing there but what the snapshot has.\n"
               "{} repo restore latest:/home/me --target /home/me --delete\n\n"
               "# What that would do.\n"
               "{} repo restore latest:/home/me --target /home/me --delete --dry-run -vv");
}

}  // namespace salvor::cli
