// Go's duration strings, which Kubernetes and Velero use everywhere: "720h0m0s", "1h30m", "250ms", "-5s".
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace salvor::base {

// As Go's time.ParseDuration: a sign, then numbers (fractions allowed) with units ns us µs ms s m h; "0"
// alone needs no unit. nullopt if malformed or out of range.
std::optional<Duration> parse_duration(std::string_view text);

// As Go's Duration.String: "720h0m0s", "1.5s", "10ms", "0s".
std::string format_duration(Duration duration);

}  // namespace salvor::base
