// Cancellation. A CancelSource is owned by who may cancel (a signal handler's thread, a server that stops, a
// timeout); tokens are handed down by value to everything that blocks. Thread-safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>

#include "base/error.h"

namespace salvor::base {

class CancelToken {
 public:
  // A token that never fires.
  CancelToken() = default;
  explicit CancelToken(std::stop_token token) : token_(std::move(token)) {}

  bool cancelled() const { return token_.stop_requested(); }
  // Throws Error(kCancelled) once cancelled.
  void check() const {
    if (cancelled()) throw Error(ErrorCode::kCancelled, "cancelled");
  }
  // Sleeps up to `duration`; returns false at once when cancelled before or during the sleep.
  bool sleep(std::chrono::nanoseconds duration) const {
    std::mutex mutex;
    std::condition_variable_any wake;
    std::unique_lock lock(mutex);
    wake.wait_for(lock, token_, duration, [] { return false; });
    return !cancelled();
  }
  const std::stop_token& stop_token() const { return token_; }

 private:
  std::stop_token token_;
};

class CancelSource {
 public:
  CancelToken token() const { return CancelToken(source_.get_token()); }
  void cancel() { source_.request_stop(); }
  bool cancelled() const { return source_.stop_requested(); }

 private:
  std::stop_source source_;
};

}  // namespace salvor::base
