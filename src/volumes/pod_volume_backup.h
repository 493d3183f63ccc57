// The data mover: files of a pod's volume into a restic repository and back, as Velero's node agent does it
// with restic (velero.md section 12): tree root = the volume, host "velero", path = the volume's on the node,
// tags = those of the PodVolumeBackup. Functions are thread-safe; failures are Errors that name pod and
// volume.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/log.h"
#include "volumes/repository_access.h"
#include "volumes/volume_path.h"

namespace salvor::volumes {

// Bytes; total is 0 until it is known. Called from one thread at a time, at most about ten times a second.
using VolumeProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

inline constexpr char kEmptyVolumeMessage[] = "volume was empty so no snapshot was taken";

struct VolumeBackupRequest {
  PodVolume volume;
  std::map<std::string, std::string> tags;  // spec.tags of the PodVolumeBackup
  std::string parent_snapshot;              // of the volume's last backup; "": the newest of this path
  unsigned parallel_files = 0;              // files read at a time; 0: the default
};

struct VolumeBackupResult {
  std::string snapshot_id;            // 64 digits; "" for an empty volume
  std::string path;                   // on the node
  std::string message;                // kEmptyVolumeMessage or ""
  std::uint64_t bytes = 0;            // of all files
  std::uint64_t bytes_added = 0;      // to the repository
  std::vector<std::string> vanished;  // files that went while they were read
};

// Blocks until the snapshot is stored. Files that vanish meanwhile are left out; a file that cannot be read
// fails the volume, as with Velero, and no snapshot stays.
VolumeBackupResult back_up_volume(RepositoryAccess& repositories, const RepositoryTarget& target,
                                  const VolumePathResolver& paths, const VolumeBackupRequest& request,
                                  const VolumeProgress& progress, base::Logger logger,
                                  const base::CancelToken& cancel);

struct VolumeRestoreRequest {
  PodVolume volume;
  std::string snapshot_id;
  bool sparse = false;          // runs of zeros become holes
  unsigned parallel_files = 0;  // threads that fetch and write; 0: the default
  // With it, the empty file .velero/<restore_uid> tells the pod's restore-wait container that the volume is
  // complete. "": no such file.
  std::string restore_uid;
};

struct VolumeRestoreResult {
  std::string path;
  std::uint64_t files = 0, bytes = 0;
};

// Blocks until all files are there. kNotFound for a snapshot that is not there; a file that cannot be
// restored fails the volume.
VolumeRestoreResult restore_volume(RepositoryAccess& repositories, const RepositoryTarget& target,
                                   const VolumePathResolver& paths, const VolumeRestoreRequest& request,
                                   const VolumeProgress& progress, base::Logger logger,
                                   const base::CancelToken& cancel);

}  // namespace salvor::volumes
