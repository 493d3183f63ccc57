// Native snapshots of PersistentVolumes while they are backed up. One object a backup; one thread at a time.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "backup/snapshot_provider.h"
#include "base/cancel.h"
#include "base/log.h"
#include "velero/backup_types.h"
#include "velero/volume_info.h"

namespace salvor::backup {

// The zone in which a volume lies, from its labels or node affinity; "" if it does not say.
std::string zone_of_volume(const codec::Json& persistent_volume);

class NativeSnapshots {
 public:
  using ProviderSource = std::function<std::unique_ptr<SnapshotProvider>(const std::string& location)>;
  NativeSnapshots(const velero::Backup& backup, ProviderSource source);

  // Takes a snapshot if a location's provider knows the volume. Failures are logged as errors. Returns why
  // there is no snapshot, "" if there is one (also a failed one, which status.phase tells). Throws only
  // kCancelled.
  std::string take(const codec::Json& persistent_volume, const base::Logger& logger,
                   const base::CancelToken& cancel);
  const std::vector<velero::NativeSnapshot>& all() const { return all_; }

 private:
  struct Location {
    std::string name;
    bool opened = false;
    std::unique_ptr<SnapshotProvider> provider;  // null after a failure
    std::string failure;
  };
  SnapshotProvider* provider_of(Location& location, const base::Logger& logger);

  const velero::Backup& backup_;
  const ProviderSource source_;
  std::vector<Location> locations_;
  std::vector<velero::NativeSnapshot> all_;
};

}  // namespace salvor::backup
