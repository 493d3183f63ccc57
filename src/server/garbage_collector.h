// Expired backups: creates a DeleteBackupRequest for each Backup whose time to live is over. Also counts
// Backups and Restores for the metrics.
#pragma once

#include "server/controller.h"

namespace salvor::server {

class GarbageCollector final : public Controller {
 public:
  explicit GarbageCollector(const Context& context) : Controller("gc", context) {}
  std::vector<Watched> watches() override;
  Requeue reconcile(const std::string& name, const base::CancelToken& cancel) override;

 private:
  // "" when the location can be deleted from, else the value of the label velero.io/gc-failure.
  std::string failure_of(const velero::Backup& backup, const base::CancelToken& cancel);
  bool is_requested(const std::string& backup, const base::CancelToken& cancel);
};

// The counts velero_backup_total and velero_restore_total, from the watches.
class ObjectCounts final : public Controller {
 public:
  explicit ObjectCounts(const Context& context) : Controller("object-counts", context) {}
  std::vector<Watched> watches() override;
  Requeue reconcile(const std::string&, const base::CancelToken&) override { return std::nullopt; }
};

}  // namespace salvor::server
