// DeleteBackupRequest objects: removes everything a backup consists of, in Velero's order, the Backup object
// last. What fails is listed in the request; the Backup then stays, in phase Deleting, and can be deleted
// again.
#pragma once

#include "server/controller.h"
#include "server/volume_services.h"

namespace salvor::server {

class BackupDeletion final : public Controller {
 public:
  BackupDeletion(const Context& context, const VolumeServices& volumes)
      : Controller("backup-deletion", context), volumes_(volumes) {}
  std::vector<Watched> watches() override;
  Requeue reconcile(const std::string& name, const base::CancelToken& cancel) override;

 private:
  using Request = Stored<velero::DeleteBackupRequest>;
  void finish(Request& request, std::vector<std::string> errors, const base::CancelToken& cancel);
  Requeue purge_when_old(const velero::DeleteBackupRequest& request, const base::CancelToken& cancel);
  void remove_older_requests(const Request& request, const base::CancelToken& cancel);
  std::vector<std::string> remove_backup(const velero::Backup& backup,
                                         const velero::BackupStorageLocation& location,
                                         const base::CancelToken& cancel);
  std::vector<velero::PodVolumeBackup> pod_volume_backups(velero::BackupStore& store,
                                                          const velero::Backup& backup,
                                                          const base::CancelToken& cancel);
  void remove_csi_snapshots(velero::BackupStore& store, const velero::Backup& backup,
                            std::vector<std::string>& errors, const base::CancelToken& cancel);
  void remove_volume_data(velero::BackupStore& store, const velero::Backup& backup,
                          std::vector<std::string>& errors, const base::CancelToken& cancel);
  void remove_restores(const std::string& backup, std::vector<std::string>& errors,
                       const base::CancelToken& cancel);

  const VolumeServices& volumes_;
};

}  // namespace salvor::server
