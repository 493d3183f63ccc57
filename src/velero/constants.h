// Names that Velero writes into a cluster and reads from it: labels, annotations, resources.
#pragma once

#include <string>
#include <string_view>

#include "kube/object.h"

namespace salvor::velero {

inline constexpr char kDefaultNamespace[] = "velero";
inline constexpr char kApiVersion[] = "velero.io/v1";
inline constexpr char kBackupFormatVersion[] = "1.1.0";
inline constexpr int kBackupVersion = 1;

namespace label {
inline constexpr char kBackupName[] = "velero.io/backup-name";
inline constexpr char kBackupUid[] = "velero.io/backup-uid";
inline constexpr char kRestoreName[] = "velero.io/restore-name";
inline constexpr char kRestoreUid[] = "velero.io/restore-uid";
inline constexpr char kScheduleName[] = "velero.io/schedule-name";
inline constexpr char kPodUid[] = "velero.io/pod-uid";
inline constexpr char kPvcUid[] = "velero.io/pvc-uid";
inline constexpr char kStorageLocation[] = "velero.io/storage-location";
inline constexpr char kVolumeNamespace[] = "velero.io/volume-namespace";
inline constexpr char kRepositoryType[] = "velero.io/repository-type";
inline constexpr char kVolumeSnapshotName[] = "velero.io/volume-snapshot-name";
inline constexpr char kGcFailure[] = "velero.io/gc-failure";
inline constexpr char kExcludeFromBackup[] = "velero.io/exclude-from-backup";
inline constexpr char kPluginConfig[] = "velero.io/plugin-config";
inline constexpr char kVolumeGroup[] = "velero.io/volume-group";
}  // namespace label

namespace annotation {
inline constexpr char kSourceClusterGitVersion[] = "velero.io/source-cluster-k8s-gitversion";
inline constexpr char kSourceClusterMajorVersion[] = "velero.io/source-cluster-k8s-major-version";
inline constexpr char kSourceClusterMinorVersion[] = "velero.io/source-cluster-k8s-minor-version";
inline constexpr char kResourceTimeout[] = "velero.io/resource-timeout";
inline constexpr char kPodVolumeTimeout[] = "velero.io/pod-volume-timeout";
inline constexpr char kVolumesToBackup[] = "backup.velero.io/backup-volumes";
inline constexpr char kVolumesToExclude[] = "backup.velero.io/backup-volumes-excludes";
inline constexpr char kPvcName[] = "velero.io/pvc-name";
inline constexpr char kOriginalPvName[] = "velero.io/original-pv-name";
inline constexpr char kRestoreStatus[] = "velero.io/restore-status";
inline constexpr char kMustIncludeAdditionalItems[] = "backup.velero.io/must-include-additional-items";
inline constexpr char kSkipFromBackup[] = "velero.io/skip-from-backup";
}  // namespace annotation

// What Velero does not know. Of these only the keep-* annotations and kCancel are input; the others are a
// server's notes about its own work, and are not part of what lies in a bucket.
namespace salvor_annotation {
inline constexpr char kServer[] = "salvor.io/server";      // identity of the server that works on it
inline constexpr char kRestarts[] = "salvor.io/restarts";  // how often the work began anew after a death
inline constexpr char kNotified[] = "salvor.io/notified";  // the phase that webhooks were told of
inline constexpr char kCancel[] = "salvor.io/cancel";      // set by `backup cancel`: when
inline constexpr char kKeepLastGood[] = "salvor.io/keep-last-good";
inline constexpr char kKeepPrefix[] =
    "salvor.io/keep-";  // last, hourly, daily, weekly, monthly, yearly, within
}  // namespace salvor_annotation

// Names that --features takes.
namespace feature {
inline constexpr char kApiGroupVersions[] = "EnableAPIGroupVersions";
inline constexpr char kCsi[] = "EnableCSI";
}  // namespace feature

inline constexpr char kRestoreFinalizer[] = "restores.velero.io/external-resources-finalizer";

// The kinds of velero.io/v1.
namespace resources {
extern const kube::GroupVersionResource kBackups, kRestores, kSchedules, kBackupStorageLocations,
    kVolumeSnapshotLocations, kDeleteBackupRequests, kDownloadRequests, kServerStatusRequests,
    kPodVolumeBackups, kPodVolumeRestores, kBackupRepositories;
}  // namespace resources

// A name as a label's value: unchanged up to 63 characters, else its first 57 and 6 hexadecimal digits of the
// SHA-256 of the whole.
std::string label_value(std::string_view name);

}  // namespace salvor::velero
