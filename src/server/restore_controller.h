// Restore objects: fills in defaults, validates, runs the restore engine, uploads log and results, and, when
// a Restore is deleted, removes its files from the store.
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
  void recover(const base::CancelToken& cancel) override;
  Requeue reconcile(const std::string& name, const base::CancelToken& cancel) override;

 private:
  void remove_files(Stored<velero::Restore>& restore, const base::CancelToken& cancel);
  void run(Stored<velero::Restore>& restore, const base::CancelToken& cancel);
  void run_engine(Stored<velero::Restore>& restore, const std::shared_ptr<backup::BackupLog>& log,
                  const base::CancelToken& cancel);
  void count(const velero::Restore& restore);

  const VolumeServices& volumes_;
};

}  // namespace salvor::server
