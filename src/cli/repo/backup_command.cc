#include <CLI/CLI.hpp>
#include <charconv>
#include <ctime>

#include "archive/directory_backup.h"
#include "base/error.h"
#include "cli/repo/backup_display.h"
#include "cli/repo/backup_sources.h"
#include "cli/repo/commands.h"
#include "cli/repo/pattern_flags.h"
#include "cli/repo/snapshot_selection.h"
#include "repository/size_text.h"

namespace salvor::cli {
namespace {

using base::ErrorCode;

struct BackupFlags {
  archive::BackupRequest request;
  FileLists lists;
  std::vector<std::string> exclude_files, case_insensitive_exclude_files, tags;
  std::string parent, time, exclude_larger_than, group_by = "host,paths", stdin_filename = "stdin";
  std::string read_concurrency;
  bool from_stdin = false, from_command = false, no_scan = false;
};

void add_exclude_flags(CLI::App* command, BackupFlags& flags) {
  archive::BackupRequest& request = flags.request;
  add_list_option(command, "-e,--exclude", request.excludes,
                  "exclude a pattern (can be specified multiple times)", "pattern");
  add_list_option(command, "--iexclude", request.case_insensitive_excludes,
                  "same as --exclude but ignores the casing of filenames", "pattern");
  add_list_option(command, "--exclude-file", flags.exclude_files,
                  "read exclude patterns from a file (can be specified multiple times)", "file");
  add_list_option(command, "--iexclude-file", flags.case_insensitive_exclude_files,
                  "same as --exclude-file but ignores casing of filenames in patterns", "file");
  add_list_option(command, "--exclude-if-present", request.exclude_if_present,
                  "exclude contents of directories containing filename (except filename itself) if header of "
                  "that file is as provided",
                  "filename[:header]");
  command->add_flag("--exclude-caches", request.exclude_caches,
                    "excludes cache directories that are marked with a CACHEDIR.TAG file");
  command
      ->add_option("--exclude-larger-than", flags.exclude_larger_than,
                   "max size of the files to be backed up (allowed suffixes: k/K, m/M, g/G, t/T)")
      ->type_name("size");
  command->add_flag("-x,--one-file-system", request.one_file_system,
                    "exclude other file systems, don't cross filesystem boundaries and subvolumes");
}

void add_source_flags(CLI::App* command, BackupFlags& flags) {
  command->add_option("paths", flags.request.targets, "files and directories");
  add_list_option(command, "--files-from", flags.lists.patterns,
                  "read the files to backup from file, one pattern a line (can be combined with file args)",
                  "file");
  add_list_option(command, "--files-from-verbatim", flags.lists.verbatim,
                  "read the files to backup from file, one name a line", "file");
  add_list_option(command, "--files-from-raw", flags.lists.raw,
                  "read the files to backup from file, names end with a zero byte", "file");
  command->add_flag("--stdin", flags.from_stdin, "read backup from stdin");
  command
      ->add_option("--stdin-filename", flags.stdin_filename,
                   "filename to use when reading from stdin (default \"stdin\")")
      ->type_name("filename");
  command->add_flag("--stdin-from-command", flags.from_command,
                    "interpret arguments as command to execute and store its stdout");
}

void add_flags(CLI::App* command, BackupFlags& flags) {
  archive::BackupRequest& request = flags.request;
  add_source_flags(command, flags);
  add_exclude_flags(command, flags);
  command->add_flag("-f,--force", request.force,
                    "force re-reading the source files/directories (overrides the \"parent\" flag)");
  command
      ->add_option("--parent", flags.parent,
                   "use this parent snapshot (default: latest snapshot in the group determined by --group-by "
                   "and not newer than the timestamp determined by --time)")
      ->type_name("snapshot");
  command
      ->add_option(
          "-g,--group-by", flags.group_by,
          "group snapshots by host, paths and/or tags, separated by comma (disable grouping with '')")
      ->type_name("group");
  add_list_option(command, "--tag", flags.tags, "add tags for the new snapshot", "tag[,tag,...]");
  command
      ->add_option("-H,--host", request.hostname,
                   "set the hostname for the snapshot manually (default: $RESTIC_HOST)")
      ->type_name("hostname");
  command->add_option("--time", flags.time, "time of the backup (ex. '2012-11-01 22:08:41') (default: now)")
      ->type_name("time");
  command->add_flag("-n,--dry-run", request.dry_run,
                    "do not upload or write any data, just show what would be done");
  command->add_flag("--with-atime", request.with_atime, "store the atime for all files and directories");
  command->add_flag("--ignore-inode", request.ignore_inode,
                    "ignore inode number and ctime changes when checking for modified files");
  command->add_flag("--ignore-ctime", request.ignore_ctime,
                    "ignore ctime changes when checking for modified files");
  command->add_flag("--no-scan", flags.no_scan, "do not run scanner to estimate size of backup");
  command->add_flag("--skip-if-unchanged", request.skip_if_unchanged,
                    "skip snapshot creation if identical to parent snapshot");
  command
      ->add_option("--read-concurrency", flags.read_concurrency,
                   "read n files concurrently (default: $RESTIC_READ_CONCURRENCY or 2)")
      ->type_name("n");
}

base::Time parse_local_time(const std::string& text) {
  std::tm parts{};
  const char* end = strptime(text.c_str(), "%Y-%m-%d %H:%M:%S", &parts);
  if (end == nullptr || *end != '\0') {
    base::fail(ErrorCode::kInvalidArgument, "error in time option: \"{}\" is not like 2012-11-01 22:08:41",
               text);
  }
  parts.tm_isdst = -1;
  return base::Time(std::chrono::seconds(mktime(&parts)));
}

void append_patterns(const std::vector<std::string>& files, std::vector<std::string>& patterns) {
  for (const std::string& file : files) {
    for (std::string& line : read_pattern_file(file)) patterns.push_back(std::move(line));
  }
}

unsigned parse_read_concurrency(const std::string& flag) {
  const std::string text = flag.empty() ? environment_value("RESTIC_READ_CONCURRENCY") : flag;
  if (text.empty()) return 2;
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    base::fail(ErrorCode::kInvalidArgument, "--read-concurrency: \"{}\" is no number", text);
  }
  return value == 0 ? 2 : value;
}

void check_sources(const RepoSession& session, const BackupFlags& flags) {
  const bool stream = flags.from_stdin || flags.from_command;
  if (flags.from_stdin && flags.from_command) {
    throw base::Error(ErrorCode::kInvalidArgument,
                      "--stdin and --stdin-from-command cannot be used together");
  }
  if (stream && !flags.lists.empty()) {
    throw base::Error(ErrorCode::kInvalidArgument,
                      fmt::format("--stdin and {} cannot be used together",
                                  !flags.lists.patterns.empty()   ? "--files-from"
                                  : !flags.lists.verbatim.empty() ? "--files-from-verbatim"
                                                                  : "--files-from-raw"));
  }
  if (flags.from_stdin && !flags.request.targets.empty()) {
    throw base::Error(ErrorCode::kInvalidArgument,
                      "--stdin was specified and files/dirs were listed as arguments");
  }
  if (flags.from_command && flags.request.targets.empty()) {
    throw base::Error(ErrorCode::kInvalidArgument, "--stdin-from-command: no command was given");
  }
  const bool reads_input = flags.from_stdin || flags.lists.reads_standard_input();
  if (reads_input && session.asks_password()) {
    throw base::Error(ErrorCode::kInvalidArgument,
                      "unable to read password from stdin when data is to be read from stdin, use "
                      "--password-file or $RESTIC_PASSWORD");
  }
}

archive::BackupRequest make_request(RepoSession& session, const BackupFlags& flags) {
  archive::BackupRequest request = flags.request;
  request.program_version = kProgramVersion;
  request.scan = !flags.no_scan;
  request.parent_group_by = repository::GroupBy::parse(flags.group_by);
  for (const std::string& list : flags.tags) {
    for (std::string& tag : split_tags(list)) request.tags.push_back(std::move(tag));
  }
  append_patterns(flags.exclude_files, request.unrecorded_excludes);
  append_patterns(flags.case_insensitive_exclude_files, request.case_insensitive_excludes);
  check_patterns("--exclude", flags.request.excludes);
  check_patterns("--iexclude", flags.request.case_insensitive_excludes);
  check_patterns("--exclude-file", request.unrecorded_excludes);
  check_patterns("--iexclude-file", request.case_insensitive_excludes);
  if (!flags.exclude_larger_than.empty()) {
    request.exclude_larger_than = repository::parse_size(flags.exclude_larger_than);
    if (!request.exclude_larger_than) {
      base::fail(ErrorCode::kInvalidArgument, "--exclude-larger-than: \"{}\" is no size",
                 flags.exclude_larger_than);
    }
  }
  if (!flags.time.empty()) request.time = parse_local_time(flags.time);
  if (request.hostname.empty()) request.hostname = environment_value("RESTIC_HOST");
  request.read_concurrency = parse_read_concurrency(flags.read_concurrency);
  if (flags.from_stdin || flags.from_command) return request;
  for (std::string& name : read_file_lists(session, flags.lists)) request.targets.push_back(std::move(name));
  if (request.targets.empty()) {
    throw base::Error(ErrorCode::kInvalidArgument, "nothing to backup, please specify source files/dirs");
  }
  return request;
}

archive::BackupReport save(RepoSession& session, const BackupFlags& flags,
                           const archive::BackupRequest& request, BackupDisplay& display) {
  std::function<void(const archive::BackupProgress&)> progress;
  if (display.wants_progress()) {
    progress = [&](const archive::BackupProgress& state) { display.update(state); };
  }
  if (!flags.from_stdin && !flags.from_command) {
    return archive::backup_directories(session.repository(), request, progress, session.logger(),
                                       session.cancel());
  }
  const auto source =
      open_stream(flags.from_command ? request.targets : std::vector<std::string>(), session.cancel());
  display.begin();
  return archive::backup_stream(session.repository(), request, *source, flags.stdin_filename, progress,
                                session.logger(), session.cancel());
}

int run_backup(RepoSession& session, const BackupFlags& flags) {
  check_sources(session, flags);
  archive::BackupRequest request = make_request(session, flags);
  if (session.text() && session.flags().verbose > 0) session.print("open repository\n");
  session.repository();
  if (!request.dry_run) session.lock(repository::LockMode::kShared);
  if (!flags.parent.empty()) request.parent = select_snapshot(session, flags.parent, {}).snapshot.id;
  BackupDisplay display(session,
                        flags.from_stdin || flags.from_command
                            ? std::vector<std::string>{"/" + flags.stdin_filename}
                            : request.targets,
                        request.dry_run);
  request.on_error = [&](const std::string& path, const std::string& message) {
    display.error(path, message);
  };
  if (session.flags().verbose >= 2) {
    request.on_item = [&](const archive::BackedUpItem& item) { display.item(item); };
  }
  request.on_parent = [&](const repository::Snapshot* parent) { display.parent(parent); };
  request.scan = request.scan && display.wants_progress();
  const archive::BackupReport report = save(session, flags, request, display);
  display.end(report);
  return report.errors.empty() ? 0 : 3;
}

}  // namespace

void add_backup_command(CLI::App& repo, const RepoCommonPointer& common) {
  const auto flags = std::make_shared<BackupFlags>();
  CLI::App* command =
      add_repo_command(repo, common, "backup", "Create a new backup of files and/or directories",
                       [flags](RepoSession& session) { return run_backup(session, *flags); });
  add_flags(command, *flags);
  add_examples(command,
               "# Save a directory without its object files.\n{} repo backup /home/me --exclude '*.o'\n\n"
               "# Save a database dump without a file in between; a failing command saves nothing.\n"
               "{} repo backup --stdin-filename db.sql --stdin-from-command -- pg_dump db\n\n"
               "# Save what find names, and no snapshot if nothing has changed.\n"
               "find /etc -newer /etc/hostname -print0 | {} repo backup --files-from-raw - "
               "--skip-if-unchanged");
}

}  // namespace salvor::cli
