#include "local/daemon.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace salvor::local {
namespace {

namespace fs = std::filesystem;
using base::ErrorCode;
using base::fail;
using base::Fd;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Holds the lock for as long as it is open; nullopt when another process does.
std::optional<Fd> try_lock(const fs::path& directory) {
  Fd lock(::open((directory / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock.valid())
    throw base::system_error(errno, fmt::format("open \"{}\"", (directory / "lock").string()));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno == EWOULDBLOCK) return std::nullopt;
  throw base::system_error(errno, fmt::format("lock \"{}\"", (directory / "lock").string()));
}

pid_t read_pid(const fs::path& directory) {
  const auto text = base::read_file_if_exists(directory / "pid");
  return text ? static_cast<pid_t>(std::atoi(text->c_str())) : 0;
}

Fd lock_or_throw(const fs::path& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error)
    fail(ErrorCode::kPermissionDenied, "cannot create \"{}\": {}", directory.string(), error.message());
  auto lock = try_lock(directory);
  if (!lock) {
    fail(ErrorCode::kLocked,
         "the control plane in \"{}\" is already running (pid {})\nhint: salvor local down --dir {}",
         directory.string(), read_pid(directory), directory.string());
  }
  return std::move(*lock);
}

std::string read_server(const fs::path& kubeconfig) {
  for (const auto& line : base::split(base::read_file_if_exists(kubeconfig).value_or(""), '\n')) {
    const auto text = base::trim(line);
    if (text.starts_with("server:")) return std::string(base::trim(text.substr(7)));
  }
  return "";
}

// Runs until SIGTERM or SIGINT. `ready` is called once, when everything serves.
void serve(const UpOptions& options, const Companion& companion, const std::function<void()>& ready) {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &ends, nullptr);  // before the first thread, so that all inherit it
  ::signal(SIGPIPE, SIG_IGN);
  const fs::path& directory = options.local.directory;
  base::write_file_atomic(directory / "pid", std::to_string(::getpid()) + "\n");
  const base::SystemClock clock;
  base::SystemRandom random;
  const base::Logger logger(base::stderr_log_sink(options.log_level));
  {
    LocalControlPlane plane(options.local, clock, random, logger);
    std::shared_ptr<void> beside;
    if (companion) beside = companion(plane, logger);
    logger.with("url", plane.url()).info("control plane is up");
    ready();
    int number = 0;
    ::sigwait(&ends, &number);
    logger.info("control plane stops");
    beside.reset();
  }
  logger.info("control plane is down");
  std::error_code ignored;
  fs::remove(directory / "pid", ignored);
}

void redirect_streams(const fs::path& log) {
  const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const Fd file(::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
  if (!null.valid() || !file.valid())
    throw base::system_error(errno, fmt::format("open \"{}\"", log.string()));
  ::dup2(null.get(), 0);
  ::dup2(file.get(), 1);
  ::dup2(file.get(), 2);
}

// The daemon's side of the fork.
[[noreturn]] void run_daemon(const UpOptions& options, const Companion& companion, Fd status) {
  int code = 0;
  try {
    ::setsid();
    if (::chdir("/") != 0) throw base::system_error(errno, "change to \"/\"");
    redirect_streams(options.local.directory / "log");
    serve(options, companion, [&] {
      base::write_all(status.get(), "ready", "status");
      status.reset();
    });
  } catch (const std::exception& error) {
    const std::string text = base::describe(error);
    ::dprintf(2, "%s\n", text.c_str());
    if (status.valid()) [[maybe_unused]]
      const ssize_t written = ::write(status.get(), text.data(), text.size());
    code = 1;
  }
  ::_exit(code);
}

}  // namespace

LocalStatus local_up(const UpOptions& given, const Companion& companion) {
  UpOptions options = given;
  options.local.directory = fs::absolute(options.local.directory).lexically_normal();
  const fs::path directory = options.local.directory;
  const Fd lock = lock_or_throw(directory);
  if (options.foreground) {
    serve(options, companion, [] {});
    return local_status(directory);
  }
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) throw base::system_error(errno, "create a pipe");
  Fd read_end(fds[0]), write_end(fds[1]);
  const pid_t pid = ::fork();
  if (pid < 0) throw base::system_error(errno, "fork the control plane");
  if (pid == 0) {
    read_end.reset();
    run_daemon(options, companion, std::move(write_end));  // keeps the lock, which it inherited
  }
  write_end.reset();
  std::string answer;
  char buffer[1024];
  for (ssize_t size; (size = ::read(read_end.get(), buffer, sizeof buffer)) > 0;) {
    answer.append(buffer, static_cast<size_t>(size));
  }
  if (answer != "ready") {
    ::waitpid(pid, nullptr, 0);
    fail(ErrorCode::kUnavailable, "the control plane did not start: {}\nhint: see {}",
         answer.empty() ? "it ended at once" : answer, (directory / "log").string());
  }
  return {true, pid, read_server(directory / "kubeconfig"), directory / "kubeconfig"};
}

bool local_down(const fs::path& given, std::chrono::seconds timeout) {
  const fs::path directory = fs::absolute(given).lexically_normal();
  if (!fs::exists(directory / "lock") || try_lock(directory)) return false;
  const pid_t pid = read_pid(directory);
  if (pid <= 1)
    fail(ErrorCode::kInternal, "\"{}\" does not name the running control plane",
         (directory / "pid").string());
  ::kill(pid, SIGTERM);
  auto deadline = steady_clock::now() + timeout;
  bool killed = false;
  while (!try_lock(directory)) {  // released by the kernel when the process is gone
    if (steady_clock::now() > deadline) {
      if (killed) fail(ErrorCode::kTimeout, "the control plane (pid {}) does not end", pid);
      ::kill(pid, SIGKILL);  // its pods die with it
      killed = true;
      deadline = steady_clock::now() + std::chrono::seconds(10);
    }
    std::this_thread::sleep_for(milliseconds(20));
  }
  std::error_code ignored;
  fs::remove(directory / "pid", ignored);
  return true;
}

LocalStatus local_status(const fs::path& given) {
  const fs::path directory = fs::absolute(given).lexically_normal();
  LocalStatus status;
  status.kubeconfig = directory / "kubeconfig";
  if (!fs::exists(directory / "lock") || try_lock(directory)) return status;
  status.running = true;
  status.pid = read_pid(directory);
  status.url = read_server(status.kubeconfig);
  return status;
}

}  // namespace salvor::local
