// Snapshots of volumes that are directories of this machine: PersistentVolumes with spec.local or
// spec.hostPath. A volume's id is its path. A snapshot is a copy of the directory: by reflink, which shares
// the blocks until one side changes, where the file system can (XFS, Btrfs); with the bytes elsewhere. Files
// are copied one after the other: each is of one moment, the whole is not, so databases need a pre-hook that
// dumps or checkpoints.
//
//   ROOT/snap-<16 hex digits>/manifest.json   source, tags, time, size
//   ROOT/snap-<16 hex digits>/data/           the volume
//   ROOT/.salvor-*                            copies and removals on their way; gone after a day
//
// A snapshot appears by rename, whole. Thread-safe.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "volumes/providers.h"

namespace salvor::volumes {

// config: `root`, the directory for snapshots, which is made when missing; `volumes`, where restored volumes
// go (default: beside the volume that the snapshot was taken of). Both absolute.
std::unique_ptr<VolumeSnapshotter> make_filesystem_snapshotter(
    const std::map<std::string, std::string>& config, const SnapshotterEnvironment& environment);

}  // namespace salvor::volumes
