// BackupStorageLocation and VolumeSnapshotLocation of velero.io/v1. Values; from_json throws kInvalidArgument
// naming the field.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "codec/json.h"
#include "velero/object_meta.h"
#include "velero/reference_types.h"

namespace salvor::velero {

struct ObjectStorageLocation {
  std::string bucket;
  std::string prefix;
  std::string ca_cert;  // PEM; base64 on the wire
  std::optional<SecretKeySelector> ca_cert_ref;
};

struct BackupStorageLocationSpec {
  std::string provider;
  std::map<std::string, std::string> config;
  std::optional<SecretKeySelector> credential;
  std::optional<ObjectStorageLocation> object_storage;
  bool is_default = false;
  std::string access_mode;                             // "ReadWrite", "ReadOnly" or "" (read and write)
  std::optional<base::Duration> backup_sync_period;    // 0: off; nullopt: the server's
  std::optional<base::Duration> validation_frequency;  // 0: off; nullopt: the server's
};

struct BackupStorageLocationStatus {
  std::string phase;  // Available, Unavailable
  std::optional<base::Time> last_synced_time, last_validation_time;
  std::string message;
  std::string last_synced_revision, access_mode;  // written by old versions
};

struct BackupStorageLocation {
  ObjectMeta metadata;
  BackupStorageLocationSpec spec;
  BackupStorageLocationStatus status;

  bool read_only() const { return spec.access_mode == "ReadOnly"; }
  static BackupStorageLocation from_json(const Json& object);
  Json to_json() const;
};

struct VolumeSnapshotLocationSpec {
  std::string provider;
  std::map<std::string, std::string> config;
  std::optional<SecretKeySelector> credential;
};

struct VolumeSnapshotLocationStatus {
  std::string phase;  // Available, Unavailable
};

struct VolumeSnapshotLocation {
  ObjectMeta metadata;
  VolumeSnapshotLocationSpec spec;
  VolumeSnapshotLocationStatus status;

  static VolumeSnapshotLocation from_json(const Json& object);
  Json to_json() const;
};

Json to_json(const BackupStorageLocationStatus& status);

}  // namespace salvor::velero
