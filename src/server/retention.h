// Which backups of a schedule are kept beyond, or removed before, their time to live. Annotations of the
// Schedule say it: salvor.io/keep-last, -hourly, -daily, -weekly, -monthly, -yearly (numbers, or "unlimited")
// and -within ("30d"), with restic's meaning of them. With any of these they alone decide about Completed
// backups; without, spec.ttl does. In both cases the newest Completed backup of a schedule stays, unless
// salvor.io/keep-last-good is "false". Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "repository/forget_policy.h"
#include "server/backup_brief.h"

namespace salvor::server {

struct RetentionPolicy {
  repository::ForgetPolicy keep;  // empty: spec.ttl decides
  bool keep_last_good = true;
};

// Throws kInvalidArgument naming the annotation.
RetentionPolicy retention_policy(const std::map<std::string, std::string>& annotations);

// The newest backup that is Completed, null if none is.
const BackupBrief* last_good(const std::vector<BackupBrief>& backups);

// Names of the Completed ones among a schedule's `backups` that policy.keep no longer keeps. Empty if it is
// empty.
std::vector<std::string> superseded(const std::vector<BackupBrief>& backups, const RetentionPolicy& policy,
                                    base::Time now);

}  // namespace salvor::server
