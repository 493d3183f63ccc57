// A provider of native volume snapshots, as a backup needs it: the part of Velero's VolumeSnapshotter that
// reads volumes and makes snapshots. One object per VolumeSnapshotLocation; one thread at a time. Failures
// are Errors.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/cancel.h"
#include "codec/json.h"
#include "volumes/volume_snapshotter.h"

namespace salvor::backup {

struct VolumeDetails {
  std::string type;
  std::optional<std::int64_t> iops;
};

class SnapshotProvider {
 public:
  virtual ~SnapshotProvider() = default;
  // "" if the PersistentVolume is not this provider's.
  virtual std::string volume_id(const codec::Json& persistent_volume) = 0;
  virtual VolumeDetails volume_details(const std::string& volume_id, const std::string& zone,
                                       const base::CancelToken& cancel) = 0;
  // Returns the snapshot's id. The snapshot has the volume's content of now, also if it completes later.
  virtual std::string create_snapshot(const std::string& volume_id, const std::string& zone,
                                      const std::map<std::string, std::string>& tags,
                                      const base::CancelToken& cancel) = 0;
};

// A snapshotter of the volumes layer (volumes/providers.h) as a provider.
std::unique_ptr<SnapshotProvider> provider_of(std::unique_ptr<volumes::VolumeSnapshotter> snapshotter);

}  // namespace salvor::backup
