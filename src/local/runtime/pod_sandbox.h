// The control plane's handle of a running pod: starts the pod's first process, sends it requests, receives
// its events. One thread (the pod's worker) starts containers and takes events; exec may be called from any
// thread meanwhile. The destructor kills all of the pod and waits until it is gone.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/file.h"
#include "base/stream.h"
#include "local/runtime/container_launch.h"
#include "local/runtime/kubelet_view.h"
#include "local/runtime/pod_network.h"
#include "local/runtime/sandbox_protocol.h"

namespace salvor::local {

struct PodSandboxOptions {
  std::filesystem::path
      directory;  // for the pod's first process to build in; made and removed by the sandbox
  std::string hostname;
  std::string address;  // the pod's IP, on its loopback interface
  bool host_network = false;
  ServiceAddress api{};                    // listened on in the pod's network; port 0: not
  const MountNamespace* mounts = nullptr;  // where the pod's own is made from; null: this process's
};

struct SandboxEvent {
  enum class Type { kStarted, kStartFailed, kExited, kGone } type;  // kGone: the whole pod died
  std::string container;
  std::string message;  // of kStartFailed
  int exit_code = 0;
  int signal = 0;
};

struct SandboxExec {
  std::string container;
  std::vector<std::string> argv;
  bool terminal = false;  // then error_output stays silent
  base::Source* input = nullptr;
  base::Sink* output = nullptr;
  base::Sink* error_output = nullptr;
};

class PodSandbox {
 public:
  // Throws base::Error when the namespaces cannot be made.
  explicit PodSandbox(PodSandboxOptions options);
  ~PodSandbox();
  PodSandbox(const PodSandbox&) = delete;
  PodSandbox& operator=(const PodSandbox&) = delete;

  // Kills all of the pod; running execs return. Waits until it is gone.
  void shut_down();
  // Kills what an earlier control plane left in directories below this one, and removes them.
  static void clean_up(const std::filesystem::path& directories);

  // The socket that listens at options.api, once; invalid when there is none.
  base::Fd take_listener() { return std::move(listener_); }

  // Answered by kStarted or kStartFailed.
  void start(const std::string& container, const ContainerLaunch& launch, const std::filesystem::path& log);
  void signal(const std::string& container, int number);
  // Everything in the container; answered by kExited.
  void kill(const std::string& container);

  // Readable when next_event has something.
  int event_descriptor() const { return socket_.get(); }
  // nullopt: nothing within the timeout.
  std::optional<SandboxEvent> next_event(std::chrono::milliseconds timeout);

  // Runs a command to its end; the exit code, 137 when the container ended meanwhile. kNotFound: the
  // container does not run or the program is not there. kCancelled after the command and its descendants were
  // killed.
  int exec(const SandboxExec& exec, const base::CancelToken& cancel);

  // A check or a command in the background: a socket that becomes readable with its result (see read_check).
  base::Fd start_check(const Json& request);
  // The result: "" is success, else the reason. nullopt: none yet.
  static std::optional<std::string> read_check(const base::Fd& socket);

 private:
  PodSandboxOptions options_;
  base::Fd socket_, listener_;
  std::mutex end_mutex_;
  pid_t process_ = -1;  // guarded by end_mutex_ after construction
};

}  // namespace salvor::local
