#include "repository/forget_policy.h"

#include <algorithm>
#include <charconv>
#include <climits>
#include <map>

#include "base/error.h"
#include "base/text.h"

namespace salvor::repository {
namespace {

using base::ErrorCode;

// A snapshot's time on the clock of the machine that wrote it.
struct LocalTime {
  base::Time instant;
  std::chrono::year_month_day date;
  int hour = 0;
  std::chrono::sys_days day;
};

base::Duration offset_of(std::string_view rfc3339) {
  if (rfc3339.size() < 6) return base::Duration{0};
  const std::string_view tail = rfc3339.substr(rfc3339.size() - 6);
  if ((tail[0] != '+' && tail[0] != '-') || tail[3] != ':') return base::Duration{0};
  const auto digits = [&](size_t at) { return (tail[at] - '0') * 10 + (tail[at + 1] - '0'); };
  const auto offset = std::chrono::hours(digits(1)) + std::chrono::minutes(digits(4));
  return tail[0] == '-' ? -offset : offset;
}

LocalTime local_time(const Snapshot& snapshot) {
  LocalTime local;
  local.instant = snapshot.instant();
  const auto shifted = local.instant + offset_of(snapshot.time);
  local.day = std::chrono::floor<std::chrono::days>(shifted);
  local.date = std::chrono::year_month_day(local.day);
  local.hour = static_cast<int>(std::chrono::floor<std::chrono::hours>(shifted - local.day).count());
  return local;
}

// ISO 8601: the year and number of the week, which begins on Monday and belongs to the year of its Thursday.
int iso_week(std::chrono::sys_days day) {
  const auto weekday = std::chrono::weekday(day).iso_encoding();
  const auto thursday = day + std::chrono::days(4 - static_cast<int>(weekday));
  const auto year = std::chrono::year_month_day(thursday).year();
  const auto first = std::chrono::sys_days(year / std::chrono::January / 1);
  return static_cast<int>(year) * 100 + static_cast<int>((thursday - first).count()) / 7 + 1;
}

int month_key(const LocalTime& t) {
  return static_cast<int>(t.date.year()) * 100 + static_cast<int>(static_cast<unsigned>(t.date.month()));
}
int day_key(const LocalTime& t) {
  return static_cast<int>(t.day.time_since_epoch().count());
}
int hour_key(const LocalTime& t) {
  return day_key(t) * 24 + t.hour;
}
int week_key(const LocalTime& t) {
  return iso_week(t.day);
}
int year_key(const LocalTime& t) {
  return static_cast<int>(t.date.year());
}

// `time` minus a calendar duration, on the clock at `offset`; days past a month's end run into the next, as
// Go's AddDate has it.
base::Time subtract(base::Time time, base::Duration offset, const CalendarDuration& duration) {
  const auto shifted = time + offset;
  const auto day = std::chrono::floor<std::chrono::days>(shifted);
  const std::chrono::year_month_day date{day};
  const auto first = (date.year() / date.month() / 1) - std::chrono::years(duration.years) -
                     std::chrono::months(duration.months);
  const auto moved = std::chrono::sys_days(first) +
                     std::chrono::days(static_cast<int>(unsigned(date.day())) - 1) -
                     std::chrono::days(duration.days);
  return base::Time(moved.time_since_epoch()) + (shifted - day) - offset - std::chrono::hours(duration.hours);
}

std::string describe_duration(const CalendarDuration& duration) {
  std::string text;
  if (duration.years != 0) text += fmt::format("{}y", duration.years);
  if (duration.months != 0) text += fmt::format("{}m", duration.months);
  if (duration.days != 0) text += fmt::format("{}d", duration.days);
  if (duration.hours != 0) text += fmt::format("{}h", duration.hours);
  return text;
}

bool has_all_tags(const Snapshot& snapshot, const std::vector<std::string>& tags) {
  return std::all_of(tags.begin(), tags.end(), [&](const std::string& tag) {
    return std::find(snapshot.tags.begin(), snapshot.tags.end(), tag) != snapshot.tags.end();
  });
}

struct Bucket {
  int left;                         // -1: without limit
  std::optional<base::Time> since;  // instead of a count: only snapshots after that
  int (*key)(const LocalTime&);
  std::string reason;
  std::optional<int> last;
};

std::vector<Bucket> buckets_of(const ForgetPolicy& policy, base::Time latest, base::Duration offset) {
  std::vector<Bucket> buckets;
  const auto counted = [&](int count, auto key, std::string_view name) {
    if (count != 0)
      buckets.push_back({count, std::nullopt, key, fmt::format("{} snapshot", name), std::nullopt});
  };
  // restic's order, which shows in the list of reasons. "last" never meets the same key twice.
  counted(policy.last, nullptr, "last");
  counted(policy.hourly, &hour_key, "hourly");
  counted(policy.daily, &day_key, "daily");
  counted(policy.weekly, &week_key, "weekly");
  counted(policy.monthly, &month_key, "monthly");
  counted(policy.yearly, &year_key, "yearly");
  const auto within = [&](const CalendarDuration& duration, auto key, std::string_view name) {
    if (duration.is_zero()) return;
    buckets.push_back({-1, subtract(latest, offset, duration), key,
                       fmt::format("{} within {}", name, describe_duration(duration)), std::nullopt});
  };
  within(policy.within_hourly, &hour_key, "hourly");
  within(policy.within_daily, &day_key, "daily");
  within(policy.within_weekly, &week_key, "weekly");
  within(policy.within_monthly, &month_key, "monthly");
  within(policy.within_yearly, &year_key, "yearly");
  return buckets;
}

}  // namespace

CalendarDuration CalendarDuration::parse(std::string_view text) {
  CalendarDuration duration;
  std::string_view rest = text;
  while (!rest.empty()) {
    int number = 0;
    const auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    const auto used = static_cast<size_t>(parsed.ptr - rest.data());
    if (parsed.ec != std::errc{} || used == rest.size()) {
      base::fail(ErrorCode::kInvalidArgument, "\"{}\" is no duration such as 1y5m7d2h", text);
    }
    switch (rest[used]) {
      case 'y':
        duration.years = number;
        break;
      case 'm':
        duration.months = number;
        break;
      case 'd':
        duration.days = number;
        break;
      case 'h':
        duration.hours = number;
        break;
      default:
        base::fail(ErrorCode::kInvalidArgument, "\"{}\" is no duration such as 1y5m7d2h", text);
    }
    rest.remove_prefix(used + 1);
  }
  return duration;
}

bool ForgetPolicy::is_empty() const {
  return last == 0 && hourly == 0 && daily == 0 && weekly == 0 && monthly == 0 && yearly == 0 &&
         tags.empty() && within.is_zero() && within_hourly.is_zero() && within_daily.is_zero() &&
         within_weekly.is_zero() && within_monthly.is_zero() && within_yearly.is_zero();
}

int parse_keep_count(std::string_view text, std::string_view flag) {
  if (text == "unlimited") return -1;
  int count = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), count);
  if (text.empty() || parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size() || count < -1) {
    base::fail(ErrorCode::kInvalidArgument, "{}: \"{}\" is neither a number nor \"unlimited\"", flag, text);
  }
  return count;
}

GroupBy GroupBy::parse(std::string_view text) {
  GroupBy by{.host = false, .paths = false, .tags = false};
  for (const std::string& part : base::split(text, ',')) {
    if (part == "host" || part == "hosts") {
      by.host = true;
    } else if (part == "paths" || part == "path") {
      by.paths = true;
    } else if (part == "tags" || part == "tag") {
      by.tags = true;
    } else if (!part.empty()) {
      base::fail(ErrorCode::kInvalidArgument, "cannot group by \"{}\": only host, paths and tags", part);
    }
  }
  return by;
}

std::vector<SnapshotGroup> group_snapshots(std::vector<Snapshot> snapshots, const GroupBy& by) {
  using Key = std::tuple<std::string, std::vector<std::string>, std::vector<std::string>>;
  std::map<Key, SnapshotGroup> groups;
  const auto sorted = [](std::vector<std::string> list) {
    std::sort(list.begin(), list.end());
    return list;
  };
  for (Snapshot& snapshot : snapshots) {
    Key key{by.host ? snapshot.hostname : "", by.paths ? sorted(snapshot.paths) : std::vector<std::string>{},
            by.tags ? sorted(snapshot.tags) : std::vector<std::string>{}};
    SnapshotGroup& group = groups[key];
    std::tie(group.hostname, group.paths, group.tags) = key;
    group.snapshots.push_back(std::move(snapshot));
  }
  std::vector<SnapshotGroup> out;
  for (auto& [key, group] : groups) out.push_back(std::move(group));
  return out;
}

ForgetDecision apply_policy(std::vector<Snapshot> snapshots, const ForgetPolicy& policy, base::Time now) {
  ForgetDecision decision;
  std::vector<std::pair<LocalTime, Snapshot>> sorted;
  for (Snapshot& snapshot : snapshots) sorted.emplace_back(local_time(snapshot), std::move(snapshot));
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return std::tie(b.first.instant, b.second.id) < std::tie(a.first.instant, a.second.id);
  });
  if (sorted.empty()) return decision;
  // "within" counts back from the newest snapshot that is not in the future; without one, from the oldest.
  const auto latest =
      std::find_if(sorted.begin(), sorted.end(), [&](const auto& s) { return s.first.instant <= now; });
  const auto& origin = latest != sorted.end() ? *latest : sorted.back();
  const base::Duration offset = offset_of(origin.second.time);
  std::vector<Bucket> buckets = buckets_of(policy, origin.first.instant, offset);

  for (size_t i = 0; i < sorted.size(); ++i) {
    auto& [local, snapshot] = sorted[i];
    std::vector<std::string> reasons;
    for (const auto& tags : policy.tags) {
      if (has_all_tags(snapshot, tags))
        reasons.push_back(fmt::format("has tags [{}]", fmt::join(tags, ", ")));
    }
    if (!policy.within.is_zero() && local.instant > subtract(origin.first.instant, offset, policy.within)) {
      reasons.push_back("within " + describe_duration(policy.within));
    }
    for (Bucket& bucket : buckets) {
      if (bucket.since ? local.instant <= *bucket.since : bucket.left == 0) continue;
      const int key = bucket.key != nullptr ? bucket.key(local) : static_cast<int>(i);
      const bool oldest = i + 1 == sorted.size();
      if (bucket.last == key && !oldest) continue;
      reasons.push_back(bucket.last == key ? "oldest " + bucket.reason : bucket.reason);
      bucket.last = key;
      if (bucket.left > 0) --bucket.left;
    }
    if (reasons.empty()) {
      decision.remove.push_back(std::move(snapshot));
    } else {
      decision.reasons.push_back({snapshot, std::move(reasons)});
      decision.keep.push_back(std::move(snapshot));
    }
  }
  return decision;
}

}  // namespace salvor::repository
