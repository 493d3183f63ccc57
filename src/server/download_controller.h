// DownloadRequest objects: a URL, valid for ten minutes, under which the command line fetches a file of a
// backup or a restore; and ServerStatusRequest objects, by which it asks for the server's version.
#pragma once

#include "server/controller.h"

namespace salvor::server {

class DownloadController final : public Controller {
 public:
  explicit DownloadController(const Context& context) : Controller("download-request", context) {}
  std::vector<Watched> watches() override;
  Requeue reconcile(const std::string& name, const base::CancelToken& cancel) override;

 private:
  // Ends the request without a URL.
  Requeue refuse(Stored<velero::DownloadRequest>& request, const std::string& why,
                 const base::CancelToken& cancel);
  std::string backup_of(const velero::DownloadTarget& target, const base::CancelToken& cancel);
};

class StatusRequestController final : public Controller {
 public:
  explicit StatusRequestController(const Context& context) : Controller("server-status-request", context) {}
  std::vector<Watched> watches() override;
  Requeue reconcile(const std::string& name, const base::CancelToken& cancel) override;
};

}  // namespace salvor::server
