// The node: runs the pods that are bound to it, as kubelet does, and answers the API server's exec and logs.
// Thread- safe. The constructor cleans up what a killed predecessor left; start begins to watch; the
// destructor stops all pods within the grace given and joins.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/random.h"
#include "local/api/api_server.h"
#include "local/runtime/pod_worker.h"

namespace salvor::local {

struct PodRuntimeOptions {
  std::filesystem::path directory;  // DIR of the control plane
  std::string node_name;
  std::chrono::milliseconds stop_grace{10'000};
  std::chrono::milliseconds first_backoff{1000};
  ApiAccess api{};
};

class PodRuntime final : public PodBackend {
 public:
  // The client's API server may start answering exec and logs through this object before start().
  PodRuntime(PodRuntimeOptions options, kube::Client& client, const base::Clock& clock, base::Logger logger);
  ~PodRuntime() override;

  // Returns when what an earlier control plane wrote of running pods is corrected, or after some seconds.
  void start();
  // Ends all pods' processes; their objects stay. Idempotent.
  void stop();

  int exec(const PodExec& exec, const base::CancelToken& cancel) override;
  void logs(const PodLogs& logs, base::Sink& out, const base::CancelToken& cancel) override;

  std::filesystem::path pods_directory() const { return volumes_.pods_directory(); }

 private:
  void watch_pods();
  void on_pod(const kube::WatchEvent& event);
  void on_synced();
  void collect_finished();
  std::shared_ptr<PodWorker> worker(const std::string& name_space, const std::string& pod) const;

  const PodRuntimeOptions options_;
  kube::Client& client_;
  base::Logger logger_;
  base::CancelSource watch_cancel_, api_cancel_;
  KubeletView view_;
  PodVolumes volumes_;
  PodWorkerContext context_;

  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<PodWorker>>
      workers_;                                   // by uid; guarded by mutex_. Shared with exec and logs
  std::map<kube::ObjectName, std::string> uids_;  // newest pod of a name; guarded by mutex_
  bool synced_ = false;                           // guarded by mutex_: the first list is through
  std::thread watcher_;
};

}  // namespace salvor::local
