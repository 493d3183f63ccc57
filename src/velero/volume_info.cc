#include "velero/volume_info.h"

#include "velero/field_codec.h"

namespace salvor::velero {

template <>
struct Fields<NativeSnapshotSpec> {
  static void visit(auto& field, auto& value) {
    field.always("backupName", value.backup_name);
    field.always("backupUID", value.backup_uid);
    field.always("location", value.location);
    field.always("persistentVolumeName", value.persistent_volume_name);
    field.always("providerVolumeID", value.provider_volume_id);
    field.always("volumeType", value.volume_type);
    field("volumeAZ", value.volume_az);
    field("volumeIOPS", value.volume_iops);
  }
};

template <>
struct Fields<NativeSnapshotStatus> {
  static void visit(auto& field, auto& value) {
    field("providerSnapshotID", value.provider_snapshot_id);
    field("phase", value.phase);
  }
};

template <>
struct Fields<NativeSnapshotInfo> {
  static void visit(auto& field, auto& value) {
    field("snapshotHandle", value.snapshot_handle);
    field.always("volumeType", value.volume_type);
    field("volumeAZ", value.volume_az);
    field("iops", value.iops);
    field("Phase", value.phase);
  }
};

template <>
struct Fields<PodVolumeInfo> {
  static void visit(auto& field, auto& value) {
    field("snapshotHandle", value.snapshot_handle);
    field.always("size", value.size);
    field("incrementalSize", value.incremental_size);
    field.always("uploaderType", value.uploader_type);
    field.always("volumeName", value.volume_name);
    field.always("podName", value.pod_name);
    field.always("podNamespace", value.pod_namespace);
    field.always("nodeName", value.node_name);
    field("Phase", value.phase);
  }
};

template <>
struct Fields<VolumeInfo> {
  static void visit(auto& field, auto& value) {
    field("pvcName", value.pvc_name);
    field("pvcNamespace", value.pvc_namespace);
    field("pvName", value.pv_name);
    field("backupMethod", value.backup_method);
    field.always("snapshotDataMoved", value.snapshot_data_moved);
    field.always("preserveLocalSnapshot", value.preserve_local_snapshot);
    field.always("skipped", value.skipped);
    field("skippedReason", value.skipped_reason);
    field("startTimestamp", value.start_timestamp);
    field("completionTimestamp", value.completion_timestamp);
    field("result", value.result);
    field("csiSnapshotInfo", value.csi_snapshot_info);
    field("snapshotDataMovementInfo", value.snapshot_data_movement_info);
    field("nativeSnapshotInfo", value.native_snapshot_info);
    field("pvbInfo", value.pvb_info);
    field("pvInfo", value.pv_info);
  }
};

// labels is null when there are none, as Go writes a nil map.
template <>
struct Fields<PersistentVolumeInfo> {
  static void visit(FieldReader& field, PersistentVolumeInfo& value) {
    field("reclaimPolicy", value.reclaim_policy);
    field("labels", value.labels);
  }
  static void visit(FieldWriter& field, const PersistentVolumeInfo& value) {
    field.always("reclaimPolicy", value.reclaim_policy);
    if (value.labels.empty()) {
      field.always("labels", Json());
    } else {
      field.always("labels", value.labels);
    }
  }
};

NativeSnapshot NativeSnapshot::from_json(const Json& json, const std::string& path) {
  NativeSnapshot result;
  FieldReader reader(json, path);
  reader("spec", result.spec);
  reader("status", result.status);
  return result;
}

Json NativeSnapshot::to_json() const {
  Json json = Json::object();
  json["spec"] = write_value(spec);
  json["status"] = write_value(status);
  return json;
}

VolumeInfo VolumeInfo::from_json(const Json& json, const std::string& path) {
  VolumeInfo result;
  FieldReader reader(json, path);
  Fields<VolumeInfo>::visit(reader, result);
  return result;
}

Json VolumeInfo::to_json() const {
  FieldWriter writer;
  Fields<VolumeInfo>::visit(writer, *this);
  return writer.take();
}

}  // namespace salvor::velero
