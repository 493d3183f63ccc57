#include "server/node_orders.h"

namespace salvor::server {

NodeOrders::Place::Place(NodeOrders& orders, std::string name, std::string volume,
                         const base::CancelToken& outer)
    : orders_(orders),
      name_(std::move(name)),
      volume_(std::move(volume)),
      stop_(std::make_shared<base::CancelSource>()),
      forward_(std::make_unique<std::stop_callback<Forward>>(outer.stop_token(), Forward{stop_})) {}

NodeOrders::Place::~Place() {
  std::lock_guard lock(orders_.mutex_);
  orders_.running_.erase(name_);
  orders_.volumes_.erase(volume_);
  orders_.cancelled_.erase(name_);
  orders_.changed_.notify_all();
}

bool NodeOrders::Place::was_cancelled() const {
  std::lock_guard lock(orders_.mutex_);
  return orders_.cancelled_.contains(name_);
}

std::unique_ptr<NodeOrders::Place> NodeOrders::take(const std::string& name, const std::string& volume,
                                                    const base::CancelToken& cancel) {
  std::unique_lock lock(mutex_);
  const auto free = [&] {
    return running_.size() < limit_ && !running_.contains(name) && !volumes_.contains(volume);
  };
  if (!changed_.wait(lock, cancel.stop_token(), free)) cancel.check();
  std::unique_ptr<Place> place(new Place(*this, name, volume, cancel));
  running_.emplace(name, place->stop_);
  volumes_.insert(volume);
  return place;
}

void NodeOrders::cancel(const std::string& name) {
  std::shared_ptr<base::CancelSource> stop;
  {
    std::lock_guard lock(mutex_);
    const auto found = running_.find(name);
    if (found == running_.end()) return;
    cancelled_.insert(name);
    stop = found->second;
  }
  stop->cancel();
}

}  // namespace salvor::server
