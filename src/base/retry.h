// Repeats what may succeed later: exponential backoff with full jitter. Whether an error is worth a repeat is
// the error's own word (Error::retryable), so callers list no codes.
#pragma once

#include <chrono>
#include <functional>
#include <utility>

#include "base/cancel.h"
#include "base/error.h"
#include "base/random.h"

namespace salvor::base {

struct RetryPolicy {
  int attempts = 8;  // in all, at least 1
  std::chrono::milliseconds first_delay{100};
  std::chrono::milliseconds longest_delay{10'000};
};

// The delay before attempt number `attempt` (2, 3, ...): uniform in [half, whole] of first_delay *
// 2^(attempt-2), capped.
std::chrono::milliseconds backoff(const RetryPolicy& policy, int attempt, Random& random);

// Calls `function` until it returns, throws something not retryable, or attempts are used up; then rethrows
// the last error. `on_retry(error, delay)` is told of each repeat. Throws kCancelled when the token fires in
// a pause.
template <typename Function>
auto retry(const RetryPolicy& policy, Random& random, const CancelToken& cancel, Function&& function,
           const std::function<void(const Error&, std::chrono::milliseconds)>& on_retry = nullptr)
    -> decltype(function()) {
  for (int attempt = 1;; ++attempt) {
    std::chrono::milliseconds delay{0};
    try {
      return function();
    } catch (const Error& error) {
      if (!error.retryable() || attempt >= policy.attempts) throw;
      delay = backoff(policy, attempt + 1, random);
      if (on_retry) on_retry(error, delay);
    }
    if (!cancel.sleep(delay)) cancel.check();
  }
}

}  // namespace salvor::base
