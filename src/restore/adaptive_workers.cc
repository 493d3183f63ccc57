#include "restore/adaptive_workers.h"

#include <algorithm>
#include <atomic>
#include <exception>

#include "base/thread_pool.h"

namespace salvor::restore {

AdaptiveLimit::AdaptiveLimit(unsigned first, unsigned most, std::function<std::uint64_t()> refusals,
                             base::Logger logger)
    : most_(std::max(1U, most)),
      refusals_(std::move(refusals)),
      logger_(std::move(logger)),
      limit_(std::clamp(first, 1U, most_)),
      seen_(refusals_()) {}

void AdaptiveLimit::enter(const base::CancelToken& cancel) {
  std::unique_lock lock(mutex_);
  while (running_ >= limit_) {
    cancel.check();
    free_.wait_for(lock, std::chrono::milliseconds(200));
  }
  cancel.check();
  ++running_;
}

void AdaptiveLimit::leave() {
  std::lock_guard lock(mutex_);
  --running_;
  const std::uint64_t refused = refusals_();
  const bool news = refused > seen_;
  seen_ = refused;
  const bool old = still_old_ > 0;
  if (old) --still_old_;
  if (news && !old) {
    limit_ = std::max(1U, limit_ / 2);
    good_ = 0;
    still_old_ = running_;
    logger_.info("the API server refuses requests: continuing with {} at a time", limit_);
  } else if (!news && !old && ++good_ >= limit_ && limit_ < most_) {
    ++limit_;
    good_ = 0;
    free_.notify_one();
  }
  free_.notify_one();
}

unsigned AdaptiveLimit::limit() const {
  std::lock_guard lock(mutex_);
  return limit_;
}

void run_adaptively(AdaptiveLimit& limit, unsigned threads, size_t count,
                    const std::function<void(size_t)>& work, const base::CancelToken& cancel) {
  std::atomic<size_t> next = 0;
  std::atomic<bool> failed = false;
  const auto worker = [&] {
    for (size_t at = next++; at < count && !failed; at = next++) {
      limit.enter(cancel);
      try {
        work(at);
      } catch (...) {
        failed = true;
        limit.leave();
        throw;
      }
      limit.leave();
    }
  };
  if (count <= 1 || threads <= 1) return worker();
  base::ThreadPool pool(std::min<size_t>(threads, count));
  std::vector<std::future<void>> workers;
  for (size_t i = 0; i < pool.size(); ++i) workers.push_back(pool.submit(worker));
  std::exception_ptr first;
  for (auto& running : workers) {
    try {
      running.get();
    } catch (...) {
      if (!first) first = std::current_exception();
    }
  }
  if (first) std::rethrow_exception(first);
}

}  // namespace salvor::restore
