// Which volumes of a pod are backed up file by file, and why the others are not. Pure.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "codec/json.h"
#include "velero/resource_policies.h"

namespace salvor::backup {

using codec::Json;

struct PodVolume {
  std::string name;    // in spec.volumes
  std::string claim;   // of a persistentVolumeClaim (or ephemeral) volume, else ""
  std::string source;  // "persistentVolumeClaim", "emptyDir", ...
};

std::vector<PodVolume> volumes_of(const Json& pod);

struct VolumeSelection {
  std::vector<PodVolume> chosen;
  std::map<std::string, std::string> skipped;  // volume -> why
};

// `policy` says what the resource policies decide for a volume; nullopt: nothing. Without a decision the
// annotations backup.velero.io/backup-volumes (opt in) or backup-volumes-excludes (when all are taken by
// default) count.
VolumeSelection select_pod_volumes(
    const Json& pod, bool default_to_fs_backup,
    const std::function<std::optional<velero::VolumeAction>(const PodVolume&)>& policy);

// Volumes that a container of the pod mounts as a file system.
bool is_mounted(const Json& pod, const std::string& volume);

}  // namespace salvor::backup
