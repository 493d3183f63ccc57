// Runs one pod from its binding to this node until it is deleted: volumes, init containers, containers,
// restarts, probes, status, graceful end. Each worker has a thread of its own; the public methods may be
// called from any thread. Failures are retried and shown in the pod's status; nothing is thrown out of the
// thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/cancel.h"
#include "base/log.h"
#include "kube/client.h"
#include "local/runtime/container_record.h"
#include "local/runtime/container_spec.h"
#include "local/runtime/pod_sandbox.h"
#include "local/runtime/pod_volumes.h"

namespace salvor::local {

// How pods reach the API server of this control plane.
struct ApiAccess {
  std::uint16_t port = 0;  // on this machine; 0: they do not
  // Lets the API server accept from a socket that listens in a pod, until the result is dropped.
  std::function<std::shared_ptr<void>(base::Fd listener)> serve{};
};

// Shared by all workers; outlives them.
struct PodWorkerContext {
  kube::Client& client;
  PodVolumes& volumes;
  const base::Clock& clock;
  base::Logger logger;
  std::filesystem::path sandboxes;  // a directory per pod to build roots in
  std::filesystem::path logs;       // kubelet's /var/log/pods
  std::vector<std::string> hidden;  // directories that containers do not see
  std::string host_ip;
  const MountNamespace& mounts;  // what the pods' own are made from
  ApiAccess api;
  base::CancelToken cancel;                       // API calls end when the runtime stops
  std::chrono::milliseconds first_backoff{1000};  // before a container starts again
  std::chrono::milliseconds longest_backoff{5 * 60 * 1000};
};

class PodWorker {
 public:
  PodWorker(PodWorkerContext& context, Json pod);
  // Stops the pod (see stop) and joins.
  ~PodWorker();
  PodWorker(const PodWorker&) = delete;
  PodWorker& operator=(const PodWorker&) = delete;

  // A newer version of the object; with deletionTimestamp the pod ends and is then removed from the API.
  void update(Json pod);
  // The object is gone: kills what is left.
  void removed();
  // The node stops: ends the processes within `grace`, leaves the object alone. Returns at once.
  void stop(std::chrono::milliseconds grace);
  // The status in the API is this worker's, not that of an earlier control plane.
  bool announced() const { return announced_ || finished_; }
  // The thread has nothing more to do.
  bool finished() const { return finished_; }

  // Null while there is none.
  std::shared_ptr<PodSandbox> sandbox() const;
  // Of the current or the previous instance of a container; nullopt if there is no such container or
  // instance.
  std::optional<std::filesystem::path> log_file(const std::string& container, bool previous) const;
  // The container does not run now and will not run again.
  bool container_over(const std::string& container) const;

 private:
  enum class Mode { kRun, kDelete, kRemoved, kStop };

  void run();
  void run_pod();
  void recover_state();
  bool prepare();
  void take_events();
  void on_event(const SandboxEvent& event);
  void container_ended(ContainerRecord& record);
  void drive();
  bool drive_init();
  bool may_restart(const ContainerRecord& record) const;
  void start(ContainerRecord& record);
  void schedule_restart(ContainerRecord& record);
  void renew_tokens();
  void refresh_volumes();
  void run_probes();
  std::string phase() const;
  void publish();
  void wait();
  void terminate();
  void run_pre_stop(const ContainerRecord& record, std::chrono::milliseconds limit);
  void delete_object();
  void close_sandbox();
  std::chrono::milliseconds grace_period() const;
  Mode mode() const;
  std::filesystem::path log_path(const std::string& container, int restart) const;
  ContainerRecord* find(const std::string& name);
  Json current_pod() const;

  PodWorkerContext& context_;
  const std::string name_;  // namespace/name, for messages
  const std::string uid_;
  base::Logger logger_;
  base::Fd wake_;
  std::atomic<bool> finished_ = false, announced_ = false;

  mutable std::mutex mutex_;
  Json pod_;                                 // guarded by mutex_: the newest version
  Mode mode_ = Mode::kRun;                   // guarded by mutex_
  std::chrono::milliseconds stop_grace_{0};  // guarded by mutex_
  std::shared_ptr<PodSandbox> sandbox_;  // guarded by mutex_ against readers; written by the thread. Shared
                                         // with running execs
  std::vector<ContainerRecord> containers_;  // written by the thread under mutex_; read by it without

  // The thread's own.
  std::map<std::string, PodVolume> volumes_;
  std::shared_ptr<void> api_access_;  // the API server's hold on the sandbox's listener, by its deleter
  SteadyTime renew_tokens_at_ = SteadyTime::max(), refresh_volumes_at_{};
  bool ready_to_start_ = false;
  SteadyTime retry_at_{};
  std::string problem_;
  base::Time start_time_;
  Json published_;
  std::string final_phase_;
  std::thread thread_;
};

}  // namespace salvor::local
