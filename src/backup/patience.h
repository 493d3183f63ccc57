// An API server that is away for a while is no reason to give up a backup: what may be asked again is asked
// again, for a minute or two beyond the client's own repeats.
#pragma once

#include <string_view>

#include "base/cancel.h"
#include "base/log.h"
#include "base/random.h"
#include "base/retry.h"

namespace salvor::backup {

inline constexpr base::RetryPolicy kPatience{
    .attempts = 14, .first_delay = std::chrono::milliseconds(500), .longest_delay = std::chrono::seconds(15)};

// Calls `function` until it succeeds, fails for good, or patience is at its end; then the last error is
// thrown. Only for what is safe to repeat.
template <typename Function>
auto patiently(std::string_view doing, base::Random& random, const base::Logger& logger,
               const base::CancelToken& cancel, Function&& function) {
  return base::retry(
      kPatience, random, cancel, function, [&](const base::Error& error, std::chrono::milliseconds delay) {
        logger.info("cannot {} yet, trying again in {} ms: {}", doing, delay.count(), error.message());
      });
}

}  // namespace salvor::backup
