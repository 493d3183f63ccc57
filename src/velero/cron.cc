#include "velero/cron.h"

#include <date/tz.h>

#include <charconv>

#include "base/duration.h"
#include "base/error.h"
#include "base/text.h"

namespace salvor::velero {
namespace {

struct FieldRange {
  unsigned lowest, highest;
  std::vector<std::string_view> names;  // of lowest, lowest + 1, ...
};

const FieldRange kRanges[] = {
    {0, 59, {}},
    {0, 23, {}},
    {1, 31, {}},
    {1, 12, {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
    {0, 6, {"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
};

template <typename... Args>
[[noreturn]] void invalid(fmt::format_string<Args...> format, Args&&... args) {
  base::fail(base::ErrorCode::kInvalidArgument, format, std::forward<Args>(args)...);
}

unsigned parse_number(std::string_view text) {
  std::string_view digits = text;
  if (!digits.empty() && (digits.front() == '+' || digits.front() == '-')) digits.remove_prefix(1);
  long value = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error == std::errc::result_out_of_range || (error == std::errc() && value > 1'000'000'000))
    invalid("failed to parse int from {0}: strconv.Atoi: parsing \"{0}\": value out of range", text);
  if (digits.empty() || digits.front() == '-' || error != std::errc() || end != digits.data() + digits.size())
    invalid("failed to parse int from {0}: strconv.Atoi: parsing \"{0}\": invalid syntax", text);
  if (!text.empty() && text.front() == '-' && value > 0)
    invalid("negative number (-{}) not allowed: {}", value, text);
  return static_cast<unsigned>(value);
}

unsigned parse_number_or_name(std::string_view text, const FieldRange& range) {
  const std::string lower = base::to_lower(text);
  for (size_t i = 0; i < range.names.size(); ++i) {
    if (range.names[i] == lower) return range.lowest + static_cast<unsigned>(i);
  }
  return parse_number(text);
}

// Go's strings.Split: "" has one part, "".
std::vector<std::string> split_parts(std::string_view text, char separator) {
  if (text.empty()) return {""};
  return base::split(text, separator);
}

std::uint64_t parse_part(std::string_view part, const FieldRange& range, bool& star) {
  const auto range_and_step = split_parts(part, '/');
  const auto bounds = split_parts(range_and_step[0], '-');
  const bool single = bounds.size() == 1;
  unsigned start = 0, end = 0, step = 1;
  bool part_is_star = false;
  if (bounds[0] == "*" || bounds[0] == "?") {
    start = range.lowest;
    end = range.highest;
    part_is_star = true;
  } else {
    start = parse_number_or_name(bounds[0], range);
    if (bounds.size() > 2) invalid("too many hyphens: {}", part);
    end = single ? start : parse_number_or_name(bounds[1], range);
  }
  if (range_and_step.size() > 2) invalid("too many slashes: {}", part);
  if (range_and_step.size() == 2) {
    step = parse_number(range_and_step[1]);
    if (single) end = range.highest;
    if (step > 1) part_is_star = false;
  }
  if (start < range.lowest)
    invalid("beginning of range ({}) below minimum ({}): {}", start, range.lowest, part);
  if (end > range.highest) invalid("end of range ({}) above maximum ({}): {}", end, range.highest, part);
  if (start > end) invalid("beginning of range ({}) beyond end of range ({}): {}", start, end, part);
  if (step == 0) invalid("step of range should be a positive number: {}", part);
  star = star || part_is_star;
  std::uint64_t bits = 0;
  for (unsigned value = start; value <= end; value += step) bits |= std::uint64_t{1} << value;
  return bits;
}

std::uint64_t parse_field(std::string_view field, const FieldRange& range, bool& star) {
  std::uint64_t bits = 0;
  for (const std::string& part : base::split(field, ',')) {
    if (!part.empty()) bits |= parse_part(part, range, star);
  }
  return bits;
}

std::vector<std::string> fields_of(std::string_view text) {
  std::vector<std::string> fields;
  size_t at = 0;
  while ((at = text.find_first_not_of(" \t\r\n\v\f", at)) != std::string_view::npos) {
    const size_t end = std::min(text.find_first_of(" \t\r\n\v\f", at), text.size());
    fields.emplace_back(text.substr(at, end - at));
    at = end;
  }
  return fields;
}

const std::map<std::string_view, std::string_view> kDescriptors = {
    {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"}, {"@weekly", "0 0 * * 0"},
    {"@daily", "0 0 * * *"},  {"@midnight", "0 0 * * *"}, {"@hourly", "0 * * * *"},
};

bool is_utc(const std::string& zone) {
  return zone.empty() || zone == "UTC" || zone == "Etc/UTC" || zone == "GMT";
}

const date::time_zone* locate(const std::string& zone) {
  try {
    return date::locate_zone(zone);
  } catch (const std::exception&) {
    invalid("provided bad location {0}: unknown time zone {0}", zone);
  }
}

// Offset from UTC, and until when it holds.
class LocalClock {
 public:
  explicit LocalClock(const std::string& zone) : zone_(is_utc(zone) ? nullptr : locate(zone)) {}
  std::chrono::seconds offset(date::sys_seconds at) {
    if (!zone_) return std::chrono::seconds(0);
    if (!info_ || at < info_->begin || at >= info_->end) info_ = zone_->get_info(at);
    return info_->offset;
  }
  // The end of the offset's validity, if it lies before `to`; else `to`.
  date::sys_seconds capped(date::sys_seconds at, date::sys_seconds to) {
    offset(at);
    return zone_ && info_->end < to ? info_->end : to;
  }

 private:
  const date::time_zone* zone_;
  std::optional<date::sys_info> info_;
};

}  // namespace

CronSchedule CronSchedule::parse(std::string_view expression, const std::string& default_zone) {
  if (expression.empty()) invalid("empty spec string");
  CronSchedule result;
  result.zone_ = default_zone;
  std::string_view text = expression;
  if (text.starts_with("TZ=") || text.starts_with("CRON_TZ=")) {
    const size_t equals = text.find('='), space = std::min(text.find(' '), text.size());
    result.zone_ = std::string(text.substr(equals + 1, space - equals - 1));
    text = base::trim(text.substr(space));
  }
  LocalClock check_zone(result.zone_);
  if (text.starts_with("@every ")) {
    const std::string_view period = text.substr(7);
    auto every = base::parse_duration(period);
    if (!every) invalid("failed to parse duration {}: time: invalid duration \"{}\"", text, period);
    result.every_ = std::max<base::Duration>(std::chrono::duration_cast<std::chrono::seconds>(*every),
                                             std::chrono::seconds(1));
    return result;
  }
  if (text.starts_with("@")) {
    auto found = kDescriptors.find(text);
    if (found == kDescriptors.end()) invalid("unrecognized descriptor: {}", text);
    text = found->second;
  }
  const auto fields = fields_of(text);
  if (fields.size() != kFields)
    invalid("expected exactly 5 fields, found {}: [{}]", fields.size(), fmt::join(fields, " "));
  for (size_t i = 0; i < kFields; ++i) {
    bool star = false;
    result.bits_[i] = parse_field(fields[i], kRanges[i], star);
    if (i == kDayOfMonth) result.any_day_of_month_ = star;
    if (i == kDayOfWeek) result.any_day_of_week_ = star;
  }
  return result;
}

bool CronSchedule::day_matches(unsigned day_of_month, unsigned day_of_week) const {
  const bool month_day = bits_[kDayOfMonth] >> day_of_month & 1,
             week_day = bits_[kDayOfWeek] >> day_of_week & 1;
  return any_day_of_month_ || any_day_of_week_ ? month_day && week_day : month_day || week_day;
}

std::optional<base::Time> CronSchedule::next(base::Time after) const {
  using namespace std::chrono;
  const auto second = date::floor<seconds>(after);
  if (every_) return base::Time(second.time_since_epoch() + *every_);
  LocalClock clock(zone_);
  // Seconds are always zero, so candidates are whole minutes of UTC, except in zones of old times with odd
  // offsets.
  date::sys_seconds at = date::floor<minutes>(second) + minutes(1);
  const date::sys_seconds limit = at + date::days(366 * 5 + 2);
  while (at < limit) {
    const auto local = at.time_since_epoch() + clock.offset(at);
    const auto day = date::floor<date::days>(local);
    const date::year_month_day date{date::sys_days(day)};
    const auto time_of_day = local - day;
    const auto hour = duration_cast<hours>(time_of_day);
    const auto minute = duration_cast<minutes>(time_of_day - hour);
    const unsigned week_day = date::weekday(date::sys_days(day)).c_encoding();
    if (!(bits_[kMonth] >> static_cast<unsigned>(date.month()) & 1) ||
        !day_matches(static_cast<unsigned>(date.day()), week_day)) {
      at = clock.capped(at, at + (date::days(1) - time_of_day));
    } else if (!(bits_[kHour] >> hour.count() & 1)) {
      at = clock.capped(at, at + (hours(1) - (time_of_day - hour)));
    } else if (!(bits_[kMinute] >> minute.count() & 1)) {
      at = clock.capped(at, at + (minutes(1) - (time_of_day - hour - minute)));
    } else {
      return base::Time(at.time_since_epoch());
    }
  }
  return std::nullopt;
}

}  // namespace salvor::velero
