// The objects in which two backups, or a backup and the live cluster, differ. One thread; memory is that of
// the backups' object names and of one page of a list.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "kube/client.h"
#include "kube/discovery.h"
#include "kube/object_diff.h"
#include "velero/backup_contents.h"
#include "velero/backup_types.h"
#include "velero/includes_excludes.h"

namespace salvor::cli {

struct ObjectDifference {
  enum class Kind { kAdded, kRemoved, kChanged } kind;
  std::string group_resource;
  kube::ObjectName name;
  std::vector<kube::FieldChange> changes;  // kChanged
};

struct DiffOptions {
  bool all_fields = false;             // status, managedFields and the like count too
  velero::IncludesExcludes resources;  // by resource.group
};

struct DiffSummary {
  size_t added = 0, removed = 0, changed = 0, same = 0;
  bool differs() const { return added + removed + changed > 0; }
};

using ReportDifference = std::function<void(const ObjectDifference&)>;

// By resource, namespace and name. Throws kCorrupt for objects that are no JSON.
DiffSummary diff_backups(const velero::BackupContents& before, const velero::BackupContents& after,
                         const DiffOptions& options, const ReportDifference& report,
                         const base::CancelToken& cancel);

// `before` against what the cluster has now of all that the backup's filters take. Kinds that cannot be
// listed are reported to `failed` and left out.
DiffSummary diff_live(const velero::Backup& backup, const velero::BackupContents& before,
                      kube::Client& client, const kube::Discovery& discovery, const DiffOptions& options,
                      const ReportDifference& report,
                      const std::function<void(const std::string& resource, const base::Error&)>& failed,
                      const base::CancelToken& cancel);

}  // namespace salvor::cli
