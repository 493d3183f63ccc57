// Time as a parameter. Production code receives a Clock and never asks the system itself, so that schedules,
// retention and locks run in tests on a simulated clock. Thread-safe.
#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace salvor::base {

using Duration = std::chrono::nanoseconds;
// Wall-clock time, UTC, nanoseconds since 1970.
using Time = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time now() const = 0;
};

class SystemClock final : public Clock {
 public:
  Time now() const override;
};

// Stands still until it is set or advanced.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Time start) : now_(start) {}
  Time now() const override;
  void set(Time now);
  void advance(Duration by);

 private:
  mutable std::mutex mutex_;
  Time now_;
};

// "2026-11-22T21:57:08Z" (whole seconds, UTC): the form of Kubernetes metav1.Time.
std::string format_rfc3339(Time time);
// As above with six fractional digits: metav1.MicroTime.
std::string format_rfc3339_micro(Time time);
// Any RFC 3339 time: fraction of any length, Z or an offset. nullopt if malformed.
std::optional<Time> parse_rfc3339(std::string_view text);
// "20261122215641": the UTC suffix of backup names.
std::string format_compact_utc(Time time);

}  // namespace salvor::base
