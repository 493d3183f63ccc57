// Collects what became of each PersistentVolume and pod volume in a backup, for <name>-volumeinfo.json.gz.
// One thread at a time.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "codec/json.h"
#include "kube/object.h"
#include "velero/pod_volume_types.h"
#include "velero/volume_info.h"

namespace salvor::backup {

class VolumeTracker {
 public:
  // A claim's files were not taken with a pod, and why.
  void pod_volume_skipped(const kube::ObjectName& claim, std::string reason);
  // A claim whose files are taken with a pod.
  void pod_volume_taken(const kube::ObjectName& claim);
  // A claim of which no data is to be saved in any way, and why: a hook that should have prepared it failed,
  // say.
  void withhold(const kube::ObjectName& claim, std::string reason);
  // "" if it is not withheld.
  std::string why_withheld(const kube::ObjectName& claim) const;
  bool is_taken(const kube::ObjectName& claim) const { return taken_.contains(claim); }
  // A PersistentVolume comes along; `no_snapshot` says why there is no native snapshot of it, "" if there is.
  void volume_seen(const codec::Json& persistent_volume, std::string no_snapshot);

  // All elements: CSI snapshots (given without what their PersistentVolumes say), native snapshots, pod
  // volume backups, skipped volumes.
  std::vector<velero::VolumeInfo> finish(std::vector<velero::VolumeInfo> csi_snapshots,
                                         const std::vector<velero::NativeSnapshot>& snapshots,
                                         const std::vector<velero::PodVolumeBackup>& pod_volumes) const;

 private:
  struct Volume {
    kube::ObjectName claim;
    velero::PersistentVolumeInfo info;
    std::string no_snapshot;
  };
  velero::VolumeInfo describe(const std::string& name, const Volume& volume) const;
  const std::pair<const std::string, Volume>* volume_of(const kube::ObjectName& claim) const;

  std::map<std::string, Volume> volumes_;  // by PersistentVolume name
  std::map<kube::ObjectName, std::string> skipped_, withheld_;
  std::map<kube::ObjectName, bool> taken_;
};

}  // namespace salvor::backup
