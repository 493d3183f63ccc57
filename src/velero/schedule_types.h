// Schedule of velero.io/v1. Values; from_json throws kInvalidArgument naming the field.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "velero/backup_types.h"

namespace salvor::velero {

struct ScheduleSpec {
  BackupSpec template_spec;  // spec.template
  std::string schedule;      // cron expression, see cron.h
  std::optional<bool> use_owner_references_in_backup;
  bool paused = false;
  std::optional<bool> skip_immediately;
};

struct ScheduleStatus {
  std::string phase;  // New, Enabled, FailedValidation
  std::optional<base::Time> last_backup, last_skipped;
  std::vector<std::string> validation_errors;
};

struct Schedule {
  ObjectMeta metadata;
  ScheduleSpec spec;
  ScheduleStatus status;

  static Schedule from_json(const Json& object);
  Json to_json() const;
};

Json to_json(const ScheduleStatus& status);

}  // namespace salvor::velero
