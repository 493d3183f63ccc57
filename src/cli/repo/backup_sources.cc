#include "cli/repo/backup_sources.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <iterator>

#include "archive/path_pattern.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/repo/repo_session.h"

namespace salvor::cli {
namespace {

using base::ErrorCode;

std::string read_list(const std::string& path) {
  if (path != "-") return base::read_file(path);
  return {std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
}

bool has_wildcard(std::string_view component) {
  return component.find_first_of("*?[\\") != std::string_view::npos;
}

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(opendir(directory.empty() ? "." : directory.c_str()),
                                                   closedir);
  if (!stream) return names;
  while (const dirent* entry = readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

void split_raw(const std::string& text, std::vector<std::string>& names) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = text.find('\0', at);
    if (end == std::string::npos) {
      throw base::Error(ErrorCode::kInvalidArgument, "--files-from-raw: trailing zero byte missing");
    }
    if (end == at) {
      throw base::Error(ErrorCode::kInvalidArgument, "--files-from-raw: empty filename in listing");
    }
    names.push_back(text.substr(at, end - at));
    at = end + 1;
  }
}

// How long a signal may go unnoticed by a read that waits.
constexpr int kCancelPollMilliseconds = 100;

std::size_t read_unless_cancelled(int fd, char* buffer, std::size_t size, const base::CancelToken& cancel,
                                  const char* doing) {
  for (;;) {
    cancel.check();
    pollfd wanted{fd, POLLIN, 0};
    const int ready = ::poll(&wanted, 1, kCancelPollMilliseconds);
    if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    if (ready < 0) throw base::system_error(errno, doing);
    const ssize_t got = ::read(fd, buffer, size);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) throw base::system_error(errno, doing);
    return static_cast<std::size_t>(got);
  }
}

class StandardInput final : public base::Source {
 public:
  explicit StandardInput(base::CancelToken cancel) : cancel_(std::move(cancel)) {}
  std::size_t read(char* buffer, std::size_t size) override {
    return read_unless_cancelled(STDIN_FILENO, buffer, size, cancel_, "read the standard input");
  }

 private:
  const base::CancelToken cancel_;
};

class CommandOutput final : public base::Source {
 public:
  CommandOutput(const std::vector<std::string>& argv, base::CancelToken cancel)
      : name_(argv.front()), cancel_(std::move(cancel)) {
    int output[2], failure[2];
    if (pipe2(output, O_CLOEXEC) != 0) throw base::system_error(errno, "make a pipe");
    output_ = base::Fd(output[0]);
    const base::Fd input(output[1]);
    if (pipe2(failure, O_CLOEXEC) != 0) throw base::system_error(errno, "make a pipe");
    const base::Fd failed(failure[0]);
    base::Fd tell(failure[1]);
    std::vector<char*> arguments;
    for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    child_ = fork();
    if (child_ < 0) throw base::system_error(errno, "fork");
    if (child_ == 0) {
      signal(SIGPIPE, SIG_DFL);
      dup2(input.get(), STDOUT_FILENO);
      execvp(arguments[0], arguments.data());
      const int error = errno;
      [[maybe_unused]] const ssize_t told = write(tell.get(), &error, sizeof error);
      _exit(127);
    }
    tell.reset();
    int error = 0;
    if (::read(failed.get(), &error, sizeof error) == sizeof error) {
      waitpid(std::exchange(child_, -1), nullptr, 0);
      base::fail(ErrorCode::kInvalidArgument, "failed to start command: {}",
                 base::system_error(error, fmt::format("run \"{}\"", name_)).message());
    }
  }
  ~CommandOutput() override {
    if (child_ <= 0) return;
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
  std::size_t read(char* buffer, std::size_t size) override {
    const std::size_t got =
        read_unless_cancelled(output_.get(), buffer, size, cancel_, "read the command's output");
    if (got == 0) check_end();
    return got;
  }

 private:
  void check_end() {
    if (child_ <= 0) return;
    int status = 0;
    waitpid(std::exchange(child_, -1), &status, 0);
    if (status == 0) return;
    base::fail(ErrorCode::kInvalidArgument, "unable to save snapshot: command \"{}\" failed: {} {}", name_,
               WIFEXITED(status) ? "exit status" : "signal",
               WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
  }

  const std::string name_;
  const base::CancelToken cancel_;
  base::Fd output_;
  pid_t child_ = -1;
};

}  // namespace

bool FileLists::reads_standard_input() const {
  const auto has_dash = [](const std::vector<std::string>& files) {
    return std::find(files.begin(), files.end(), "-") != files.end();
  };
  return has_dash(patterns) || has_dash(verbatim) || has_dash(raw);
}

std::vector<std::string> glob_paths(const std::string& pattern) {
  std::vector<std::string> found{pattern.starts_with("/") ? "/" : ""};
  std::size_t at = pattern.find_first_not_of('/');
  while (at < pattern.size() && !found.empty()) {
    const std::size_t end = std::min(pattern.find('/', at), pattern.size());
    const std::string component = pattern.substr(at, end - at);
    std::vector<std::string> next;
    for (const std::string& directory : found) {
      const std::string prefix = directory.empty() || directory.ends_with('/') ? directory : directory + "/";
      if (!has_wildcard(component)) {
        struct stat status {};
        if (lstat((prefix + component).c_str(), &status) == 0) next.push_back(prefix + component);
        continue;
      }
      for (const std::string& name : names_in(directory)) {
        if (archive::match_component(component, name)) next.push_back(prefix + name);
      }
    }
    found = std::move(next);
    at = pattern.find_first_not_of('/', end);
  }
  std::erase(found, "");
  return found;
}

std::vector<std::string> read_file_lists(RepoSession& session, const FileLists& lists) {
  std::vector<std::string> names;
  for (const std::string& file : lists.patterns) {
    for (const std::string& line : base::split(archive::decode_text(read_list(file)), '\n')) {
      const std::string pattern(base::trim(line));
      if (pattern.empty() || pattern[0] == '#') continue;
      std::vector<std::string> found = glob_paths(pattern);
      if (found.empty()) {
        session.print_error("pattern \"{}\" does not match any files, skipping\n", pattern);
      }
      std::move(found.begin(), found.end(), std::back_inserter(names));
    }
  }
  for (const std::string& file : lists.verbatim) {
    for (std::string& line : base::split(archive::decode_text(read_list(file)), '\n')) {
      if (line.ends_with('\r')) line.pop_back();
      if (!line.empty()) names.push_back(std::move(line));
    }
  }
  for (const std::string& file : lists.raw) split_raw(read_list(file), names);
  return names;
}

std::unique_ptr<base::Source> open_stream(const std::vector<std::string>& command,
                                          const base::CancelToken& cancel) {
  if (command.empty()) return std::make_unique<StandardInput>(cancel);
  return std::make_unique<CommandOutput>(command, cancel);
}

}  // namespace salvor::cli
