#include "net/request_threads.h"

#include <chrono>

namespace salvor::net {

namespace {
constexpr size_t kKeptIdle = 4;
constexpr std::chrono::seconds kIdleTime{5};
}  // namespace

void RequestThreads::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    queue_.clear();
    wake_.notify_all();
  }
  // No thread adds to the list any more; each is done with it before it ends.
  for (Worker& worker : workers_) worker.thread.join();
  workers_.clear();
}

bool RequestThreads::run(std::function<void()> work) {
  std::lock_guard lock(mutex_);
  if (stopping_ || busy_ + queue_.size() >= limit_) return false;
  for (auto worker = workers_.begin(); worker != workers_.end();) {
    if (worker->finished) {
      worker->thread.join();
      worker = workers_.erase(worker);
    } else {
      ++worker;
    }
  }
  queue_.push_back(std::move(work));
  if (idle_ >= queue_.size()) {
    wake_.notify_one();
  } else {
    Worker& worker = workers_.emplace_back();
    worker.thread = std::thread([this, &worker] { loop(worker); });
  }
  return true;
}

void RequestThreads::loop(Worker& worker) {
  std::unique_lock lock(mutex_);
  while (true) {
    ++idle_;
    while (queue_.empty() && !stopping_) {
      const bool timed_out = wake_.wait_for(lock, kIdleTime) == std::cv_status::timeout;
      if (timed_out && queue_.empty() && idle_ > kKeptIdle) break;
    }
    --idle_;
    if (queue_.empty()) break;
    auto work = std::move(queue_.front());
    queue_.pop_front();
    ++busy_;
    lock.unlock();
    work();
    work = nullptr;
    lock.lock();
    --busy_;
  }
  worker.finished = true;
}

}  // namespace salvor::net
