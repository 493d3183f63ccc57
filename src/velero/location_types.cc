#include "velero/location_types.h"

#include "velero/reference_fields.h"

namespace salvor::velero {

template <>
struct Fields<ObjectStorageLocation> {
  static void visit(auto& field, auto& value) {
    field.always("bucket", value.bucket);
    field("prefix", value.prefix);
    field.base64("caCert", value.ca_cert);
    field("caCertRef", value.ca_cert_ref);
  }
};

template <>
struct Fields<BackupStorageLocationSpec> {
  static void visit(auto& field, auto& value) {
    field.always("provider", value.provider);
    field("config", value.config);
    field("credential", value.credential);
    field("objectStorage", value.object_storage);
    field("default", value.is_default);
    field("accessMode", value.access_mode);
    field("backupSyncPeriod", value.backup_sync_period);
    field("validationFrequency", value.validation_frequency);
  }
};

template <>
struct Fields<BackupStorageLocationStatus> {
  static void visit(auto& field, auto& value) {
    field("phase", value.phase);
    field("lastSyncedTime", value.last_synced_time);
    field("lastValidationTime", value.last_validation_time);
    field("message", value.message);
    field("lastSyncedRevision", value.last_synced_revision);
    field("accessMode", value.access_mode);
  }
};

template <>
struct Fields<VolumeSnapshotLocationSpec> {
  static void visit(auto& field, auto& value) {
    field.always("provider", value.provider);
    field("config", value.config);
    field("credential", value.credential);
  }
};

template <>
struct Fields<VolumeSnapshotLocationStatus> {
  static void visit(auto& field, auto& value) { field("phase", value.phase); }
};

BackupStorageLocation BackupStorageLocation::from_json(const Json& object) {
  return object_from_json<BackupStorageLocation>(object, "BackupStorageLocation");
}
Json BackupStorageLocation::to_json() const {
  return object_to_json(*this, "BackupStorageLocation");
}

VolumeSnapshotLocation VolumeSnapshotLocation::from_json(const Json& object) {
  return object_from_json<VolumeSnapshotLocation>(object, "VolumeSnapshotLocation");
}
Json VolumeSnapshotLocation::to_json() const {
  return object_to_json(*this, "VolumeSnapshotLocation");
}

Json to_json(const BackupStorageLocationStatus& status) {
  return write_value(status);
}

}  // namespace salvor::velero
