// Lists all that a backup's filters take, kind after kind, and hands each object on. Most kinds go straight
// from the list's answer to the receiver; pods, claims, volumes and ordered kinds are listed to the end
// first. One thread.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "backup/item_backupper.h"
#include "backup/item_spool.h"
#include "backup/resource_filter.h"

namespace salvor::backup {

// Kinds in the order in which they are backed up: core first (pods, claims, volumes, then the others), the
// group "extensions" last; only those that can be listed, read, created and deleted; of a kind that two
// groups serve, the first.
std::vector<kube::ApiResource> backup_order(std::vector<kube::ApiResource> preferred);

class Collector {
 public:
  Collector(const velero::Backup& backup, const BackupServices& services, const BackupOptions& options,
            const ResourceFilter& filter, ItemBackupper& items, base::Logger logger,
            const base::CancelToken& cancel);

  // Failures of one kind or namespace are logged as errors. StoreFailure and kCancelled pass through.
  void run();

 private:
  using Receive = std::function<void(std::string_view raw)>;
  void find_namespaces();
  void find_explicit_namespaces();
  void collect(const kube::ApiResource& resource);
  void list(const kube::ApiResource& resource, const base::Logger& logger, const Receive& receive);
  void collect_spooled(const kube::ApiResource& resource, const base::Logger& logger,
                       const std::vector<std::string>& order);
  void collect_other_versions();
  void collect_namespaces(const kube::ApiResource& resource);
  std::vector<std::string> selectors() const;
  std::vector<std::string> order_of(const kube::ApiResource& resource) const;

  const velero::Backup& backup_;
  const BackupServices& services_;
  const BackupOptions& options_;
  const ResourceFilter& filter_;
  ItemBackupper& items_;
  const base::Logger logger_;
  const base::CancelToken& cancel_;
  // Where namespaced kinds are listed: {""} for everywhere.
  std::vector<std::string> namespaces_;
  std::map<std::string, std::vector<std::string>> ordered_;  // group resource -> names
};

}  // namespace salvor::backup
