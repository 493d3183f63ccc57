#include "local/runtime/pod_sandbox.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <thread>

#include "base/error.h"
#include "base/text.h"
#include "local/runtime/interruptible_source.h"
#include "local/runtime/pod_init.h"
#include "local/runtime/sandbox_protocol.h"

namespace salvor::local {
namespace {

namespace fs = std::filesystem;
using base::Fd;

constexpr int kKilled = 137;

// Executes this binary again, with nothing of ours open but the socket (as 3) and the standard error output.
pid_t launch_pod_init(int socket, const MountNamespace* mounts) {
  const pid_t pid = ::fork();
  if (pid < 0) throw base::system_error(errno, "fork for a pod");
  if (pid != 0) return pid;
  // Only async-signal-safe calls: other threads' locks are in an unknown state here.
  ::setsid();
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (mounts != nullptr && !mounts->enter()) ::_exit(126);
  const int null = ::open("/dev/null", O_RDWR);
  const int high = ::fcntl(socket, F_DUPFD, 10);
  if (null < 0 || high < 0 || ::dup2(null, 0) < 0 || ::dup2(null, 1) < 0 || ::dup2(high, 3) < 0) ::_exit(126);
  ::close_range(4, ~0U, 0);
  char name[] = "salvor";
  char command[16] = {};
  for (size_t i = 0; kPodInitCommand[i] != '\0' && i + 1 < sizeof command; ++i)
    command[i] = kPodInitCommand[i];
  char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  char* argv[] = {name, command, nullptr};
  char* environment[] = {path, nullptr};
  ::execve("/proc/self/exe", argv, environment);
  ::_exit(127);
}

constexpr const char* kProcessFile = "process";

// "pid start-time": tells a process from a later one of the same number. "" when it is gone.
std::string process_identity(pid_t pid) {
  const auto stat = base::read_file_if_exists(fmt::format("/proc/{}/stat", pid));
  const size_t end = stat ? stat->rfind(')') : std::string::npos;
  if (end == std::string::npos) return "";
  const auto fields = base::split(std::string_view(*stat).substr(end + 2), ' ');
  return fields.size() > 19 && fields[0] != "Z" ? fmt::format("{} {}", pid, fields[19]) : "";
}

struct Pipe {
  Fd read_end, write_end;
  Pipe() {
    int fds[2];
    if (::pipe2(fds, O_CLOEXEC) != 0) throw base::system_error(errno, "create a pipe");
    read_end = Fd(fds[0]);
    write_end = Fd(fds[1]);
  }
};

// Moves a Source into a descriptor until its end, in a thread. The reader may leave earlier.
class InputPump {
 public:
  InputPump(base::Source& from, Fd to, bool terminal) : from_(from), to_(std::move(to)) {
    thread_ = std::thread([this, terminal] { run(terminal); });
  }
  ~InputPump() {
    if (auto* source = dynamic_cast<InterruptibleSource*>(&from_)) source->interrupt();
    thread_.join();
  }

 private:
  void run(bool terminal) {
    char buffer[16 * 1024];
    try {
      while (const size_t size = from_.read(buffer, sizeof buffer))
        base::write_all(to_.get(), {buffer, size}, "stdin");
      // A terminal has no end of file but its control character.
      if (terminal) base::write_all(to_.get(), "\x04", "stdin");
    } catch (const std::exception&) {  // the command closed its input, or the client left
    }
    to_.reset();
  }

  base::Source& from_;
  Fd to_;
  std::thread thread_;
};

// Copies what is there. False at the end.
bool forward(const Fd& from, base::Sink* to) {
  char buffer[64 * 1024];
  const ssize_t size = ::read(from.get(), buffer, sizeof buffer);
  if (size < 0 && (errno == EINTR || errno == EAGAIN)) return true;
  if (size <= 0) return false;  // a terminal's master reports its end as EIO
  if (to != nullptr) to->write({buffer, static_cast<size_t>(size)});
  return true;
}

}  // namespace

PodSandbox::PodSandbox(PodSandboxOptions options) : options_(std::move(options)) {
  std::error_code ignored;
  fs::create_directories(options_.directory, ignored);
  auto [mine, theirs] = sandbox_socket_pair();
  socket_ = std::move(mine);
  process_ = launch_pod_init(theirs.get(), options_.mounts);
  theirs.reset();
  try {
    base::write_file_atomic(options_.directory / kProcessFile, process_identity(process_), 0600);
    Json config{{"op", "sandbox"},
                {"hostname", options_.hostname},
                {"address", options_.address},
                {"host_network", options_.host_network}};
    if (options_.api.port != 0 && !options_.host_network)
      config["api"] = {{"host", options_.api.host}, {"port", options_.api.port}};
    send_message(socket_.get(), config);
    auto answer = receive_message(socket_.get());
    if (!answer) base::fail(base::ErrorCode::kInternal, "the pod's first process ended at once");
    if (answer->body.value("event", "") != "ready") {
      base::fail(base::ErrorCode::kInternal, "{}", answer->body.value("message", "the pod did not start"));
    }
    if (!answer->descriptors.empty()) listener_ = std::move(answer->descriptors.front());
  } catch (...) {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    throw;
  }
}

PodSandbox::~PodSandbox() {
  shut_down();
}

void PodSandbox::shut_down() {
  std::lock_guard lock(end_mutex_);
  if (process_ < 0) return;
  ::kill(process_, SIGKILL);  // process 1 of the pod follows, and with it all others
  ::shutdown(socket_.get(), SHUT_RDWR);
  ::waitpid(process_, nullptr, 0);
  process_ = -1;
  std::error_code ignored;
  fs::remove_all(options_.directory, ignored);
}

void PodSandbox::clean_up(const fs::path& directories) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directories, error)) {
    // The pod's processes end by themselves when their control plane does; this waits for it, so that a
    // database does not start again beside its dying predecessor.
    const auto identity = base::read_file_if_exists(entry.path() / kProcessFile);
    if (!identity) continue;
    const pid_t pid = std::atoi(identity->c_str());
    for (int round = 0; round < 500 && process_identity(pid) == *identity; ++round) {
      ::kill(pid, SIGKILL);
      ::usleep(10'000);
    }
  }
  fs::remove_all(directories, error);
}

void PodSandbox::start(const std::string& container, const ContainerLaunch& launch, const fs::path& log) {
  send_message(
      socket_.get(),
      {{"op", "start"}, {"container", container}, {"launch", to_json(launch)}, {"log", log.string()}});
}

void PodSandbox::signal(const std::string& container, int number) {
  send_message(socket_.get(), {{"op", "signal"}, {"container", container}, {"signal", number}});
}

void PodSandbox::kill(const std::string& container) {
  send_message(socket_.get(), {{"op", "kill"}, {"container", container}});
}

std::optional<SandboxEvent> PodSandbox::next_event(std::chrono::milliseconds timeout) {
  pollfd polled{socket_.get(), POLLIN, 0};
  if (::poll(&polled, 1, static_cast<int>(timeout.count())) <= 0) return std::nullopt;
  const auto message = receive_message(socket_.get());
  SandboxEvent event{};
  event.type = SandboxEvent::Type::kGone;
  if (!message) return event;
  const std::string type = message->body.value("event", "");
  event.type = type == "started"        ? SandboxEvent::Type::kStarted
               : type == "start-failed" ? SandboxEvent::Type::kStartFailed
                                        : SandboxEvent::Type::kExited;
  event.container = message->body.value("container", "");
  event.message = message->body.value("message", "");
  event.exit_code = message->body.value("code", 0);
  event.signal = message->body.value("signal", 0);
  return event;
}

int PodSandbox::exec(const SandboxExec& exec, const base::CancelToken& cancel) {
  const Fd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  std::stop_callback on_cancel(cancel.stop_token(), [&wake] { ::eventfd_write(wake.get(), 1); });
  auto [status, their_status] = sandbox_socket_pair();
  Fd out, err, input;
  {
    const Json request{
        {"op", "exec"}, {"container", exec.container}, {"argv", exec.argv}, {"tty", exec.terminal}};
    if (exec.terminal) {
      send_message(socket_.get(), request, {their_status.get()});
    } else {
      Pipe in_pipe, out_pipe, err_pipe;
      send_message(
          socket_.get(), request,
          {their_status.get(), in_pipe.read_end.get(), out_pipe.write_end.get(), err_pipe.write_end.get()});
      out = std::move(out_pipe.read_end);
      err = std::move(err_pipe.read_end);
      input = std::move(in_pipe.write_end);
    }
  }
  their_status.reset();

  std::optional<int> exit_code;
  std::optional<base::Error> failure;
  std::unique_ptr<InputPump> pump;  // joined before everything it uses goes away
  const auto start_input = [&](Fd to) {
    if (exec.input != nullptr) pump = std::make_unique<InputPump>(*exec.input, std::move(to), exec.terminal);
  };
  if (!exec.terminal) start_input(std::move(input));
  while (status.valid() || out.valid() || err.valid()) {
    if (cancel.cancelled()) {
      failure = base::Error(base::ErrorCode::kCancelled, "cancelled");
      break;
    }
    pollfd polled[4] = {
        {wake.get(), POLLIN, 0}, {status.get(), POLLIN, 0}, {out.get(), POLLIN, 0}, {err.get(), POLLIN, 0}};
    // After the command's end, what is left in the pipes is read; a background process that keeps them open
    // is not waited for.
    const int ready = ::poll(polled, 4, status.valid() ? -1 : 50);
    if (ready < 0 && errno != EINTR) throw base::system_error(errno, "wait for a command in a pod");
    if (ready == 0) break;
    if (polled[2].revents != 0 && !forward(out, exec.output)) out.reset();
    if (polled[3].revents != 0 && !forward(err, exec.error_output)) err.reset();
    if (polled[1].revents == 0) continue;
    auto message = receive_message(status.get());
    if (!message) {
      if (!exit_code && !failure) exit_code = kKilled;
      status.reset();
    } else if (message->body.contains("error")) {
      failure = base::Error(base::ErrorCode::kNotFound, message->body["error"].get<std::string>());
    } else if (message->body.contains("exit")) {
      exit_code = message->body["exit"].get<int>();
    } else if (!message->descriptors.empty()) {  // started on a terminal
      out = std::move(message->descriptors[0]);
      start_input(Fd(::fcntl(out.get(), F_DUPFD_CLOEXEC, 3)));
    }
  }
  status.reset();  // on cancellation: kills the command
  out.reset();
  err.reset();
  pump.reset();
  if (failure) throw *failure;
  return exit_code.value_or(kKilled);
}

Fd PodSandbox::start_check(const Json& request) {
  auto [mine, theirs] = sandbox_socket_pair();
  send_message(socket_.get(), request, {theirs.get()});
  return std::move(mine);
}

std::optional<std::string> PodSandbox::read_check(const Fd& socket) {
  for (;;) {
    pollfd polled{socket.get(), POLLIN, 0};
    if (::poll(&polled, 1, 0) <= 0) return std::nullopt;
    const auto message = receive_message(socket.get());
    if (!message) return "the container ended";
    if (message->body.contains("error")) return message->body["error"].get<std::string>();
    if (!message->body.contains("exit")) continue;  // started
    const int code = message->body["exit"].get<int>();
    if (code == 0) return "";
    const std::string text = message->body.value("message", "");
    return text.empty() ? fmt::format("command exited with {}", code) : text;
  }
}

}  // namespace salvor::local
