// Native snapshots of PersistentVolumes, in the terms of Velero's VolumeSnapshotter plugins. One object per
// VolumeSnapshotLocation; after its making it may be used from any thread at the same time. Failures are
// Errors that name the volume or the snapshot. Providers are made by open_volume_snapshotter (providers.h).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/cancel.h"
#include "codec/json.h"

namespace salvor::volumes {

using codec::Json;

struct VolumeFacts {
  std::string type;
  std::optional<std::int64_t> iops;
};

class VolumeSnapshotter {
 public:
  virtual ~VolumeSnapshotter() = default;

  // "" if the PersistentVolume is not this provider's.
  virtual std::string get_volume_id(const Json& persistent_volume) const = 0;
  // kNotFound for a volume that is not there.
  virtual VolumeFacts get_volume_info(const std::string& volume_id, const std::string& zone,
                                      const base::CancelToken& cancel = {}) = 0;
  // Returns the snapshot's id. The snapshot has the volume's content of now, also if it completes later.
  virtual std::string create_snapshot(const std::string& volume_id, const std::string& zone,
                                      const std::map<std::string, std::string>& tags,
                                      const base::CancelToken& cancel = {}) = 0;
  // Returns the new volume's id. kNotFound for a snapshot that is not there.
  virtual std::string create_volume_from_snapshot(const std::string& snapshot_id, const std::string& type,
                                                  const std::string& zone, std::optional<std::int64_t> iops,
                                                  const base::CancelToken& cancel = {}) = 0;
  // A snapshot that is not there is no error.
  virtual void delete_snapshot(const std::string& snapshot_id, const base::CancelToken& cancel = {}) = 0;
  // The PersistentVolume with the volume of that id in place of its own.
  virtual Json set_volume_id(const Json& persistent_volume, const std::string& volume_id) const = 0;
};

}  // namespace salvor::volumes
