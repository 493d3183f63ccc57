// The few facts about a Backup that decide about others, read from a list's raw bytes without parsing the
// rest: lists of hundreds of backups are read for each one that is made or expires.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace salvor::server {

struct BackupBrief {
  std::string name, phase;
  base::Time made;  // when it started, else was created
};

// One thread at a time.
class BackupBriefReader {
 public:
  BackupBriefReader();
  ~BackupBriefReader();
  // Throws kCorrupt for what is no JSON object; what is missing in it stays empty.
  BackupBrief read(std::string_view raw);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace salvor::server
