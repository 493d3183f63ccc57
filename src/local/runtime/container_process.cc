#include "local/runtime/container_process.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "local/runtime/sandbox_protocol.h"

extern char** environ;

namespace salvor::local {
namespace {

namespace fs = std::filesystem;
using base::Fd;

void reset_signals() {
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int number : {SIGPIPE, SIGTERM, SIGINT, SIGHUP, SIGCHLD}) ::signal(number, SIG_DFL);
}

std::string failure(std::string_view doing) {
  return std::string(doing) + ": " + std::strerror(errno);
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (const auto& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

// "" when done.
std::string enter(const ContainerNamespace& where) {
  if (::setns(where.mounts.get(), CLONE_NEWNS) != 0) return failure("enter the container's mounts");
  if (::fchdir(where.root.get()) != 0 || ::chroot(".") != 0)
    return failure("enter the container's root directory");
  return "";
}

// What is not in the bounding set is not in a program's capabilities either, root's included.
std::string drop_capabilities(std::uint64_t keep) {
  for (unsigned long capability = 0; capability < 64; ++capability) {
    if ((keep >> capability & 1) != 0) continue;
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0) continue;
    if (errno == EINVAL) return "";  // beyond the last one that this kernel knows
    return failure("drop capabilities");
  }
  return "";
}

std::string change_user(const ContainerLaunch& launch) {
  if (auto message = drop_capabilities(launch.capabilities); !message.empty()) return message;
  if (::setgroups(launch.groups.size(), launch.groups.data()) != 0) return failure("set groups");
  if (::setresgid(launch.gid, launch.gid, launch.gid) != 0) return failure("set the group id");
  if (::setresuid(launch.uid, launch.uid, launch.uid) != 0) return failure("set the user id");
  if (launch.no_new_privileges && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return failure("set no_new_privs");
  return "";
}

// Moves the streams to 0, 1, 2, whatever numbers they have now.
std::string connect_streams(const Streams& streams) {
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  const int from[3] = {streams.in, streams.out, streams.err};
  int safe[3];
  for (int i = 0; i < 3; ++i) {
    safe[i] = ::fcntl(from[i] >= 0 ? from[i] : null, F_DUPFD_CLOEXEC, 10);
    if (safe[i] < 0) return failure("prepare the standard streams");
  }
  for (int i = 0; i < 3; ++i) {
    if (::dup2(safe[i], i) < 0) return failure("connect the standard streams");
  }
  return "";
}

// parent of each process, from /proc of this pid namespace.
std::vector<std::pair<pid_t, pid_t>> process_parents() {
  std::vector<std::pair<pid_t, pid_t>> result;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const auto stat = base::read_file_if_exists(entry.path() / "stat");
    const size_t end = stat ? stat->rfind(')') : std::string::npos;  // the name may hold anything
    if (end == std::string::npos) continue;
    const auto fields = base::split(std::string_view(*stat).substr(end + 2), ' ');
    if (fields.size() > 1 && fields[0] != "Z") result.emplace_back(std::stoi(name), std::stoi(fields[1]));
  }
  return result;
}

// All descendants of this process. Repeats until none is left, as they may fork meanwhile; orphans come back
// to this process, which is their subreaper.
void kill_descendants() {
  for (int round = 0; round < 100; ++round) {
    std::set<pid_t> tree{::getpid()};
    const auto parents = process_parents();
    for (bool grown = true; grown;) {
      grown = false;
      for (const auto& [pid, parent] : parents)
        grown = (tree.contains(parent) && tree.insert(pid).second) || grown;
    }
    tree.erase(::getpid());
    if (tree.empty()) return;
    for (const pid_t pid : tree) ::kill(pid, SIGKILL);
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    ::usleep(2000);
  }
}

void report(int status, const codec::Json& body, const std::vector<int>& descriptors = {}) {
  try {
    send_message(status, body, descriptors);
  } catch (const base::Error&) {  // nobody listens any more
  }
}

struct Terminal {
  Fd master, slave;
};

// In the container, so that the slave's name is right there.
Terminal open_terminal() {
  Terminal terminal;
  terminal.master = Fd(::open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
  char name[64];
  if (!terminal.master.valid() || ::unlockpt(terminal.master.get()) != 0 ||
      ::ptsname_r(terminal.master.get(), name, sizeof name) != 0) {
    return {};
  }
  terminal.slave = Fd(::open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
  return terminal;
}

// Executes in a child of this process; throws when that fails.
pid_t fork_program(const ContainerNamespace& where, const ContainerLaunch& launch,
                   const std::vector<std::string>& argv, const Streams& streams) {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) throw base::system_error(errno, "create a pipe");
  Fd read_end(fds[0]), write_end(fds[1]);
  const pid_t pid = ::fork();
  if (pid < 0) throw base::system_error(errno, "fork");
  if (pid == 0) {
    read_end.reset();
    // Away from 0..2, which become the streams.
    const int out = ::fcntl(write_end.get(), F_DUPFD_CLOEXEC, 20);
    const std::string message = become_program(where, launch, argv, streams);
    [[maybe_unused]] const ssize_t written = ::write(out, message.data(), message.size());
    ::_exit(127);
  }
  write_end.reset();
  std::string message;
  char buffer[512];
  for (ssize_t size; (size = ::read(read_end.get(), buffer, sizeof buffer)) > 0;) {
    message.append(buffer, static_cast<size_t>(size));
  }
  if (!message.empty()) {
    ::waitpid(pid, nullptr, 0);
    throw base::Error(base::ErrorCode::kNotFound, message);
  }
  return pid;
}

// The supervisor's life: until the command ends or nobody waits for it any more.
[[noreturn]] void supervise(pid_t command, int status) {
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &child, nullptr);
  const Fd signals(::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
  for (;;) {
    int wait_status = 0;
    for (pid_t pid; (pid = ::waitpid(-1, &wait_status, WNOHANG)) > 0;) {
      if (pid != command) continue;
      report(status, {{"exit", exit_code_of(wait_status)}});
      ::_exit(0);
    }
    pollfd polled[2] = {{signals.get(), POLLIN, 0}, {status, POLLIN, 0}};
    ::poll(polled, 2, -1);
    if (polled[1].revents != 0) {
      kill_descendants();
      ::_exit(0);
    }
    signalfd_siginfo ignored;
    while (::read(signals.get(), &ignored, sizeof ignored) > 0) {
    }
  }
}

[[noreturn]] void run_supervisor(const ContainerNamespace& where, const ContainerLaunch& launch,
                                 const std::vector<std::string>& argv, Streams streams, bool wants_terminal,
                                 int status) {
  reset_signals();
  ::signal(SIGPIPE, SIG_IGN);
  ::setsid();
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  Terminal terminal;
  try {
    const std::string message = enter(where);
    if (!message.empty()) throw base::Error(base::ErrorCode::kInternal, message);
    if (wants_terminal) {
      terminal = open_terminal();
      if (!terminal.slave.valid()) throw base::system_error(errno, "open a terminal");
      ::fchown(terminal.slave.get(), launch.uid, static_cast<gid_t>(-1));
      const int slave = terminal.slave.get();
      streams = {slave, slave, slave, true};
    }
    const pid_t command = fork_program(where, launch, argv, streams);
    report(status, {{"started", command}},
           wants_terminal ? std::vector<int>{terminal.master.get()} : std::vector<int>{});
    terminal = {};
    // The other ends must see the end of file when the command, not this process, closes them.
    for (const int fd : {streams.in, streams.out, streams.err}) {
      if (fd > 2) ::close(fd);
    }
    supervise(command, status);
  } catch (const std::exception& error) {
    report(status, {{"error", error.what()}});
  }
  ::_exit(0);
}

}  // namespace

int exit_code_of(int wait_status) {
  return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

ContainerNamespace make_container_namespace(const ContainerRoot& root) {
  auto [mine, theirs] = sandbox_socket_pair();
  const pid_t pid = ::fork();
  if (pid < 0) throw base::system_error(errno, "fork");
  if (pid == 0) {
    try {
      if (::unshare(CLONE_NEWNS) != 0) throw base::system_error(errno, "make a mount namespace");
      build_container_root(root);
      const Fd mounts(::open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC));
      const Fd directory(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
      if (!mounts.valid() || !directory.valid()) throw base::system_error(errno, "open the container's root");
      send_message(theirs.get(), {{"done", true}}, {mounts.get(), directory.get()});
    } catch (const std::exception& error) {
      report(theirs.get(), {{"error", error.what()}});
    }
    ::_exit(0);
  }
  theirs.reset();
  auto message = receive_message(mine.get());
  ::waitpid(pid, nullptr, 0);
  if (!message) base::fail(base::ErrorCode::kInternal, "the process that builds the container's root ended");
  if (message->body.contains("error")) {
    throw base::Error(base::ErrorCode::kInternal, message->body["error"].get<std::string>());
  }
  ContainerNamespace result;
  result.mounts = std::move(message->descriptors.at(0));
  result.root = std::move(message->descriptors.at(1));
  struct stat status {};
  ::fstat(result.mounts.get(), &status);
  result.id = status.st_ino;
  return result;
}

std::string become_program(const ContainerNamespace& where, const ContainerLaunch& launch,
                           const std::vector<std::string>& argv, const Streams& streams) {
  // Taken in the pod's own view: in the container the program may be hidden.
  const int self = launch.own_binary ? ::open("/proc/self/exe", O_PATH | O_CLOEXEC) : -1;
  reset_signals();
  ::setsid();
  if (auto message = enter(where); !message.empty()) return message;
  if (auto message = connect_streams(streams); !message.empty()) return message;
  if (streams.terminal) ::ioctl(0, TIOCSCTTY, 0);
  const std::string directory = launch.directory.empty() ? "/" : launch.directory;
  std::error_code ignored;
  fs::create_directories(directory, ignored);
  if (auto message = change_user(launch); !message.empty()) return message;
  if (::chdir(directory.c_str()) != 0) return failure("change to \"" + directory + "\"");
  ::umask(022);
  auto environment = pointers(launch.environment);
  auto arguments = pointers(argv);
  ::environ = environment.data();  // execvp looks for the program in the container's PATH
  if (launch.own_binary && self >= 0) {
    ::execveat(self, "", arguments.data(), ::environ, AT_EMPTY_PATH);
  } else {
    ::execvp(arguments[0], arguments.data());
  }
  return fmt::format("exec \"{}\": {}", argv[0], std::strerror(errno));
}

pid_t start_main_process(const ContainerNamespace& where, const ContainerLaunch& launch,
                         const Streams& streams) {
  return fork_program(where, launch, launch.argv, streams);
}

pid_t start_command(const ContainerNamespace& where, const ContainerLaunch& launch,
                    const std::vector<std::string>& argv, const Streams& streams, bool terminal, int status) {
  ContainerLaunch command = launch;
  command.own_binary = false;
  const pid_t pid = ::fork();
  if (pid < 0) throw base::system_error(errno, "fork");
  if (pid == 0) run_supervisor(where, command, argv, streams, terminal, status);
  return pid;
}

void kill_all_in(ino_t mount_namespace) {
  const std::string name = fmt::format("mnt:[{}]", mount_namespace);
  for (int round = 0; round < 100; ++round) {
    bool found = false;
    for (const auto& [pid, parent] : process_parents()) {
      std::error_code error;
      const auto link = fs::read_symlink(fmt::format("/proc/{}/ns/mnt", pid), error);
      if (error || link.string() != name) continue;
      ::kill(pid, SIGKILL);
      found = true;
    }
    if (!found) return;
    ::usleep(2000);
  }
}

}  // namespace salvor::local
