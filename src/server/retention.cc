#include "server/retention.h"

#include <algorithm>

#include "base/error.h"
#include "velero/backup_types.h"
#include "velero/constants.h"

namespace salvor::server {

RetentionPolicy retention_policy(const std::map<std::string, std::string>& annotations) {
  RetentionPolicy policy;
  auto& keep = policy.keep;
  const std::map<std::string, int*> counts = {{"last", &keep.last},       {"hourly", &keep.hourly},
                                              {"daily", &keep.daily},     {"weekly", &keep.weekly},
                                              {"monthly", &keep.monthly}, {"yearly", &keep.yearly}};
  const std::string prefix = velero::salvor_annotation::kKeepPrefix;
  for (auto entry = annotations.lower_bound(prefix);
       entry != annotations.end() && entry->first.starts_with(prefix); ++entry) {
    const auto& [key, value] = *entry;
    const auto rule = key.substr(prefix.size());
    if (key == velero::salvor_annotation::kKeepLastGood) {
      if (value != "true" && value != "false")
        base::fail(base::ErrorCode::kInvalidArgument, "annotation {} is \"true\" or \"false\", not \"{}\"",
                   key, value);
      policy.keep_last_good = value == "true";
    } else if (const auto count = counts.find(rule); count != counts.end()) {
      *count->second = repository::parse_keep_count(value, key);
    } else if (rule == "within") {
      keep.within = repository::CalendarDuration::parse(value);
    } else {
      base::fail(base::ErrorCode::kInvalidArgument,
                 "annotation {} is unknown\nthere are keep-last, -hourly, -daily, -weekly, -monthly, "
                 "-yearly, -within "
                 "and keep-last-good",
                 key);
    }
  }
  return policy;
}

const BackupBrief* last_good(const std::vector<BackupBrief>& backups) {
  const BackupBrief* newest = nullptr;
  for (const auto& backup : backups) {
    if (backup.phase != velero::phase::kCompleted) continue;
    if (!newest || backup.made > newest->made) newest = &backup;
  }
  return newest;
}

std::vector<std::string> superseded(const std::vector<BackupBrief>& backups, const RetentionPolicy& policy,
                                    base::Time now) {
  std::vector<std::string> names;
  if (policy.keep.is_empty()) return names;
  // The policy knows snapshots; of those it reads the time, and their host tells us which is which.
  std::vector<repository::Snapshot> snapshots;
  for (const auto& backup : backups) {
    if (backup.phase != velero::phase::kCompleted) continue;
    repository::Snapshot snapshot;
    snapshot.time = base::format_rfc3339(backup.made);
    snapshot.hostname = backup.name;
    snapshots.push_back(std::move(snapshot));
  }
  const auto* good = last_good(backups);
  for (const auto& snapshot : repository::apply_policy(std::move(snapshots), policy.keep, now).remove)
    if (!policy.keep_last_good || !good || snapshot.hostname != good->name)
      names.push_back(snapshot.hostname);
  return names;
}

}  // namespace salvor::server
