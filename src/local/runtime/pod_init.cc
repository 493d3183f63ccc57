#include "local/runtime/pod_init.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/clock.h"
#include "base/error.h"
#include "local/runtime/container_log.h"
#include "local/runtime/container_process.h"
#include "local/runtime/probe_check.h"
#include "local/runtime/sandbox_protocol.h"

namespace salvor::local {
namespace {

using base::Fd;

constexpr int kControl = 3;

void set_interface_up(const char* name, const std::string& address) {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  if (!address.empty()) {
    auto* in = reinterpret_cast<sockaddr_in*>(&request.ifr_addr);
    in->sin_family = AF_INET;
    ::inet_pton(AF_INET, address.c_str(), &in->sin_addr);
    ::ioctl(socket.get(), SIOCSIFADDR, &request);
    // This address only: those of other pods are not here.
    in->sin_addr.s_addr = INADDR_BROADCAST;
    ::ioctl(socket.get(), SIOCSIFNETMASK, &request);
  }
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  ::ioctl(socket.get(), SIOCSIFFLAGS, &request);
}

// For the API server, which accepts from it.
Fd listen_for_api(const Json& config) {
  const std::string host = config.at("host").get<std::string>();
  const int port = config.at("port").get<int>();
  Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  ::inet_pton(AF_INET, host.c_str(), &address.sin_addr);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(socket.get(), SOMAXCONN) != 0) {
    throw base::system_error(errno, fmt::format("listen on {}:{} in the pod", host, port));
  }
  return socket;
}

struct Container {
  std::string name;
  ContainerLaunch launch;
  ContainerNamespace where;
  pid_t pid = -1;
  Fd out, err;  // read ends
  std::unique_ptr<ContainerLogWriter> log;
};

// Process 1 of the pod.
class PodInit {
 public:
  // `listener` goes to the control plane, if it is one.
  int run(Fd listener);

 private:
  void handle(SandboxMessage message);
  void start(const Json& request);
  void exec(SandboxMessage& message);
  void probe(const Json& request, int status);
  void reap();
  void ended(Container& container, int wait_status);
  void read_output(Container& container, Fd& from, const char* stream);
  void event(const Json& body) { send_message(kControl, body); }
  Container* find_running(const std::string& name);

  const base::SystemClock clock_;
  std::map<std::string, Container> containers_;
};

int PodInit::run(Fd listener) {
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &child, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  const Fd signals(::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
  send_message(kControl, {{"event", "ready"}},
               listener.valid() ? std::vector<int>{listener.get()} : std::vector<int>{});
  listener.reset();
  for (;;) {
    std::vector<pollfd> polled{{kControl, POLLIN, 0}, {signals.get(), POLLIN, 0}};
    std::vector<std::pair<Container*, bool>> outputs;
    for (auto& [name, container] : containers_) {
      for (const bool is_error : {false, true}) {
        const Fd& fd = is_error ? container.err : container.out;
        if (!fd.valid()) continue;
        polled.push_back({fd.get(), POLLIN, 0});
        outputs.emplace_back(&container, is_error);
      }
    }
    if (::poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR) return 1;
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (polled[i + 2].revents == 0) continue;
      auto& [container, is_error] = outputs[i];
      read_output(*container, is_error ? container->err : container->out, is_error ? "stderr" : "stdout");
    }
    if (polled[1].revents != 0) {
      signalfd_siginfo ignored;
      while (::read(signals.get(), &ignored, sizeof ignored) > 0) {
      }
      reap();
    }
    if (polled[0].revents != 0) {
      auto message = receive_message(kControl);
      if (!message) return 0;  // the control plane is gone; the kernel kills what is left in here
      handle(std::move(*message));
    }
  }
}

Container* PodInit::find_running(const std::string& name) {
  const auto found = containers_.find(name);
  return found != containers_.end() && found->second.pid > 0 ? &found->second : nullptr;
}

void PodInit::handle(SandboxMessage message) {
  const std::string op = message.body.value("op", "");
  const std::string name = message.body.value("container", "");
  if (op == "start") {
    try {
      start(message.body);
    } catch (const std::exception& error) {
      containers_.erase(name);
      event({{"event", "start-failed"}, {"container", name}, {"message", error.what()}});
    }
  } else if (op == "exec") {
    exec(message);
  } else if (Container* container = find_running(name); container != nullptr) {
    if (op == "signal") ::kill(container->pid, message.body.value("signal", SIGTERM));
    if (op == "kill") kill_all_in(container->where.id);
  }
}

void PodInit::start(const Json& request) {
  Container container;
  container.name = request.at("container").get<std::string>();
  container.launch = container_launch_from_json(request.at("launch"));
  container.where = make_container_namespace(container.launch.root);
  container.launch.root = {};
  int out[2], err[2];
  if (::pipe2(out, O_CLOEXEC) != 0) throw base::system_error(errno, "create a pipe");
  container.out = Fd(out[0]);
  const Fd out_write(out[1]);
  if (::pipe2(err, O_CLOEXEC) != 0) throw base::system_error(errno, "create a pipe");
  container.err = Fd(err[0]);
  const Fd err_write(err[1]);
  for (const Fd* fd : {&out_write, &err_write})
    ::fchown(fd->get(), container.launch.uid, container.launch.gid);
  for (const Fd* fd : {&container.out, &container.err}) ::fcntl(fd->get(), F_SETFL, O_NONBLOCK);
  container.log = std::make_unique<ContainerLogWriter>(request.at("log").get<std::string>());
  container.pid =
      start_main_process(container.where, container.launch, {-1, out_write.get(), err_write.get()});
  const std::string name = container.name;
  containers_[name] = std::move(container);
  event({{"event", "started"}, {"container", name}});
}

void PodInit::exec(SandboxMessage& message) {
  if (message.descriptors.empty()) return;
  const int status = message.descriptors[0].get();
  try {
    if (message.body.contains("probe")) return probe(message.body, status);
    const std::string name = message.body.at("container").get<std::string>();
    Container* container = find_running(name);
    if (container == nullptr) base::fail(base::ErrorCode::kNotFound, "container \"{}\" does not run", name);
    Streams streams;
    if (message.descriptors.size() == 4) {
      streams = {message.descriptors[1].get(), message.descriptors[2].get(), message.descriptors[3].get()};
    }
    start_command(container->where, container->launch,
                  message.body.at("argv").get<std::vector<std::string>>(), streams,
                  message.body.value("tty", false), status);
  } catch (const std::exception& error) {
    try {
      send_message(status, {{"error", error.what()}});
    } catch (const base::Error&) {  // nobody waits for it any more
    }
  }
}

void PodInit::probe(const Json& request, int status) {
  const pid_t pid = ::fork();
  if (pid != 0) return;
  try {
    const std::string problem = run_probe_check(request.at("probe"));
    send_message(status, {{"exit", problem.empty() ? 0 : 1}, {"message", problem}});
  } catch (const std::exception&) {  // the closed socket says enough
  }
  ::_exit(0);
}

void PodInit::reap() {
  int wait_status = 0;
  for (pid_t pid; (pid = ::waitpid(-1, &wait_status, WNOHANG)) > 0;) {
    for (auto& [name, container] : containers_) {
      if (container.pid == pid) ended(container, wait_status);
    }
  }
}

void PodInit::ended(Container& container, int wait_status) {
  container.pid = -1;
  kill_all_in(container.where.id);
  for (const bool is_error : {false, true}) {
    Fd& fd = is_error ? container.err : container.out;
    if (fd.valid()) read_output(container, fd, is_error ? "stderr" : "stdout");
    fd.reset();
  }
  container.log->flush(clock_.now());
  container.log.reset();
  container.where = {};
  event({{"event", "exited"},
         {"container", container.name},
         {"code", exit_code_of(wait_status)},
         {"signal", WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0}});
}

void PodInit::read_output(Container& container, Fd& from, const char* stream) {
  char buffer[64 * 1024];
  for (int round = 0; round < 16 || container.pid < 0;
       ++round) {  // a chatty container must not starve the others
    const ssize_t size = ::read(from.get(), buffer, sizeof buffer);
    if (size > 0) {
      container.log->write(stream, {buffer, static_cast<size_t>(size)}, clock_.now());
    } else if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
      from.reset();
      return;
    } else {
      return;
    }
  }
}

// In the child that is process 1.
Fd set_up_pod(const Json& config) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  const std::string hostname = config.value("hostname", "pod");
  if (::sethostname(hostname.data(), hostname.size()) != 0)
    throw base::system_error(errno, "set the host name");
  // Over the machine's: this process looks up its own descendants.
  if (::mount("proc", "/proc", "proc", MS_NOSUID | MS_NOEXEC | MS_NODEV, nullptr) != 0) {
    throw base::system_error(errno, "mount /proc for the pod");
  }
  if (config.value("host_network", false)) return {};
  set_interface_up("lo", "");
  if (const std::string address = config.value("address", ""); !address.empty())
    set_interface_up("lo:0", address);
  const Fd ports(::open("/proc/sys/net/ipv4/ip_unprivileged_port_start", O_WRONLY | O_CLOEXEC));
  [[maybe_unused]] const ssize_t written = ::write(ports.get(), "0", 1);
  const Json* const api = codec::find(config, {"api"});
  if (api == nullptr) return {};
  set_interface_up("lo:1", api->at("host").get<std::string>());
  return listen_for_api(*api);
}

int run_pod(const Json& config) {
  const int network = config.value("host_network", false) ? 0 : CLONE_NEWNET;
  enter_own_mount_namespace();
  if (::unshare(CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | network) != 0) {
    throw base::system_error(errno, "make the pod's namespaces");
  }
  const pid_t child = ::fork();
  if (child < 0) throw base::system_error(errno, "fork");
  if (child == 0) {
    return PodInit().run(set_up_pod(config));
  }
  ::close(kControl);
  int wait_status = 0;
  while (::waitpid(child, &wait_status, 0) < 0 && errno == EINTR) {
  }
  return exit_code_of(wait_status);
}

}  // namespace

int pod_init_main(int, char**) {
  ::signal(SIGINT, SIG_IGN);  // a terminal's Ctrl-C is for the control plane
  ::signal(SIGHUP, SIG_IGN);
  ::fcntl(kControl, F_SETFD, FD_CLOEXEC);
  try {
    const auto message = receive_message(kControl);
    if (!message) return 0;
    return run_pod(message->body);
  } catch (const std::exception& error) {
    try {
      send_message(kControl, {{"event", "failed"}, {"message", error.what()}});
    } catch (const base::Error&) {  // nobody waits for it any more
    }
    return 1;
  }
}

}  // namespace salvor::local
