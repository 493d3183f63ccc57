#include "archive/local_zone.h"

#include <fmt/format.h>

#include <ctime>

namespace salvor::archive {
namespace {

constexpr std::int64_t kFirstSecond = -62167219200;  // 0000-01-01T00:00:00Z
constexpr std::int64_t kLastSecond = 253402300799;   // 9999-12-31T23:59:59Z

struct Date {
  std::int64_t year;
  unsigned month, day;
};

// Days since 1970 to a date of the proleptic Gregorian calendar and back.
Date date_of(std::int64_t days) {
  days += 719468;
  const std::int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  const auto day_of_era = static_cast<unsigned>(days - era * 146097);
  const unsigned year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const unsigned shifted = (5 * day_of_year + 2) / 153;
  const unsigned month = shifted < 10 ? shifted + 3 : shifted - 9;
  return {static_cast<std::int64_t>(year_of_era) + era * 400 + (month <= 2 ? 1 : 0), month,
          day_of_year - (153 * shifted + 2) / 5 + 1};
}

std::int64_t days_of(std::int64_t year, unsigned month, unsigned day) {
  year -= month <= 2 ? 1 : 0;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const auto year_of_era = static_cast<unsigned>(year - era * 400);
  const unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  const unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + static_cast<std::int64_t>(day_of_era) - 719468;
}

void put_digits(char* at, std::uint64_t value, int count) {
  for (int i = count - 1; i >= 0; --i) {
    at[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
}

// Reads exactly `count` digits at the start of `text` and drops them; -1 if they are not there.
std::int64_t take_digits(std::string_view& text, std::size_t count) {
  if (text.size() < count) return -1;
  std::int64_t value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(count);
  return value;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text[0] != c) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<std::int32_t> take_fraction(std::string_view& text) {
  if (!take(text, '.')) return 0;
  std::int32_t value = 0;
  int digits = 0;
  while (!text.empty() && text[0] >= '0' && text[0] <= '9') {
    if (digits < 9) value = value * 10 + (text[0] - '0');
    ++digits;
    text.remove_prefix(1);
  }
  if (digits == 0) return std::nullopt;
  for (; digits < 9; ++digits) value *= 10;
  return value;
}

// Seconds east of UTC.
std::optional<std::int64_t> take_offset(std::string_view& text) {
  if (take(text, 'Z')) return 0;
  const bool west = !text.empty() && text[0] == '-';
  if (!take(text, west ? '-' : '+')) return std::nullopt;
  const std::int64_t hours = take_digits(text, 2);
  if (hours < 0 || !take(text, ':')) return std::nullopt;
  const std::int64_t minutes = take_digits(text, 2);
  if (minutes < 0) return std::nullopt;
  return (west ? -1 : 1) * (hours * 3600 + minutes * 60);
}

}  // namespace

Moment to_moment(base::Time time) {
  const std::int64_t total = time.time_since_epoch().count();
  std::int64_t seconds = total / 1'000'000'000;
  std::int64_t rest = total % 1'000'000'000;
  if (rest < 0) {
    rest += 1'000'000'000;
    --seconds;
  }
  return {seconds, static_cast<std::int32_t>(rest)};
}

std::optional<Moment> parse_moment(std::string_view text, std::int32_t* zone) {
  const std::int64_t year = take_digits(text, 4);
  if (year < 0 || !take(text, '-')) return std::nullopt;
  const std::int64_t month = take_digits(text, 2);
  if (month < 1 || month > 12 || !take(text, '-')) return std::nullopt;
  const std::int64_t day = take_digits(text, 2);
  if (day < 1 || day > 31 || !take(text, 'T')) return std::nullopt;
  const std::int64_t hour = take_digits(text, 2);
  if (hour < 0 || hour > 23 || !take(text, ':')) return std::nullopt;
  const std::int64_t minute = take_digits(text, 2);
  if (minute < 0 || minute > 59 || !take(text, ':')) return std::nullopt;
  const std::int64_t second = take_digits(text, 2);
  if (second < 0 || second > 60) return std::nullopt;
  const auto fraction = take_fraction(text);
  if (!fraction) return std::nullopt;
  const auto offset = take_offset(text);
  if (!offset || !text.empty()) return std::nullopt;
  if (zone != nullptr) *zone = static_cast<std::int32_t>(*offset);
  const std::int64_t days = days_of(year, static_cast<unsigned>(month), static_cast<unsigned>(day));
  return Moment{days * 86400 + hour * 3600 + minute * 60 + second - *offset, *fraction};
}

LocalZone::LocalZone() {
  tzset();
}

std::int32_t LocalZone::offset_at(std::int64_t seconds) {
  const auto ask = [](std::int64_t when) {
    const std::time_t value = when;
    std::tm parts{};
    if (localtime_r(&value, &parts) == nullptr) return 0;
    return static_cast<std::int32_t>(parts.tm_gmtoff);
  };
  // Offsets change on quarter hours since time zones are kept in whole minutes; before that they are not
  // cached.
  if (seconds < 0) return ask(seconds);
  const std::int64_t block = seconds / 900;
  Slot& slot = cache_[static_cast<std::size_t>(block) % cache_.size()];
  if (slot.block != block) slot = {block, ask(seconds)};
  return slot.offset;
}

void LocalZone::append(std::string& out, Moment moment) {
  const bool zero = moment.seconds == kZeroTimeSeconds && moment.nanoseconds == 0;
  append_moment(out, moment, zero ? 0 : offset_at(moment.seconds));
}

std::string LocalZone::format(Moment moment) {
  std::string out;
  append(out, moment);
  return out;
}

void append_moment(std::string& out, Moment moment, std::int32_t offset) {
  std::int64_t local = moment.seconds + offset;
  if (local < kFirstSecond || local > kLastSecond) {
    local = local < kFirstSecond ? kFirstSecond : kLastSecond;
  }
  std::int64_t days = local / 86400;
  std::int64_t rest = local % 86400;
  if (rest < 0) {
    rest += 86400;
    --days;
  }
  const Date date = date_of(days);
  char text[40] = "0000-00-00T00:00:00";
  put_digits(text, static_cast<std::uint64_t>(date.year), 4);
  put_digits(text + 5, date.month, 2);
  put_digits(text + 8, date.day, 2);
  put_digits(text + 11, static_cast<std::uint64_t>(rest / 3600), 2);
  put_digits(text + 14, static_cast<std::uint64_t>(rest / 60 % 60), 2);
  put_digits(text + 17, static_cast<std::uint64_t>(rest % 60), 2);
  std::size_t size = 19;
  if (moment.nanoseconds != 0) {
    text[size] = '.';
    put_digits(text + size + 1, static_cast<std::uint64_t>(moment.nanoseconds), 9);
    size += 10;
    while (text[size - 1] == '0') --size;
  }
  if (offset == 0) {
    text[size++] = 'Z';
  } else {
    text[size] = offset < 0 ? '-' : '+';
    offset = (offset < 0 ? -offset : offset) / 60;
    put_digits(text + size + 1, static_cast<std::uint64_t>(offset / 60), 2);
    text[size + 3] = ':';
    put_digits(text + size + 4, static_cast<std::uint64_t>(offset % 60), 2);
    size += 6;
  }
  out.append(text, size);
}

}  // namespace salvor::archive
