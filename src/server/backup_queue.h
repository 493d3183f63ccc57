// Says of Backups that have to wait for others that they do: phase Queued and their place in the queue, which
// is in the order of creation. The backup controller takes them from there as from New.
#pragma once

#include "server/controller.h"

namespace salvor::server {

class BackupQueue final : public Controller {
 public:
  explicit BackupQueue(const Context& context) : Controller("backup-queue", context) {}
  std::vector<Watched> watches() override;
  // There is one name: all Backups.
  Requeue reconcile(const std::string& name, const base::CancelToken& cancel) override;
};

}  // namespace salvor::server
