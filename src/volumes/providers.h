// Where VolumeSnapshotters come from: one entry per provider, in the .cc. Thread-safe.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "volumes/volume_snapshotter.h"

namespace salvor::volumes {

struct SnapshotterEnvironment {
  const base::Clock& clock;              // outlives the snapshotter
  std::shared_ptr<base::Random> random;  // names of snapshots and volumes; shared with the snapshotter
  base::Logger logger = {};
};

// provider: spec.provider of a VolumeSnapshotLocation, "filesystem" or "salvor.io/filesystem". Throws
// kInvalidArgument for an unknown provider or setting, kUnsupported for one that a later version will have.
std::unique_ptr<VolumeSnapshotter> open_volume_snapshotter(const std::string& provider,
                                                           const std::map<std::string, std::string>& config,
                                                           const SnapshotterEnvironment& environment);

}  // namespace salvor::volumes
