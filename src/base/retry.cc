#include "base/retry.h"

#include <algorithm>

namespace salvor::base {

std::chrono::milliseconds backoff(const RetryPolicy& policy, int attempt, Random& random) {
  const int doublings = std::clamp(attempt - 2, 0, 30);
  const std::int64_t whole =
      std::min<std::int64_t>(policy.longest_delay.count(), policy.first_delay.count() << doublings);
  const std::int64_t half = whole / 2;
  const auto spread = static_cast<std::uint64_t>(whole - half) + 1;
  return std::chrono::milliseconds(half + static_cast<std::int64_t>(random.next() % spread));
}

}  // namespace salvor::base
