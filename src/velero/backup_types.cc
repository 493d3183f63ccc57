#include "velero/backup_types.h"

#include "velero/reference_fields.h"

namespace salvor::velero {

template <>
struct Fields<ExecHook> {
  static void visit(auto& field, auto& value) {
    field("container", value.container);
    field.always("command", value.command);
    field("onError", value.on_error);
    field("timeout", value.timeout);
  }
};

template <>
struct Fields<BackupResourceHook> {
  static void visit(auto& field, auto& value) { field.always("exec", value.exec); }
};

template <>
struct Fields<BackupResourceHookSpec> {
  static void visit(auto& field, auto& value) {
    field.always("name", value.name);
    field("includedNamespaces", value.included_namespaces);
    field("excludedNamespaces", value.excluded_namespaces);
    field("includedResources", value.included_resources);
    field("excludedResources", value.excluded_resources);
    field("labelSelector", value.label_selector);
    field("pre", value.pre);
    field("post", value.post);
  }
};

template <>
struct Fields<BackupHooks> {
  static void visit(auto& field, auto& value) { field("resources", value.resources); }
};

template <>
struct Fields<UploaderConfigForBackup> {
  static void visit(auto& field, auto& value) { field("parallelFilesUpload", value.parallel_files_upload); }
};

template <>
struct Fields<TemplateMetadata> {
  static void visit(auto& field, auto& value) { field("labels", value.labels); }
};

template <>
struct Fields<BackupProgress> {
  static void visit(auto& field, auto& value) {
    field("totalItems", value.total_items);
    field("itemsBackedUp", value.items_backed_up);
  }
};

template <>
struct Fields<BackupSpec> {
  static void visit(auto& field, auto& value) {
    field("metadata", value.metadata);
    field("includedNamespaces", value.included_namespaces);
    field("excludedNamespaces", value.excluded_namespaces);
    field("includedResources", value.included_resources);
    field("excludedResources", value.excluded_resources);
    field("includedClusterScopedResources", value.included_cluster_scoped_resources);
    field("excludedClusterScopedResources", value.excluded_cluster_scoped_resources);
    field("includedNamespaceScopedResources", value.included_namespace_scoped_resources);
    field("excludedNamespaceScopedResources", value.excluded_namespace_scoped_resources);
    field("labelSelector", value.label_selector);
    field("orLabelSelectors", value.or_label_selectors);
    field("snapshotVolumes", value.snapshot_volumes);
    field("ttl", value.ttl);
    field("volumeGroupSnapshotLabelKey", value.volume_group_snapshot_label_key);
    field("includeClusterResources", value.include_cluster_resources);
    field("hooks", value.hooks);
    field("storageLocation", value.storage_location);
    field("volumeSnapshotLocations", value.volume_snapshot_locations);
    field("defaultVolumesToRestic", value.default_volumes_to_restic);
    field("defaultVolumesToFsBackup", value.default_volumes_to_fs_backup);
    field("orderedResources", value.ordered_resources);
    field("csiSnapshotTimeout", value.csi_snapshot_timeout);
    field("itemOperationTimeout", value.item_operation_timeout);
    field("resourcePolicy", value.resource_policy);
    field("snapshotMoveData", value.snapshot_move_data);
    field("datamover", value.data_mover);
    field("uploaderConfig", value.uploader_config);
  }
};

template <>
struct Fields<BackupStatus> {
  static void visit(auto& field, auto& value) {
    field("version", value.version);
    field("formatVersion", value.format_version);
    field("expiration", value.expiration);
    field("phase", value.phase);
    field("queuePosition", value.queue_position);
    field("validationErrors", value.validation_errors);
    field("startTimestamp", value.start_timestamp);
    field("completionTimestamp", value.completion_timestamp);
    field("volumeSnapshotsAttempted", value.volume_snapshots_attempted);
    field("volumeSnapshotsCompleted", value.volume_snapshots_completed);
    field("failureReason", value.failure_reason);
    field("warnings", value.warnings);
    field("errors", value.errors);
    field("progress", value.progress);
    field("csiVolumeSnapshotsAttempted", value.csi_volume_snapshots_attempted);
    field("csiVolumeSnapshotsCompleted", value.csi_volume_snapshots_completed);
    field("backupItemOperationsAttempted", value.backup_item_operations_attempted);
    field("backupItemOperationsCompleted", value.backup_item_operations_completed);
    field("backupItemOperationsFailed", value.backup_item_operations_failed);
    field("hookStatus", value.hook_status);
  }
};

BackupSpec BackupSpec::from_json(const Json& json, const std::string& path) {
  BackupSpec result;
  FieldReader reader(json, path);
  Fields<BackupSpec>::visit(reader, result);
  return result;
}

Json BackupSpec::to_json() const {
  FieldWriter writer;
  Fields<BackupSpec>::visit(writer, *this);
  return writer.take();
}

Backup Backup::from_json(const Json& object) {
  return object_from_json<Backup>(object, "Backup");
}
Json Backup::to_json() const {
  return object_to_json(*this, "Backup");
}
Json to_json(const BackupStatus& status) {
  return write_value(status);
}

bool is_finished(const BackupStatus& status) {
  return status.phase == phase::kCompleted || status.phase == phase::kPartiallyFailed ||
         status.phase == phase::kFailed || status.phase == phase::kFailedValidation;
}

}  // namespace salvor::velero
