// Runs controllers: one watch per kind, shared by all controllers that follow it, and the workers of each
// controller. The destructor stops and joins.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "server/controller.h"

namespace salvor::server {

class ControllerThreads {
 public:
  // Starts. Both references outlive this.
  ControllerThreads(const Context& context, std::vector<std::unique_ptr<Controller>>& controllers,
                    const base::CancelToken& cancel);
  // Waits for the work in hand; cancel must have fired, or fires now for those who wait for work.
  ~ControllerThreads();

 private:
  void watch(const kube::GroupVersionResource& gvr, const std::string& label_selector,
             const std::vector<Controller::Watched>& handlers, const base::CancelToken& cancel);
  void work(Controller& controller, const base::CancelToken& cancel);

  const Context& context_;
  std::vector<std::jthread> threads_;
};

}  // namespace salvor::server
