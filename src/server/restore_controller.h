// Restore objects: fills in defaults, validates, runs the restore engine, uploads log and results, and, when
// a Restore is deleted, removes its files from the store. Never two at a time whose target namespaces
// overlap. A restore belongs to one server and is begun anew after that one's death as a backup is
// (backup_controller.h); what the first attempt created is recognised by its labels.
#pragma once

#include "server/controller.h"
#include "server/volume_services.h"

namespace salvor::backup {
class BackupLog;
}

namespace salvor::server {

class RestoreController final : public Controller {
 public:
  RestoreController(const Context& context, const VolumeServices& volumes)
      : Controller("restore", context), volumes_(volumes) {}
  int workers() const override { return std::max(1, context_.options.concurrent_restores); }
  std::vector<Watched> watches() override;
  Requeue reconcile(const std::string& name, const base::CancelToken& cancel) override;

 private:
  using Running = Operations::Running;
  void handle(const kube::WatchEvent& event);
  Requeue start(Stored<velero::Restore>& restore, const base::CancelToken& cancel);
  Requeue take_over(Stored<velero::Restore>& restore, const base::CancelToken& cancel);
  void remove_files(Stored<velero::Restore>& restore, const base::CancelToken& cancel);
  void run(Stored<velero::Restore>& restore, const Running& running, const base::CancelToken& cancel);
  void finish(Stored<velero::Restore>& restore, const base::CancelToken& cancel);
  void give_back(Stored<velero::Restore>& restore);
  void run_engine(Stored<velero::Restore>& restore, const std::shared_ptr<backup::BackupLog>& log,
                  const base::Logger& server_log, const base::CancelToken& cancel);
  void count(const velero::Restore& restore);

  const VolumeServices& volumes_;
};

}  // namespace salvor::server
