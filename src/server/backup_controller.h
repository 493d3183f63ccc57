// Backup objects that are New: fills in defaults, validates, runs the backup engine and records its outcome.
// Oldest first; as many at a time as the server allows, but never two that share a namespace.
#pragma once

#include <list>
#include <mutex>

#include "server/controller.h"
#include "server/volume_services.h"

namespace salvor::server {

class BackupController final : public Controller {
 public:
  BackupController(const Context& context, const VolumeServices& volumes)
      : Controller("backup", context), volumes_(volumes) {}
  int workers() const override { return std::max(1, context_.options.concurrent_backups); }
  std::vector<Watched> watches() override;
  // Backups that an earlier server left in the middle become Failed, unless they are whole in the store.
  void recover(const base::CancelToken& cancel) override;
  Requeue reconcile(const std::string& name, const base::CancelToken& cancel) override;

 private:
  class Running;

  void recover_one(Stored<velero::Backup>& backup, const base::CancelToken& cancel);
  std::vector<std::string> prepare(velero::Backup& backup, const base::CancelToken& cancel);
  void run(Stored<velero::Backup>& backup, const base::CancelToken& cancel);
  velero::BackupStatus run_engine(Stored<velero::Backup>& backup, const base::CancelToken& cancel);
  bool node_agent_runs(const std::string& node, const base::CancelToken& cancel);
  void count(const velero::Backup& backup);

  const VolumeServices& volumes_;
  std::mutex mutex_;
  std::list<std::vector<std::string>> running_;  // included namespaces of each; guarded by mutex_
};

}  // namespace salvor::server
