#include "base/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <thread>

#include "base/error.h"
#include "base/file.h"

extern char** environ;

namespace salvor::base {
namespace {

struct Pipe {
  Fd read_end, write_end;
  Pipe() {
    int fds[2];
    if (::pipe2(fds, O_CLOEXEC) != 0) throw system_error(errno, "create a pipe");
    read_end = Fd(fds[0]);
    write_end = Fd(fds[1]);
  }
};

std::vector<std::string> merged_environment(const std::map<std::string, std::string>& extra) {
  std::vector<std::string> merged;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    if (!extra.contains(std::string(text.substr(0, text.find('='))))) merged.emplace_back(text);
  }
  for (const auto& [key, value] : extra) merged.push_back(key + "=" + value);
  return merged;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (const auto& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

// Forks and executes; in, out and err become the child's standard streams. Reports a failed exec as an Error.
pid_t launch(const std::vector<std::string>& argv, const ProcessOptions& options, int in, int out, int err) {
  if (argv.empty()) fail(ErrorCode::kInvalidArgument, "cannot start a process: empty command");
  const auto environment = merged_environment(options.environment);
  auto arguments = pointers(argv);
  auto variables = pointers(environment);
  Pipe status;
  const pid_t pid = ::fork();
  if (pid < 0) throw system_error(errno, fmt::format("fork for \"{}\"", argv[0]));
  if (pid == 0) {
    ::setpgid(0, 0);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    int failure = 0;
    if (::dup2(in, 0) < 0 || ::dup2(out, 1) < 0 || ::dup2(err, 2) < 0) failure = errno;
    if (!failure && !options.directory.empty() && ::chdir(options.directory.c_str()) != 0) failure = errno;
    if (!failure) {
      ::execvpe(arguments[0], arguments.data(), variables.data());
      failure = errno;
    }
    [[maybe_unused]] const ssize_t written = ::write(status.write_end.get(), &failure, sizeof failure);
    ::_exit(127);
  }
  ::setpgid(pid, pid);
  status.write_end.reset();
  int failure = 0;
  if (::read(status.read_end.get(), &failure, sizeof failure) == static_cast<ssize_t>(sizeof failure)) {
    ::waitpid(pid, nullptr, 0);
    throw system_error(failure, fmt::format("run \"{}\"", argv[0]));
  }
  return pid;
}

int exit_code_of(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int reap(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return exit_code_of(status);
}

void set_nonblocking(int fd) {
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
}

// Reads what is there; closes fd at the end of the stream.
void drain(Fd& fd, std::string& into) {
  std::array<char, 64 * 1024> buffer;
  const ssize_t count = ::read(fd.get(), buffer.data(), buffer.size());
  if (count > 0) into.append(buffer.data(), static_cast<size_t>(count));
  if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) fd.reset();
}

}  // namespace

ProcessResult run_process(const std::vector<std::string>& argv, const ProcessOptions& options,
                          std::chrono::nanoseconds timeout, const CancelToken& cancel) {
  Pipe in, out, err;
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  const pid_t pid = launch(argv, options, in.read_end.get(), out.write_end.get(), err.write_end.get());
  in.read_end.reset();
  out.write_end.reset();
  err.write_end.reset();
  set_nonblocking(in.write_end.get());
  set_nonblocking(out.read_end.get());
  set_nonblocking(err.read_end.get());
  std::string_view input = options.input;
  ProcessResult result;
  const auto stop = [&](ErrorCode code, std::string_view why) {
    ::kill(-pid, SIGKILL);
    reap(pid);
    fail(code, "\"{}\" {}", argv[0], why);
  };
  while (out.read_end.valid() || err.read_end.valid()) {
    if (input.empty()) in.write_end.reset();
    if (cancel.cancelled()) stop(ErrorCode::kCancelled, "was cancelled");
    if (std::chrono::steady_clock::now() > deadline) stop(ErrorCode::kTimeout, "timed out");
    std::array<pollfd, 3> polls{
        {{in.write_end.get(), POLLOUT, 0}, {out.read_end.get(), POLLIN, 0}, {err.read_end.get(), POLLIN, 0}}};
    ::poll(polls.data(), polls.size(), 100);
    if (polls[0].revents != 0) {
      const ssize_t count = ::write(in.write_end.get(), input.data(), input.size());
      if (count > 0) input.remove_prefix(static_cast<size_t>(count));
      if (count < 0 && errno != EAGAIN && errno != EINTR) input = {};
    }
    if (polls[1].revents != 0) drain(out.read_end, result.output);
    if (polls[2].revents != 0) drain(err.read_end, result.error_output);
  }
  result.exit_code = reap(pid);
  return result;
}

Process::Process(const std::vector<std::string>& argv, const ProcessOptions& options) {
  const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  Fd output;
  if (options.output) {
    output = Fd(::open(options.output->c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    if (!output.valid()) throw system_error(errno, fmt::format("open \"{}\"", options.output->string()));
  }
  const int out = output.valid() ? output.get() : null.get();
  pid_ = launch(argv, options, null.get(), out, out);
}

Process::~Process() {
  if (exit_code_) return;
  ::kill(-pid_, SIGKILL);
  reap(pid_);
}

void Process::signal(int number) {
  if (!exit_code_) ::kill(pid_, number);
}

std::optional<int> Process::wait(std::chrono::nanoseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (!exit_code_) {
    int status = 0;
    const pid_t done = ::waitpid(pid_, &status, WNOHANG);
    if (done == pid_) {
      exit_code_ = exit_code_of(status);
    } else if (std::chrono::steady_clock::now() >= deadline) {
      return std::nullopt;
    } else {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
  return exit_code_;
}

}  // namespace salvor::base
