// The embedded Kubernetes API server: REST with discovery, watches, custom resources, exec and logs on a
// loopback port, state in an SQLite database under a directory. Written for kubectl and for kube::Client; it
// answers as a kube-apiserver does or refuses. Garbage collection by owner references and the emptying of
// deleted namespaces run inside; everything else that a cluster does to objects (scheduling, replica sets,
// pods) is the runtime's, which talks to this server through its API and implements PodBackend.
//
// The constructor opens the state, listens and writes DIR/kubeconfig (mode 0600); it throws base::Error. The
// destructor ends all requests and joins. Thread-safe.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/random.h"
#include "base/stream.h"

namespace salvor::local {

struct PodExec {
  std::string name_space, pod, container;  // container is never empty: the server picks the pod's first
  std::vector<std::string> command;        // argv; empty for attach: connect to the running process
  bool tty = false;                        // then error_output is null
  base::Source* input = nullptr;           // null: no stdin. read returns 0 when the client closed its side
  base::Sink* output = nullptr;            // null: discard
  base::Sink* error_output = nullptr;      // null: discard
};

struct PodLogs {
  std::string name_space, pod, container;  // container is never empty
  bool follow = false;
  bool previous = false;    // of the instance before the last restart
  bool timestamps = false;  // each line begins with its RFC 3339 time and a space
  std::optional<std::int64_t> tail_lines, limit_bytes;
  std::optional<base::Time> since;
};

// What runs pods. Called from request threads, several at once. Whoever implements it outlives the ApiServer,
// or takes itself out with set_pod_backend(nullptr) (which waits for running calls).
class PodBackend {
 public:
  virtual ~PodBackend() = default;
  // Runs to the end; the exit code (128 + signal if killed). The process is killed when `cancel` fires (the
  // client went away). Errors: kNotFound when the container does not run or the program is not there.
  virtual int exec(const PodExec& exec, const base::CancelToken& cancel) = 0;
  // Writes what there is and, with follow, what comes, until the container ends or `cancel` fires. kNotFound
  // when the container has not run yet.
  virtual void logs(const PodLogs& logs, base::Sink& out, const base::CancelToken& cancel) = 0;
};

struct ApiServerOptions {
  std::filesystem::path directory;  // created, mode 0700: state.db, pki/, token, kubeconfig
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;  // 0: the one of the last run, else a free one
  const base::Clock& clock;
  base::Random& random;
  base::Logger logger = {};
  // How long old versions of objects serve watches and list continuations.
  base::Duration history = std::chrono::minutes(5);
};

class ApiServer {
 public:
  explicit ApiServer(ApiServerOptions options, PodBackend* pods = nullptr);
  ~ApiServer();
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;

  std::uint16_t port() const;
  // "https://127.0.0.1:PORT"
  std::string url() const;
  std::filesystem::path kubeconfig() const;
  // Also answers on a socket that listens already, until the handle is dropped: before this object ends.
  std::shared_ptr<void> serve_on(base::Fd listener);
  // Null: exec and logs answer 503.
  void set_pod_backend(PodBackend* pods);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace salvor::local
