// BackupRepository of velero.io/v1: one repository of file data per namespace, location and type. Values;
// from_json throws kInvalidArgument naming the field.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "codec/json.h"
#include "velero/object_meta.h"

namespace salvor::velero {

struct BackupRepositorySpec {
  std::string volume_namespace;
  std::string backup_storage_location;
  std::string repository_type;  // "kopia", "restic"
  std::string restic_identifier;
  base::Duration maintenance_frequency{0};
  std::map<std::string, std::string> repository_config;
};

struct RepositoryMaintenance {
  std::string result;  // Succeeded, Failed
  std::optional<base::Time> start_timestamp, complete_timestamp;
  std::string message;
};

struct BackupRepositoryStatus {
  std::string phase;  // New, Ready, NotReady
  std::string message;
  std::optional<base::Time> last_maintenance_time;
  std::vector<RepositoryMaintenance> recent_maintenance;
};

struct BackupRepository {
  ObjectMeta metadata;
  BackupRepositorySpec spec;
  BackupRepositoryStatus status;
  static BackupRepository from_json(const Json& object);
  Json to_json() const;
};

}  // namespace salvor::velero
