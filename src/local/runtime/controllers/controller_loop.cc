#include "local/runtime/controllers/controller_loop.h"

#include "base/error.h"

namespace salvor::local {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

ControllerLoop::ControllerLoop(std::vector<std::unique_ptr<Controller>> controllers, kube::Client& client,
                               base::Logger logger)
    : controllers_(std::move(controllers)), client_(client), logger_(std::move(logger)) {
  for (size_t i = 0; i < controllers_.size(); ++i) {
    for (auto& trigger : controllers_[i]->triggers()) triggers_[trigger.kind].emplace_back(i, trigger);
  }
  for (const auto& [kind, unused] : triggers_) threads_.emplace_back([this, &kind = kind] { watch(kind); });
  threads_.emplace_back([this] { work(); });
}

ControllerLoop::~ControllerLoop() {
  cancel_.cancel();
  for (auto& thread : threads_) thread.join();
}

void ControllerLoop::watch(const kube::GroupVersionResource& kind) {
  const auto& triggers = triggers_.at(kind);
  const auto on_event = [&](const kube::WatchEvent& event) {
    if (event.type == kube::WatchEvent::Type::kBookmark) return;
    for (const auto& [controller, trigger] : triggers) {
      for (const auto& key : trigger.keys(event.object)) add({controller, key}, steady_clock::now());
    }
  };
  while (!cancel_.cancelled()) {
    try {
      client_.watch(
          kind, "", {}, on_event, [] {}, cancel_.token());
    } catch (const std::exception& error) {
      if (cancel_.cancelled()) return;
      logger_.warning("watch of {} begins again: {}", kind.group_resource(), base::describe(error));
    }
    if (!cancel_.token().sleep(std::chrono::seconds(1))) return;
  }
}

void ControllerLoop::add(const Item& item, SteadyTime when) {
  std::lock_guard lock(mutex_);
  const auto [entry, added] = due_.emplace(item, when);
  if (!added && when < entry->second) entry->second = when;
  wake_.notify_all();
}

void ControllerLoop::work() {
  const std::stop_token stop = cancel_.token().stop_token();
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    auto next = due_.end();
    for (auto entry = due_.begin(); entry != due_.end(); ++entry) {
      if (next == due_.end() || entry->second < next->second) next = entry;
    }
    if (next == due_.end()) {
      wake_.wait(lock, stop, [&] { return !due_.empty(); });
      continue;
    }
    const SteadyTime when = next->second;
    if (when > steady_clock::now()) {
      wake_.wait_until(lock, stop, when, [&] {
        for (const auto& [item, due] : due_) {
          if (due < when) return true;
        }
        return false;
      });
      continue;
    }
    const Item item = next->first;
    due_.erase(next);
    lock.unlock();
    reconcile(item);
    lock.lock();
  }
}

void ControllerLoop::reconcile(const Item& item) {
  Controller& controller = *controllers_[item.first];
  try {
    if (const auto again = controller.reconcile(item.second)) add(item, steady_clock::now() + *again);
    failures_.erase(item);
  } catch (const std::exception& error) {
    if (cancel_.cancelled()) return;
    const int count = ++failures_[item];
    const auto delay = std::min(milliseconds(100) * (1 << std::min(count, 9)), milliseconds(30'000));
    const auto* known = dynamic_cast<const base::Error*>(&error);
    // A conflict only says that somebody else was faster.
    if (known == nullptr || known->code() != base::ErrorCode::kConflict) {
      logger_.warning("{} {}: {}", controller.name(), item.second.to_string(), base::describe(error));
    }
    add(item, steady_clock::now() + delay);
  }
}

}  // namespace salvor::local
