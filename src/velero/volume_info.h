// What a backup says about volumes: elements of <name>-volumesnapshots.json.gz (NativeSnapshot) and
// <name>-volumeinfo.json.gz (VolumeInfo). Values; from_json throws kInvalidArgument naming the field.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/clock.h"
#include "codec/json.h"

namespace salvor::velero {

using codec::Json;

struct NativeSnapshotSpec {
  std::string backup_name, backup_uid;
  std::string location;  // VolumeSnapshotLocation
  std::string persistent_volume_name;
  std::string provider_volume_id;
  std::string volume_type;
  std::string volume_az;
  std::optional<std::int64_t> volume_iops;
};

struct NativeSnapshotStatus {
  std::string provider_snapshot_id;
  std::string phase;  // New, Completed, Failed
};

struct NativeSnapshot {
  NativeSnapshotSpec spec;
  NativeSnapshotStatus status;
  static NativeSnapshot from_json(const Json& json, const std::string& path = "");
  Json to_json() const;
};

struct NativeSnapshotInfo {
  std::string snapshot_handle, volume_type, volume_az, iops, phase;
};

struct PodVolumeInfo {
  std::string snapshot_handle;
  std::int64_t size = 0, incremental_size = 0;
  std::string uploader_type, volume_name, pod_name, pod_namespace, node_name, phase;
};

struct PersistentVolumeInfo {
  std::string reclaim_policy;
  std::map<std::string, std::string> labels;
};

struct VolumeInfo {
  std::string pvc_name, pvc_namespace, pv_name;
  std::string backup_method;  // "NativeSnapshot", "PodVolumeBackup", "CSISnapshot"; "" when skipped
  bool snapshot_data_moved = false, preserve_local_snapshot = false;
  bool skipped = false;
  std::string skipped_reason;
  std::optional<base::Time> start_timestamp, completion_timestamp;
  std::string result;  // "succeeded", "failed"
  Json csi_snapshot_info, snapshot_data_movement_info;
  std::optional<NativeSnapshotInfo> native_snapshot_info;
  std::optional<PodVolumeInfo> pvb_info;
  std::optional<PersistentVolumeInfo> pv_info;

  static VolumeInfo from_json(const Json& json, const std::string& path = "");
  Json to_json() const;
};

}  // namespace salvor::velero
