// BackupRepository objects: connects to the repository of each, and prunes it whenever its
// maintenanceFrequency has passed. A prune that fails is noted and tried at the next time; a repository whose
// location changed is connected to anew. One repository at a time: a prune keeps all cores busy.
#pragma once

#include <map>

#include "server/controller.h"
#include "server/volume_services.h"

namespace salvor::server {

class RepositoryController final : public Controller {
 public:
  RepositoryController(const Context& context, const VolumeServices& volumes)
      : Controller("backup-repo", context), volumes_(volumes) {}
  std::vector<Watched> watches() override;
  // `name` is that of a BackupRepository.
  Requeue reconcile(const std::string& name, const base::CancelToken& cancel) override;

 private:
  using Repository = Stored<velero::BackupRepository>;
  // Why it cannot be served; "" if it can.
  std::string obstacle(const velero::BackupRepository& repository) const;
  bool connect(Repository& repository, const velero::BackupStorageLocation& location,
               const base::CancelToken& cancel);
  void maintain(Repository& repository, const velero::BackupStorageLocation& location,
                const base::CancelToken& cancel);

  const VolumeServices& volumes_;
  std::map<std::string, std::string>
      connected_;  // repository -> spec of its location; used by the one worker only
};

}  // namespace salvor::server
