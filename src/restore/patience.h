// How long a restore goes on when the API server fails it: an outage is waited out by all threads together,
// an object that keeps failing while others succeed is given up. Thread-safe.
#pragma once

#include <chrono>
#include <mutex>
#include <optional>

#include "base/cancel.h"
#include "base/error.h"
#include "base/log.h"
#include "base/random.h"

namespace salvor::restore {

class Patience {
 public:
  Patience(std::chrono::nanoseconds longest_outage, base::Random& random, base::Logger logger)
      : longest_outage_(longest_outage), random_(random), logger_(std::move(logger)) {}

  // Something succeeded: the server is there.
  void succeeded();
  // Pauses after a failure, the `attempt`th of its object (1, 2, ...). False if it is not worth another try:
  // the error is none that a repeat changes, the outage lasts too long, or the object failed five times while
  // the server was well. Throws kCancelled.
  bool wait(const base::Error& error, int attempt, const base::CancelToken& cancel);

 private:
  const std::chrono::nanoseconds longest_outage_;
  base::Random& random_;
  const base::Logger logger_;
  std::mutex mutex_;
  std::optional<std::chrono::steady_clock::time_point> down_since_;  // guarded by mutex_
};

}  // namespace salvor::restore
