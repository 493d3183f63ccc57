#include "backup/pod_volumes.h"

#include <set>

#include "base/text.h"
#include "kube/object.h"
#include "velero/constants.h"

namespace salvor::backup {
namespace {

std::set<std::string> names_in(const std::map<std::string, std::string>& annotations, const char* key) {
  std::set<std::string> names;
  auto found = annotations.find(key);
  if (found == annotations.end()) return names;
  for (const std::string& name : base::split(found->second, ',')) names.emplace(base::trim(name));
  return names;
}

// Files that Kubernetes itself puts there, or that belong to the node.
bool never_by_default(const PodVolume& volume) {
  static const std::set<std::string> kSources = {"hostPath", "secret", "configMap", "projected",
                                                 "downwardAPI"};
  return kSources.contains(volume.source) || volume.name.starts_with("default-token");
}

}  // namespace

std::vector<PodVolume> volumes_of(const Json& pod) {
  std::vector<PodVolume> result;
  const Json* volumes = codec::find(pod, {"spec", "volumes"});
  if (!volumes || !volumes->is_array()) return result;
  for (const Json& entry : *volumes) {
    PodVolume volume;
    for (const auto& [key, value] : entry.items()) {
      if (key == "name") {
        if (value.is_string()) volume.name = value.get<std::string>();
      } else if (!value.is_null()) {
        volume.source = key;
      }
    }
    if (volume.source == "persistentVolumeClaim")
      volume.claim = codec::get_string(entry, {"persistentVolumeClaim", "claimName"});
    if (volume.source == "ephemeral") volume.claim = kube::name_of(pod) + "-" + volume.name;
    result.push_back(std::move(volume));
  }
  return result;
}

bool is_mounted(const Json& pod, const std::string& volume) {
  for (const char* member : {"containers", "initContainers"}) {
    const Json* containers = codec::find(pod, {"spec", member});
    if (!containers || !containers->is_array()) continue;
    for (const Json& container : *containers) {
      const Json* mounts = codec::find(container, {"volumeMounts"});
      if (!mounts || !mounts->is_array()) continue;
      for (const Json& mount : *mounts) {
        if (codec::get_string(mount, {"name"}) == volume) return true;
      }
    }
  }
  return false;
}

VolumeSelection select_pod_volumes(
    const Json& pod, bool default_to_fs_backup,
    const std::function<std::optional<velero::VolumeAction>(const PodVolume&)>& policy) {
  const auto annotations = kube::annotations_of(pod);
  const auto opted_in = names_in(annotations, velero::annotation::kVolumesToBackup);
  const auto opted_out = names_in(annotations, velero::annotation::kVolumesToExclude);
  VolumeSelection selection;
  for (const PodVolume& volume : volumes_of(pod)) {
    std::string& reason = selection.skipped[volume.name];
    const auto action = policy(volume);
    if (action == velero::VolumeAction::kFsBackup) {
      if (volume.source == "hostPath") reason = "hostPath volumes cannot be backed up";
    } else if (action) {
      reason = "not selected by the volume policies";
    } else if (default_to_fs_backup) {
      if (never_by_default(volume)) reason = volume.source + " volumes are not backed up";
      if (opted_out.contains(volume.name))
        reason = "opted out due to annotation in pod " + kube::name_of(pod);
    } else if (!opted_in.contains(volume.name)) {
      reason = "opted out due to annotation in pod " + kube::name_of(pod);
    } else if (volume.source == "hostPath") {
      reason = "hostPath volumes cannot be backed up";
    }
    if (reason.empty() && !is_mounted(pod, volume.name)) reason = "not mounted by any container";
    if (!reason.empty()) continue;
    selection.skipped.erase(volume.name);
    selection.chosen.push_back(volume);
  }
  return selection;
}

}  // namespace salvor::backup
