// A bounded number of tasks under way on a pool, their results taken in the order of submission by one
// thread. The destructor awaits what is left, because tasks refer to the caller's frame.
#pragma once

#include <deque>
#include <functional>
#include <future>
#include <utility>

namespace salvor::repository {

template <typename Result>
class InFlight {
 public:
  InFlight(size_t most, std::function<void(Result)> take) : most_(most), take_(std::move(take)) {}
  ~InFlight() {
    for (auto& future : futures_) future.wait();
  }
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;

  // Takes the oldest result first when as many as allowed are under way; throws what its task threw.
  void add(std::future<Result> future) {
    futures_.push_back(std::move(future));
    if (futures_.size() >= most_) next();
  }
  void finish() {
    while (!futures_.empty()) next();
  }

 private:
  void next() {
    std::future<Result> future = std::move(futures_.front());
    futures_.pop_front();
    take_(future.get());
  }

  const size_t most_;
  const std::function<void(Result)> take_;
  std::deque<std::future<Result>> futures_;
};

}  // namespace salvor::repository
