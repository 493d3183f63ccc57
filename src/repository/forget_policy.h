// Which snapshots to keep: restic's forget. Grouping, the counted buckets (last, hourly, ... yearly),
// keep-within and keep-tag. Pure functions of the snapshots and the time; nothing is removed here.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "repository/snapshot.h"

namespace salvor::repository {

// Calendar duration "1y5m7d2h": years, months, days, hours.
struct CalendarDuration {
  int years = 0, months = 0, days = 0, hours = 0;
  bool is_zero() const { return years == 0 && months == 0 && days == 0 && hours == 0; }
  // Throws kInvalidArgument naming the text.
  static CalendarDuration parse(std::string_view text);
};

struct ForgetPolicy {
  // -1: without limit. 0: rule not used.
  int last = 0, hourly = 0, daily = 0, weekly = 0, monthly = 0, yearly = 0;
  CalendarDuration within, within_hourly, within_daily, within_weekly, within_monthly, within_yearly;
  std::vector<std::vector<std::string>> tags;  // keep what has all tags of any of the lists

  bool is_empty() const;
};

// "unlimited" or a number >= -1 (as restic reads --keep-last and its kin). Throws kInvalidArgument naming
// `flag`.
int parse_keep_count(std::string_view text, std::string_view flag);

struct GroupBy {
  bool host = true, paths = true, tags = false;
  // "host,paths", "tags", "" (one group). Throws kInvalidArgument.
  static GroupBy parse(std::string_view text);
};

struct SnapshotGroup {
  std::string hostname;            // as far as grouped by
  std::vector<std::string> paths;  // sorted
  std::vector<std::string> tags;   // sorted
  std::vector<Snapshot> snapshots;
};

// Groups in order of their first snapshot's host, paths and tags.
std::vector<SnapshotGroup> group_snapshots(std::vector<Snapshot> snapshots, const GroupBy& by);

struct KeepReason {
  Snapshot snapshot;
  std::vector<std::string> matches;  // "last snapshot", "daily snapshot", "within 7d", ... restic's words
};

struct ForgetDecision {
  std::vector<Snapshot> keep, remove;  // newest first
  std::vector<KeepReason> reasons;     // one for each kept
};

// `snapshots` in any order. `now` decides which snapshots lie in the future.
ForgetDecision apply_policy(std::vector<Snapshot> snapshots, const ForgetPolicy& policy, base::Time now);

}  // namespace salvor::repository
