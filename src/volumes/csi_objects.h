// The objects of snapshot.storage.k8s.io/v1 as Velero uses them: their names, what is read from them and what
// is made of them. Pure functions on JSON; failures are base::Error.
//
// A VolumeSnapshot (of a namespace) asks for a snapshot of a claim; the snapshot controller makes it and
// binds a VolumeSnapshotContent (of the cluster) to it, which holds the storage's handle. Whether the storage
// keeps the snapshot when the objects go, the content's deletionPolicy says.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "codec/json.h"
#include "kube/object.h"

namespace salvor::volumes::csi {

using codec::Json;

inline constexpr char kGroup[] = "snapshot.storage.k8s.io";
extern const kube::GroupVersionResource kSnapshots, kContents, kClasses, kDrivers;

// Annotation of a claim in a backup, and label of it: the VolumeSnapshot that has its data.
inline constexpr char kSnapshotName[] = "velero.io/volume-snapshot-name";
// Annotations of a VolumeSnapshot in a backup.
inline constexpr char kHandle[] = "velero.io/csi-volumesnapshot-handle";
inline constexpr char kRestoreSize[] = "velero.io/csi-volumesnapshot-restore-size";
inline constexpr char kDriverName[] = "velero.io/csi-driver-name";
inline constexpr char kContentPolicy[] = "velero.io/csi-vsc-deletion-policy";
// Label of a VolumeSnapshotClass, annotation of a claim; with "_<driver>" annotation of a Backup.
inline constexpr char kClass[] = "velero.io/csi-volumesnapshot-class";

// "" if the PersistentVolume is no CSI volume.
std::string driver_of(const Json& persistent_volume);

// The class for snapshots of a claim whose volume the driver serves, by Velero's rules: the one that the
// claim's annotation names, else the one that the Backup's names, else the driver's class with the label
// velero.io/csi-volumesnapshot-class, else its only default class. Names of no class of the driver are passed
// over, and added to `passed_over`. Throws kNotFound saying what is missing.
const Json& choose_class(const std::vector<Json>& classes, const std::string& driver, const Json& claim,
                         const std::map<std::string, std::string>& backup_annotations,
                         std::vector<std::string>& passed_over);

// What the controller has said about a VolumeSnapshot.
struct SnapshotState {
  std::string content;  // bound; "" while there is none
  bool ready = false;
  std::string error;  // the last one; the controller goes on trying
};
SnapshotState state_of(const Json& snapshot);

std::string handle_of(const Json& content);                // status.snapshotHandle, or that of a static one
std::string error_of(const Json& content);                 // status.error.message
std::optional<std::int64_t> size_of(const Json& content);  // status.restoreSize, bytes
bool keeps_data(const Json& content);                      // deletionPolicy is Retain
// Whether the content says that it is of this snapshot. The snapshot alone may claim any content.
bool belongs_to(const Json& content, const Json& snapshot);

// Bytes as Kubernetes writes them: "1Gi", "1536Mi", "1000".
std::string binary_quantity(std::int64_t bytes);

// A content for a snapshot that the storage has already, to be bound by the VolumeSnapshot named. `backed_up`
// is where driver, volume mode and the annotations come from (secrets for deletion).
Json static_content(const Json& backed_up, const std::string& name, const std::string& handle,
                    const kube::ObjectName& snapshot, const std::string& deletion_policy);

}  // namespace salvor::volumes::csi
