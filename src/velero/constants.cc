#include "velero/constants.h"

#include "codec/hash.h"

namespace salvor::velero {

namespace resources {
const kube::GroupVersionResource kBackups{"velero.io", "v1", "backups"};
const kube::GroupVersionResource kRestores{"velero.io", "v1", "restores"};
const kube::GroupVersionResource kSchedules{"velero.io", "v1", "schedules"};
const kube::GroupVersionResource kBackupStorageLocations{"velero.io", "v1", "backupstoragelocations"};
const kube::GroupVersionResource kVolumeSnapshotLocations{"velero.io", "v1", "volumesnapshotlocations"};
const kube::GroupVersionResource kDeleteBackupRequests{"velero.io", "v1", "deletebackuprequests"};
const kube::GroupVersionResource kDownloadRequests{"velero.io", "v1", "downloadrequests"};
const kube::GroupVersionResource kServerStatusRequests{"velero.io", "v1", "serverstatusrequests"};
const kube::GroupVersionResource kPodVolumeBackups{"velero.io", "v1", "podvolumebackups"};
const kube::GroupVersionResource kPodVolumeRestores{"velero.io", "v1", "podvolumerestores"};
const kube::GroupVersionResource kBackupRepositories{"velero.io", "v1", "backuprepositories"};
}  // namespace resources

std::string label_value(std::string_view name) {
  constexpr size_t kLongest = 63, kDigits = 6;
  if (name.size() <= kLongest) return std::string(name);
  return std::string(name.substr(0, kLongest - kDigits)) +
         codec::to_hex(codec::sha256(name)).substr(0, kDigits);
}

}  // namespace salvor::velero
