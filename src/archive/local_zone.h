// Moments as trees store them: RFC 3339 in the machine's local zone as it was at that moment (Go's
// time.Local), the fraction without trailing zeros, "Z" for offset zero, years clamped to 0..9999.
//
// A LocalZone remembers offsets it has asked the C library for; one object per thread. Follows TZ as of the
// last tzset() and forgets nothing, so make a new one after changing TZ.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace salvor::archive {

struct Moment {
  std::int64_t seconds = 0;  // since 1970, any year
  std::int32_t nanoseconds = 0;
  bool operator==(const Moment&) const = default;
  auto operator<=>(const Moment&) const = default;
};

// Go's zero time, 0001-01-01T00:00:00Z.
constexpr std::int64_t kZeroTimeSeconds = -62135596800;

Moment to_moment(base::Time time);
// Any RFC 3339 time of the years 0..9999; nullopt if malformed. `offset` gets the seconds east of UTC.
std::optional<Moment> parse_moment(std::string_view text, std::int32_t* offset = nullptr);
// On the clock at `offset` seconds east of UTC.
void append_moment(std::string& out, Moment moment, std::int32_t offset);

class LocalZone {
 public:
  LocalZone();
  void append(std::string& out, Moment moment);
  std::string format(Moment moment);

 private:
  std::int32_t offset_at(std::int64_t seconds);

  struct Slot {
    std::int64_t block = INT64_MIN;
    std::int32_t offset = 0;
  };
  std::array<Slot, 64> cache_{};
};

}  // namespace salvor::archive
