#include "velero/pod_volume_types.h"

#include "velero/backup_types.h"
#include "velero/reference_fields.h"

namespace salvor::velero {

template <>
struct Fields<PodVolumeBackupSpec> {
  static void visit(auto& field, auto& value) {
    field.always("node", value.node);
    field.always("pod", value.pod);
    field.always("volume", value.volume);
    field.always("backupStorageLocation", value.backup_storage_location);
    field.always("repoIdentifier", value.repo_identifier);
    field("uploaderType", value.uploader_type);
    field("tags", value.tags);
    field("uploaderSettings", value.uploader_settings);
    field("cancel", value.cancel);
  }
};

template <>
struct Fields<PodVolumeBackupStatus> {
  static void visit(auto& field, auto& value) {
    field("phase", value.phase);
    field("path", value.path);
    field("snapshotID", value.snapshot_id);
    field("message", value.message);
    field("startTimestamp", value.start_timestamp);
    field("completionTimestamp", value.completion_timestamp);
    field("progress", value.progress);
    field("incrementalBytes", value.incremental_bytes);
    field("acceptedTimestamp", value.accepted_timestamp);
  }
};

template <>
struct Fields<PodVolumeRestoreSpec> {
  static void visit(auto& field, auto& value) {
    field.always("pod", value.pod);
    field.always("volume", value.volume);
    field.always("backupStorageLocation", value.backup_storage_location);
    field.always("repoIdentifier", value.repo_identifier);
    field("uploaderType", value.uploader_type);
    field.always("snapshotID", value.snapshot_id);
    field.always("sourceNamespace", value.source_namespace);
    field("uploaderSettings", value.uploader_settings);
    field("cancel", value.cancel);
    field("snapshotSize", value.snapshot_size);
  }
};

template <>
struct Fields<PodVolumeRestoreStatus> {
  static void visit(auto& field, auto& value) {
    field("phase", value.phase);
    field("message", value.message);
    field("startTimestamp", value.start_timestamp);
    field("completionTimestamp", value.completion_timestamp);
    field("progress", value.progress);
    field("acceptedTimestamp", value.accepted_timestamp);
    field("node", value.node);
  }
};

namespace {
bool finished(const std::string& name) {
  return name == phase::kCompleted || name == phase::kFailed || name == phase::kCanceled;
}
}  // namespace

PodVolumeBackup PodVolumeBackup::from_json(const Json& object) {
  return object_from_json<PodVolumeBackup>(object, "PodVolumeBackup");
}
Json PodVolumeBackup::to_json() const {
  return object_to_json(*this, "PodVolumeBackup");
}

PodVolumeRestore PodVolumeRestore::from_json(const Json& object) {
  return object_from_json<PodVolumeRestore>(object, "PodVolumeRestore");
}
Json PodVolumeRestore::to_json() const {
  return object_to_json(*this, "PodVolumeRestore");
}

bool is_finished(const PodVolumeBackupStatus& status) {
  return finished(status.phase);
}
bool is_finished(const PodVolumeRestoreStatus& status) {
  return finished(status.phase);
}
Json to_json(const PodVolumeBackupStatus& status) {
  return write_value(status);
}
Json to_json(const PodVolumeRestoreStatus& status) {
  return write_value(status);
}

}  // namespace salvor::velero
