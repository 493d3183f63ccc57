#include "backup/volume_tracker.h"

#include <set>

#include "velero/backup_types.h"
#include "velero/constants.h"

namespace salvor::backup {

void VolumeTracker::pod_volume_skipped(const kube::ObjectName& claim, std::string reason) {
  skipped_.emplace(claim, std::move(reason));
}

void VolumeTracker::pod_volume_taken(const kube::ObjectName& claim) {
  taken_.emplace(claim, true);
}

void VolumeTracker::withhold(const kube::ObjectName& claim, std::string reason) {
  withheld_.emplace(claim, std::move(reason));
}

std::string VolumeTracker::why_withheld(const kube::ObjectName& claim) const {
  const auto found = withheld_.find(claim);
  return found == withheld_.end() ? "" : found->second;
}

void VolumeTracker::volume_seen(const codec::Json& volume, std::string no_snapshot) {
  Volume entry;
  entry.claim = {codec::get_string(volume, {"spec", "claimRef", "namespace"}),
                 codec::get_string(volume, {"spec", "claimRef", "name"})};
  entry.info.reclaim_policy = codec::get_string(volume, {"spec", "persistentVolumeReclaimPolicy"});
  entry.info.labels = kube::labels_of(volume);
  entry.no_snapshot = std::move(no_snapshot);
  volumes_[kube::name_of(volume)] = std::move(entry);
}

velero::VolumeInfo VolumeTracker::describe(const std::string& name, const Volume& volume) const {
  velero::VolumeInfo info;
  info.pvc_name = volume.claim.name;
  info.pvc_namespace = volume.claim.name_space;
  info.pv_name = name;
  info.pv_info = volume.info;
  return info;
}

const std::pair<const std::string, VolumeTracker::Volume>* VolumeTracker::volume_of(
    const kube::ObjectName& claim) const {
  for (const auto& entry : volumes_) {
    if (entry.second.claim == claim) return &entry;
  }
  return nullptr;
}

std::vector<velero::VolumeInfo> VolumeTracker::finish(
    std::vector<velero::VolumeInfo> csi_snapshots, const std::vector<velero::NativeSnapshot>& snapshots,
    const std::vector<velero::PodVolumeBackup>& pod_volumes) const {
  std::vector<velero::VolumeInfo> result = std::move(csi_snapshots);
  std::set<std::string> with_csi_snapshot;
  for (auto& info : result) {
    with_csi_snapshot.insert(info.pv_name);
    if (const auto found = volumes_.find(info.pv_name); found != volumes_.end())
      info.pv_info = found->second.info;
  }
  auto outcome = [](const std::string& phase) {
    return phase == velero::phase::kCompleted ? "succeeded" : "failed";
  };
  for (const auto& snapshot : snapshots) {
    const auto found = volumes_.find(snapshot.spec.persistent_volume_name);
    velero::VolumeInfo info;
    if (found != volumes_.end()) info = describe(found->first, found->second);
    info.pv_name = snapshot.spec.persistent_volume_name;
    info.backup_method = "NativeSnapshot";
    info.result = outcome(snapshot.status.phase);
    info.native_snapshot_info = {
        .snapshot_handle = snapshot.status.provider_snapshot_id,
        .volume_type = snapshot.spec.volume_type,
        .volume_az = snapshot.spec.volume_az,
        .iops = snapshot.spec.volume_iops ? std::to_string(*snapshot.spec.volume_iops) : "",
        .phase = snapshot.status.phase};
    result.push_back(std::move(info));
  }
  for (const auto& pvb : pod_volumes) {
    const kube::ObjectName claim{pvb.spec.pod.name_space,
                                 pvb.metadata.annotation(velero::annotation::kPvcName)};
    velero::VolumeInfo info;
    if (const auto* volume = claim.name.empty() ? nullptr : volume_of(claim)) {
      info = describe(volume->first, volume->second);
    } else if (!claim.name.empty()) {
      info.pvc_name = claim.name;
      info.pvc_namespace = claim.name_space;
    }
    info.backup_method = "PodVolumeBackup";
    info.start_timestamp = pvb.status.start_timestamp;
    info.completion_timestamp = pvb.status.completion_timestamp;
    info.result = outcome(pvb.status.phase);
    info.pvb_info = {.snapshot_handle = pvb.status.snapshot_id,
                     .size = pvb.status.progress.total_bytes,
                     .incremental_size = pvb.status.incremental_bytes,
                     .uploader_type = pvb.spec.uploader_type,
                     .volume_name = pvb.spec.volume,
                     .pod_name = pvb.spec.pod.name,
                     .pod_namespace = pvb.spec.pod.name_space,
                     .node_name = pvb.spec.node,
                     .phase = pvb.status.phase};
    result.push_back(std::move(info));
  }
  for (const auto& [name, volume] : volumes_) {
    if (volume.no_snapshot.empty() || is_taken(volume.claim) || with_csi_snapshot.contains(name)) continue;
    velero::VolumeInfo info = describe(name, volume);
    info.skipped = true;
    if (auto reason = skipped_.find(volume.claim); reason != skipped_.end())
      info.skipped_reason = "podvolume: " + reason->second + ";";
    info.skipped_reason += "volumeSnapshot: " + volume.no_snapshot + ";";
    result.push_back(std::move(info));
  }
  return result;
}

}  // namespace salvor::backup
