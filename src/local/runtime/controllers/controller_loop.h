// Runs controllers: a watch per kind, one queue of objects to look at, one thread that reconciles them. An
// object that fails is tried again, later each time. The destructor stops and joins.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "local/runtime/controllers/controller.h"

namespace salvor::local {

class ControllerLoop {
 public:
  ControllerLoop(std::vector<std::unique_ptr<Controller>> controllers, kube::Client& client,
                 base::Logger logger);
  ~ControllerLoop();
  ControllerLoop(const ControllerLoop&) = delete;
  ControllerLoop& operator=(const ControllerLoop&) = delete;

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;
  using Item = std::pair<size_t, ObjectName>;  // which controller, which object

  void watch(const kube::GroupVersionResource& kind);
  void work();
  void reconcile(const Item& item);
  void add(const Item& item, SteadyTime when);

  const std::vector<std::unique_ptr<Controller>> controllers_;
  kube::Client& client_;
  base::Logger logger_;
  base::CancelSource cancel_;
  // Constant after construction.
  std::map<kube::GroupVersionResource, std::vector<std::pair<size_t, Controller::Trigger>>> triggers_;

  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::map<Item, SteadyTime> due_;  // guarded by mutex_
  std::map<Item, int> failures_;    // the working thread's own
  std::vector<std::thread> threads_;
};

}  // namespace salvor::local
