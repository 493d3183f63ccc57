#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstring>
#include <ctime>
#include <iostream>

#include "archive/directory_backup.h"
#include "archive/path_pattern.h"
#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "base/text.h"
#include "cli/repo/commands.h"
#include "cli/repo/snapshot_selection.h"
#include "repository/size_text.h"

namespace salvor::cli {
namespace {

using base::ErrorCode;

struct BackupFlags {
  archive::BackupRequest request;
  std::vector<std::string> exclude_files, case_insensitive_exclude_files, tags;
  std::vector<std::string> files_from, files_from_verbatim, files_from_raw;
  std::string parent, time, exclude_larger_than, group_by = "host,paths", stdin_filename = "stdin";
  bool from_stdin = false, from_command = false, no_scan = false;
};

void add_flags(CLI::App* command, BackupFlags& flags) {
  archive::BackupRequest& request = flags.request;
  command->add_option("targets", request.targets, "files and directories");
  add_list_option(command, "-e,--exclude", request.excludes, "exclude a pattern");
  add_list_option(command, "--iexclude", request.case_insensitive_excludes,
                  "exclude a pattern, ignoring case");
  add_list_option(command, "--exclude-file", flags.exclude_files, "read exclude patterns from a file");
  add_list_option(command, "--iexclude-file", flags.case_insensitive_exclude_files,
                  "read exclude patterns from a file, ignoring case");
  add_list_option(command, "--exclude-if-present", request.exclude_if_present,
                  "takes filename[:header], exclude contents of directories containing filename");
  command->add_flag("--exclude-caches", request.exclude_caches,
                    "excludes directories marked with a CACHEDIR.TAG file");
  command->add_option("--exclude-larger-than", flags.exclude_larger_than,
                      "max size of the files to be backed up");
  command->add_flag("-x,--one-file-system", request.one_file_system, "exclude other file systems");
  add_list_option(command, "--files-from", flags.files_from, "read the files to backup from file (patterns)");
  add_list_option(command, "--files-from-verbatim", flags.files_from_verbatim,
                  "read the files to backup from file");
  add_list_option(command, "--files-from-raw", flags.files_from_raw,
                  "read the files to backup from file, separated by NUL");
  command->add_flag("-f,--force", request.force, "force re-reading the source files/directories");
  command->add_option("--parent", flags.parent, "use this parent snapshot");
  command->add_option("-g,--group-by", flags.group_by,
                      "group snapshots by host, paths and/or tags to find the parent");
  add_list_option(command, "--tag", flags.tags, "add tags for the new snapshot in the format tag[,tag,...]");
  command->add_option("-H,--host", request.hostname, "set the hostname for the snapshot manually");
  command->add_option("--time", flags.time, "time of the backup (ex. '2012-11-01 22:08:41')");
  command->add_flag("-n,--dry-run", request.dry_run,
                    "do not upload or write any data, just show what would be done");
  command->add_flag("--with-atime", request.with_atime, "store the atime for all files and directories");
  command->add_flag("--ignore-inode", request.ignore_inode, "ignore inode number and ctime changes");
  command->add_flag("--ignore-ctime", request.ignore_ctime, "ignore ctime changes");
  command->add_flag("--no-scan", flags.no_scan, "do not run scanner to estimate size of backup");
  command->add_flag("--skip-if-unchanged", request.skip_if_unchanged,
                    "skip snapshot creation if identical to parent");
  command->add_option("--read-concurrency", request.read_concurrency, "read n files concurrently");
  command->add_flag("--stdin", flags.from_stdin, "read backup from stdin");
  command->add_option("--stdin-filename", flags.stdin_filename, "filename to use when reading from stdin");
  command->add_flag("--stdin-from-command", flags.from_command, "interpret arguments as command to execute");
}

base::Time parse_local_time(const std::string& text) {
  std::tm parts{};
  const char* end = strptime(text.c_str(), "%Y-%m-%d %H:%M:%S", &parts);
  if (end == nullptr || *end != '\0') {
    base::fail(ErrorCode::kInvalidArgument, "invalid time \"{}\", expected 2012-11-01 22:08:41", text);
  }
  parts.tm_isdst = -1;
  return base::Time(std::chrono::seconds(mktime(&parts)));
}

std::string read_list(const std::string& path) {
  if (path != "-") return base::read_file(path);
  return {std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
}

void add_listed_targets(const BackupFlags& flags, std::vector<std::string>& targets) {
  for (const std::string& file : flags.files_from) {
    for (const std::string& line : base::split(read_list(file), '\n')) {
      const std::string pattern(base::trim(line));
      if (pattern.empty() || pattern[0] == '#') continue;
      glob_t found{};
      if (glob(pattern.c_str(), 0, nullptr, &found) == 0) {
        targets.insert(targets.end(), found.gl_pathv, found.gl_pathv + found.gl_pathc);
      }
      globfree(&found);
    }
  }
  for (const std::string& file : flags.files_from_verbatim) {
    for (std::string& line : base::split(read_list(file), '\n')) {
      if (!line.empty()) targets.push_back(std::move(line));
    }
  }
  for (const std::string& file : flags.files_from_raw) {
    for (std::string& name : base::split(read_list(file), '\0')) {
      if (!name.empty()) targets.push_back(std::move(name));
    }
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
  for (const std::string& file : flags.exclude_files) {
    for (std::string& line : archive::read_pattern_lines(base::read_file(file))) {
      request.unrecorded_excludes.push_back(std::move(line));
    }
  }
  for (const std::string& file : flags.case_insensitive_exclude_files) {
    for (std::string& line : archive::read_pattern_lines(base::read_file(file))) {
      request.case_insensitive_excludes.push_back(std::move(line));
    }
  }
  if (!flags.exclude_larger_than.empty()) {
    request.exclude_larger_than = repository::parse_size(flags.exclude_larger_than);
    if (!request.exclude_larger_than) {
      base::fail(ErrorCode::kInvalidArgument, "--exclude-larger-than: \"{}\" is no size",
                 flags.exclude_larger_than);
    }
  }
  if (!flags.time.empty()) request.time = parse_local_time(flags.time);
  if (request.hostname.empty()) {
    if (const char* host = std::getenv("RESTIC_HOST")) request.hostname = host;
  }
  if (const char* readers = std::getenv("RESTIC_READ_CONCURRENCY");
      readers != nullptr && request.read_concurrency == 2) {
    request.read_concurrency = static_cast<unsigned>(std::max(std::atoi(readers), 1));
  }
  if (!flags.parent.empty()) request.parent = select_snapshot(session, flags.parent, {}).snapshot.id;
  if (!flags.from_stdin && !flags.from_command) add_listed_targets(flags, request.targets);
  return request;
}

codec::Json status_json(const archive::BackupProgress& progress, double seconds) {
  codec::Json json;
  json["message_type"] = "status";
  if (seconds >= 1) json["seconds_elapsed"] = static_cast<std::uint64_t>(seconds);
  const double share = progress.bytes_total == 0
                           ? 0
                           : std::min(1.0, static_cast<double>(progress.bytes_done) /
                                               static_cast<double>(progress.bytes_total));
  if (share > 0 && share < 1 && seconds >= 1) {
    json["seconds_remaining"] = static_cast<std::uint64_t>(seconds * (1 - share) / share);
  }
  json["percent_done"] = share;
  if (progress.files_total != 0) json["total_files"] = progress.files_total;
  if (progress.files_done != 0) json["files_done"] = progress.files_done;
  if (progress.bytes_total != 0) json["total_bytes"] = progress.bytes_total;
  if (progress.bytes_done != 0) json["bytes_done"] = progress.bytes_done;
  if (progress.errors != 0) json["error_count"] = progress.errors;
  if (!progress.current.empty()) json["current_files"] = codec::Json::array({progress.current});
  return json;
}

codec::Json summary_json(const archive::BackupReport& report, double seconds, bool dry_run) {
  const repository::SnapshotSummary& summary = report.summary;
  codec::Json json;
  json["message_type"] = "summary";
  if (dry_run) json["dry_run"] = true;
  json["files_new"] = summary.files_new;
  json["files_changed"] = summary.files_changed;
  json["files_unmodified"] = summary.files_unmodified;
  json["dirs_new"] = summary.dirs_new;
  json["dirs_changed"] = summary.dirs_changed;
  json["dirs_unmodified"] = summary.dirs_unmodified;
  json["data_blobs"] = summary.data_blobs;
  json["tree_blobs"] = summary.tree_blobs;
  json["data_added"] = summary.data_added;
  json["data_added_packed"] = summary.data_added_packed;
  json["total_files_processed"] = summary.total_files_processed;
  json["total_bytes_processed"] = summary.total_bytes_processed;
  json["total_duration"] = seconds;
  json["backup_start"] = summary.backup_start;
  json["backup_end"] = summary.backup_end;
  if (report.snapshot) json["snapshot_id"] = report.snapshot->hex();
  return json;
}

void print_summary(RepoSession& session, const archive::BackupReport& report, double seconds, bool dry_run) {
  const repository::SnapshotSummary& summary = report.summary;
  session.print("\nFiles:       {:5} new, {:5} changed, {:5} unmodified\n", summary.files_new,
                summary.files_changed, summary.files_unmodified);
  session.print("Dirs:        {:5} new, {:5} changed, {:5} unmodified\n", summary.dirs_new,
                summary.dirs_changed, summary.dirs_unmodified);
  if (session.flags().verbose > 0) {
    session.print("Data Blobs:  {:5} new\nTree Blobs:  {:5} new\n", summary.data_blobs, summary.tree_blobs);
  }
  session.print("{} to the repository: {:<5} ({:<5} stored)\n\n", dry_run ? "Would add" : "Added",
                format_bytes(summary.data_added), format_bytes(summary.data_added_packed));
  session.print("processed {} files, {} in {}\n", summary.total_files_processed,
                format_bytes(summary.total_bytes_processed),
                format_seconds(static_cast<std::uint64_t>(seconds)));
  if (report.snapshot) session.print("snapshot {} saved\n", report.snapshot->short_hex());
  if (report.skipped) session.print("skipped creating snapshot\n");
}

// What the run shows while it goes on: a line on a terminal, JSON messages, or items with -vv.
class BackupDisplay {
 public:
  explicit BackupDisplay(RepoSession& session)
      : session_(session),
        start_(session.context().clock.now()),
        line_(session.context().out, session.context().clock, !session.text()) {}

  double seconds() const {
    return std::chrono::duration<double>(session_.context().clock.now() - start_).count();
  }
  void clear() { line_.clear(); }

  void update(const archive::BackupProgress& progress) {
    if (session_.flags().json && !session_.flags().quiet)
      session_.print_json(status_json(progress, seconds()));
    line_.update({.items_done = progress.files_done,
                  .items_total = progress.files_total,
                  .bytes_done = progress.bytes_done,
                  .bytes_total = progress.bytes_total,
                  .errors = progress.errors,
                  .current = progress.current});
  }

  void error(const std::string& path, const std::string& message) {
    line_.clear();
    if (!session_.flags().json) {
      session_.print_error("error: {}\n", message);
      return;
    }
    codec::Json json;
    json["message_type"] = "error";
    json["error"]["message"] = message;
    json["during"] = "archival";
    json["item"] = path;
    session_.print_error("{}\n", codec::to_json(json));
  }

  void item(const archive::BackedUpItem& item) {
    using Action = archive::BackedUpItem::Action;
    const char* action = item.action == Action::kNew       ? "new"
                         : item.action == Action::kChanged ? "modified"
                                                           : "unchanged";
    if (!session_.flags().json) {
      line_.clear();
      session_.print("{:<9} {}\n", action, item.path);
      return;
    }
    codec::Json json;
    json["message_type"] = "verbose_status";
    json["action"] = action;
    json["item"] = item.path;
    json["duration"] = item.seconds;
    json["data_size"] = item.data_size;
    json["data_size_in_repo"] = item.data_size_in_repo;
    json["metadata_size"] = item.metadata_size;
    json["metadata_size_in_repo"] = item.metadata_size_in_repo;
    json["total_files"] = 0;
    session_.print_json(json);
  }

 private:
  RepoSession& session_;
  const base::Time start_;
  TerminalProgress line_;
};

class StandardInput final : public base::Source {
 public:
  std::size_t read(char* buffer, std::size_t size) override {
    const ssize_t got = ::read(STDIN_FILENO, buffer, size);
    if (got < 0) throw base::system_error(errno, "read the standard input");
    return static_cast<std::size_t>(got);
  }
};

// The output of a command; its failure fails the backup before there is a snapshot.
class CommandOutput final : public base::Source {
 public:
  explicit CommandOutput(const std::vector<std::string>& argv) : name_(argv.front()) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw base::system_error(errno, "make a pipe");
    output_ = base::Fd(ends[0]);
    const base::Fd input(ends[1]);
    std::vector<char*> arguments;
    for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    child_ = fork();
    if (child_ < 0) throw base::system_error(errno, "fork");
    if (child_ == 0) {
      dup2(input.get(), STDOUT_FILENO);
      execvp(arguments[0], arguments.data());
      _exit(127);
    }
  }
  ~CommandOutput() override {
    if (child_ <= 0) return;
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
  std::size_t read(char* buffer, std::size_t size) override {
    const ssize_t got = ::read(output_.get(), buffer, size);
    if (got < 0) throw base::system_error(errno, "read the command's output");
    if (got == 0) check_end();
    return static_cast<std::size_t>(got);
  }

 private:
  void check_end() {
    if (child_ <= 0) return;
    int status = 0;
    waitpid(std::exchange(child_, -1), &status, 0);
    if (status != 0) {
      base::fail(ErrorCode::kInvalidArgument, "command \"{}\" failed with exit code {}", name_,
                 WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    }
  }

  const std::string name_;
  base::Fd output_;
  pid_t child_ = -1;
};

int run_backup(RepoSession& session, const BackupFlags& flags) {
  session.repository();
  if (!flags.request.dry_run) session.lock(repository::LockMode::kShared);
  archive::BackupRequest request = make_request(session, flags);
  BackupDisplay display(session);
  request.on_error = [&](const std::string& path, const std::string& message) {
    display.error(path, message);
  };
  if (session.flags().verbose >= 2)
    request.on_item = [&](const archive::BackedUpItem& item) { display.item(item); };
  request.on_parent = [&](const repository::Snapshot* parent) {
    if (!session.text()) return;
    if (parent != nullptr) {
      session.print("using parent snapshot {}\n", parent->id.short_hex());
    } else {
      session.print("no parent snapshot found, will read all files\n");
    }
  };
  const auto progress = [&](const archive::BackupProgress& state) { display.update(state); };
  // Without anyone to show progress to, nothing need be counted either.
  const bool watched = (session.flags().json && !session.flags().quiet) ||
                       (session.text() && isatty(fileno(session.context().out)) != 0);
  request.scan = request.scan && watched;
  archive::BackupReport report;
  if (flags.from_stdin || flags.from_command) {
    std::unique_ptr<base::Source> source;
    if (flags.from_command) {
      if (request.targets.empty()) throw base::Error(ErrorCode::kInvalidArgument, "no command given");
      source = std::make_unique<CommandOutput>(request.targets);
    } else {
      source = std::make_unique<StandardInput>();
    }
    report = archive::backup_stream(session.repository(), request, *source, flags.stdin_filename, progress,
                                    session.logger(), session.cancel());
  } else {
    report = archive::backup_directories(session.repository(), request, progress, session.logger(),
                                         session.cancel());
  }
  display.clear();
  if (session.flags().json) session.print_json(summary_json(report, display.seconds(), request.dry_run));
  if (session.text()) print_summary(session, report, display.seconds(), request.dry_run);
  if (report.errors.empty()) return 0;
  if (!session.flags().json) session.print_error("Warning: at least one source file could not be read\n");
  return 3;
}

}  // namespace

void add_backup_command(CLI::App& repo, const RepoCommonPointer& common) {
  const auto flags = std::make_shared<BackupFlags>();
  CLI::App* command =
      add_repo_command(repo, common, "backup", "Create a new backup of files and/or directories",
                       [flags](RepoSession& session) { return run_backup(session, *flags); });
  add_flags(command, *flags);
}

}  // namespace salvor::cli
