// Runs independent pieces of work side by side, as many at a time as the server takes: one more after each
// round that went well, half as many when it refuses (429, 503). What a connection pool and a fixed rate
// limit cannot do is follow a server whose capacity for us changes, as priority and fairness make it.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>

#include "base/cancel.h"
#include "base/log.h"

namespace salvor::restore {

// The number of pieces in flight. Thread-safe.
class AdaptiveLimit {
 public:
  // refusals: a counter of refused requests that only grows.
  AdaptiveLimit(unsigned first, unsigned most, std::function<std::uint64_t()> refusals, base::Logger logger);

  // Waits for a free place. Throws kCancelled.
  void enter(const base::CancelToken& cancel);
  void leave();
  unsigned limit() const;

 private:
  const unsigned most_;
  const std::function<std::uint64_t()> refusals_;
  const base::Logger logger_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable free_;
  unsigned limit_;
  unsigned running_ = 0;
  unsigned good_ = 0;       // finished well since the limit changed
  unsigned still_old_ = 0;  // started before the last cut: what they meet is no news
  std::uint64_t seen_;      // refusals
};

// Calls work(0) ... work(count - 1) from several threads. The first exception ends it and is rethrown when
// all threads are done.
void run_adaptively(AdaptiveLimit& limit, unsigned threads, size_t count,
                    const std::function<void(size_t)>& work, const base::CancelToken& cancel);

}  // namespace salvor::restore
