// Makes the cluster's Backup objects agree with what lies in the buckets: backups found there get their
// object, with their PodVolumeBackups; finished ones that vanished from there lose it.
#pragma once

#include <map>

#include "server/controller.h"

namespace salvor::server {

class BackupSync final : public Controller {
 public:
  explicit BackupSync(const Context& context) : Controller("backup-sync", context) {}
  std::vector<Watched> watches() override;
  // `name` is that of a BackupStorageLocation.
  Requeue reconcile(const std::string& name, const base::CancelToken& cancel) override;

 private:
  struct Known {
    std::string location, phase;
  };
  std::map<std::string, Known> cluster_backups(const base::CancelToken& cancel);
  void sync(const velero::BackupStorageLocation& location, const base::CancelToken& cancel);
  void add(velero::BackupStore& store, const std::string& name, const std::string& location,
           const base::CancelToken& cancel);
  void add_pod_volume_backups(velero::BackupStore& store, const Json& backup,
                              const base::CancelToken& cancel);

  struct Seen {
    std::string spec;
    base::Time synced;
  };
  std::map<std::string, Seen> seen_;  // used by the one worker only
};

}  // namespace salvor::server
