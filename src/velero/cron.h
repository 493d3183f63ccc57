// Cron expressions as Velero's Schedules take them: five fields (minute hour day-of-month month day-of-week),
// the descriptors @yearly ... @hourly, "@every 1h30m", and a "CRON_TZ=Zone " or "TZ=Zone " prefix. Grammar,
// meaning and error texts are those of robfig/cron's standard parser. Immutable value.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace salvor::velero {

class CronSchedule {
 public:
  // Throws kInvalidArgument with robfig's text, e.g. `expected exactly 5 fields, found 1: [x]`.
  // `default_zone` is an IANA name and applies when the expression names none; "" and "UTC" need no time zone
  // database.
  static CronSchedule parse(std::string_view expression, const std::string& default_zone = "");

  // The first time after `after`; nullopt if there is none within five years ("0 0 30 2 *"). A local time
  // that a clock change skips does not run that day; one that occurs twice runs twice, as with robfig's.
  std::optional<base::Time> next(base::Time after) const;

 private:
  enum Field { kMinute, kHour, kDayOfMonth, kMonth, kDayOfWeek, kFields };
  bool day_matches(unsigned day_of_month, unsigned day_of_week) const;

  std::array<std::uint64_t, kFields> bits_{};                // bit n: value n is in the set
  bool any_day_of_month_ = false, any_day_of_week_ = false;  // written with * or ?
  std::optional<base::Duration> every_;
  std::string zone_;  // "": UTC
};

}  // namespace salvor::velero
