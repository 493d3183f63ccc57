// BackupStorageLocation objects: looks once a minute, and when one changes, whether its bucket can be read
// and holds nothing but backups, and keeps at most one default.
#pragma once

#include <map>
#include <mutex>

#include "server/controller.h"

namespace salvor::server {

class LocationController final : public Controller {
 public:
  explicit LocationController(const Context& context) : Controller("backup-storage-location", context) {}
  std::vector<Watched> watches() override;
  Requeue reconcile(const std::string& name, const base::CancelToken& cancel) override;

 private:
  void keep_one_default(const base::CancelToken& cancel);

  struct Seen {
    std::string spec;
    base::Time validated;
  };
  std::map<std::string, Seen> seen_;  // used by the one worker only
};

}  // namespace salvor::server
