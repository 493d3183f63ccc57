#include "server/controller_threads.h"

namespace salvor::server {

namespace {
constexpr auto kWatchPause = std::chrono::seconds(5);
}

ControllerThreads::ControllerThreads(const Context& context,
                                     std::vector<std::unique_ptr<Controller>>& controllers,
                                     const base::CancelToken& cancel)
    : context_(context) {
  std::map<std::pair<kube::GroupVersionResource, std::string>, std::vector<Controller::Watched>> watches;
  for (auto& controller : controllers)
    for (auto& watched : controller->watches())
      watches[{watched.gvr, watched.label_selector}].push_back(std::move(watched));
  for (auto& [key, handlers] : watches)
    threads_.emplace_back([this, key = key, handlers = std::move(handlers), cancel] {
      watch(key.first, key.second, handlers, cancel);
    });
  for (auto& controller : controllers)
    for (int i = 0; i < controller->workers(); ++i)
      threads_.emplace_back([this, &controller = *controller, cancel] { work(controller, cancel); });
}

ControllerThreads::~ControllerThreads() {
  for (auto& thread : threads_) thread.join();
}

void ControllerThreads::watch(const kube::GroupVersionResource& gvr, const std::string& label_selector,
                              const std::vector<Controller::Watched>& handlers,
                              const base::CancelToken& cancel) {
  kube::ListOptions options;
  options.label_selector = label_selector;
  while (!cancel.cancelled()) {
    try {
      context_.client.watch(
          gvr, context_.options.name_space, options,
          [&](const kube::WatchEvent& event) {
            for (const auto& handler : handlers) handler.handle(event);
          },
          nullptr, cancel);
    } catch (const std::exception& error) {
      context_.logger.error("cannot watch {}: {}", gvr.group_resource(), base::describe(error));
      cancel.sleep(kWatchPause);
    }
  }
}

void ControllerThreads::work(Controller& controller, const base::CancelToken& cancel) {
  auto& queue = controller.queue();
  while (const auto name = queue.take(cancel)) {
    try {
      const auto again = controller.reconcile(*name, cancel);
      queue.forget(*name);
      queue.done(*name);
      if (again) queue.add_after(*name, *again);
    } catch (const std::exception& error) {
      queue.done(*name);
      if (cancel.cancelled()) return;
      controller.logger().error("cannot reconcile \"{}\": {}", *name, base::describe(error));
      queue.add_after_failure(*name);
    }
  }
}

}  // namespace salvor::server
