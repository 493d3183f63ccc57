// PodVolumeBackup and PodVolumeRestore of velero.io/v1: the orders to node agents. Values; from_json throws
// kInvalidArgument naming the field.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/clock.h"
#include "codec/json.h"
#include "velero/object_meta.h"
#include "velero/reference_types.h"

namespace salvor::velero {

struct PodVolumeBackupSpec {
  std::string node;
  ObjectReference pod;
  std::string volume;
  std::string backup_storage_location;
  std::string repo_identifier;
  std::string uploader_type;  // "kopia", "restic"
  std::map<std::string, std::string> tags;
  std::map<std::string, std::string> uploader_settings;
  bool cancel = false;
};

struct PodVolumeBackupStatus {
  std::string phase;  // "", New, Accepted, Prepared, InProgress, Completed, Failed, Canceling, Canceled
  std::string path;
  std::string snapshot_id;
  std::string message;
  std::optional<base::Time> start_timestamp, completion_timestamp;
  DataProgress progress;
  std::int64_t incremental_bytes = 0;
  std::optional<base::Time> accepted_timestamp;
};

struct PodVolumeBackup {
  ObjectMeta metadata;
  PodVolumeBackupSpec spec;
  PodVolumeBackupStatus status;
  static PodVolumeBackup from_json(const Json& object);
  Json to_json() const;
};

struct PodVolumeRestoreSpec {
  ObjectReference pod;
  std::string volume;
  std::string backup_storage_location;
  std::string repo_identifier;
  std::string uploader_type;
  std::string snapshot_id;
  std::string source_namespace;
  std::map<std::string, std::string> uploader_settings;
  bool cancel = false;
  std::int64_t snapshot_size = 0;
};

struct PodVolumeRestoreStatus {
  std::string phase;
  std::string message;
  std::optional<base::Time> start_timestamp, completion_timestamp;
  DataProgress progress;
  std::optional<base::Time> accepted_timestamp;
  std::string node;
};

struct PodVolumeRestore {
  ObjectMeta metadata;
  PodVolumeRestoreSpec spec;
  PodVolumeRestoreStatus status;
  static PodVolumeRestore from_json(const Json& object);
  Json to_json() const;
};

// Completed, Failed or Canceled.
bool is_finished(const PodVolumeBackupStatus& status);
bool is_finished(const PodVolumeRestoreStatus& status);
Json to_json(const PodVolumeBackupStatus& status);
Json to_json(const PodVolumeRestoreStatus& status);

}  // namespace salvor::velero
