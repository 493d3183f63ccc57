// What reconcilers do with volumes and repositories of file data, as functions, so that each may be replaced
// in tests. Made once by the Server; all functions are thread-safe and throw base::Error.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "backup/snapshot_provider.h"
#include "base/cancel.h"
#include "codec/json.h"
#include "velero/types.h"
#include "velero/volume_info.h"

namespace salvor::server {

struct VolumeServices {
  // Of a VolumeSnapshotLocation of the server's namespace, by name.
  std::function<std::unique_ptr<backup::SnapshotProvider>(const std::string& location)> snapshot_provider;
  // Makes a volume from a snapshot; returns the PersistentVolume with the new volume in it.
  std::function<codec::Json(const velero::NativeSnapshot& snapshot, const codec::Json& volume)> create_volume;
  // A snapshot that is not there is no error.
  std::function<void(const velero::NativeSnapshot& snapshot, const base::CancelToken& cancel)>
      delete_snapshot;
  // The URL of the repository of a namespace's volumes at a location; makes the repository, and its
  // BackupRepository object, if they are missing.
  std::function<std::string(const std::string& name_space, const velero::BackupStorageLocation& location,
                            const base::CancelToken& cancel)>
      repository;
  // Removes what no snapshot needs from the repository of a namespace.
  std::function<void(const std::string& name_space, const velero::BackupStorageLocation& location,
                     const base::CancelToken& cancel)>
      maintain;
  // Removes the snapshot of a PodVolumeBackup from its repository. One that is not there is no error.
  std::function<void(const velero::PodVolumeBackup& backup, const base::CancelToken& cancel)> forget;
  // Does the work of an order to this node; fills path, snapshotID, progress and message. Throws when it
  // fails.
  using Progress = std::function<void(const velero::DataProgress&)>;
  std::function<void(velero::PodVolumeBackup& backup, const Progress& progress,
                     const base::CancelToken& cancel)>
      back_up_pod_volume;
  std::function<void(velero::PodVolumeRestore& restore, const Progress& progress,
                     const base::CancelToken& cancel)>
      restore_pod_volume;
};

}  // namespace salvor::server
