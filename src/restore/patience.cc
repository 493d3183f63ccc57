#include "restore/patience.h"

#include "base/duration.h"
#include "base/retry.h"

namespace salvor::restore {
namespace {

constexpr int kMostAttempts = 5;
constexpr base::RetryPolicy kPauses{.attempts = kMostAttempts,
                                    .first_delay = std::chrono::milliseconds(200),
                                    .longest_delay = std::chrono::milliseconds(3000)};

}  // namespace

void Patience::succeeded() {
  std::lock_guard lock(mutex_);
  if (down_since_) logger_.info("the API server answers again");
  down_since_.reset();
}

bool Patience::wait(const base::Error& error, int attempt, const base::CancelToken& cancel) {
  if (!error.retryable()) return false;
  // The server answers 500 for an admission webhook that does not: nothing is wrong with the server itself.
  const bool of_webhook = error.message().find("failed calling webhook") != std::string::npos;
  if (of_webhook && attempt >= kMostAttempts) return false;
  std::chrono::milliseconds pause{0};
  {
    std::lock_guard lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    // A failure right after others succeeded begins an outage, or is this object's own.
    if (!down_since_ && !of_webhook) {
      if (attempt >= kMostAttempts) return false;
      down_since_ = now;
      logger_.warning("the API server fails, trying again for up to {}: {}",
                      base::format_duration(longest_outage_), error.message());
    }
    if (down_since_ && now - *down_since_ > longest_outage_) return false;
    pause = base::backoff(kPauses, std::min(attempt, kMostAttempts) + 1, random_);
  }
  if (!cancel.sleep(pause)) cancel.check();
  return true;
}

}  // namespace salvor::restore
