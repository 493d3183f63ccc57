// Which objects of a backup a restore takes: its filters applied to the backup's contents. Immutable after
// construction; const members may be called from any thread.
#pragma once

#include <string>
#include <vector>

#include "codec/json.h"
#include "kube/discovery.h"
#include "velero/backup_contents.h"
#include "velero/includes_excludes.h"
#include "velero/restore_types.h"

namespace salvor::restore {

class Selection {
 public:
  // Resource names of the filters are resolved by discovery (plural, singular, short name, with or without
  // group); what discovery does not know is taken as written.
  Selection(const velero::RestoreSpec& spec, const kube::Discovery& discovery);

  // "deployments.apps"; the always excluded kinds are not included.
  bool takes_resource(const std::string& group_resource) const;
  bool takes_namespace(const std::string& name) const { return namespaces_.includes(name); }
  // Cluster-scoped objects of kinds other than Namespace: by includeClusterResources, or, when that is not
  // set, only if the restore takes all namespaces.
  bool takes_cluster_scoped() const;
  // By the label selectors; also for objects that others need.
  bool takes_labels(const codec::Json& object) const;
  // An object that another one needs bypasses the resource filter, unless it is excluded by name.
  bool takes_additional(const std::string& group_resource, const std::string& name_space) const;
  // Whether the status of this kind is to be restored.
  bool restores_status(const std::string& group_resource, const codec::Json& object) const;

 private:
  const velero::RestoreSpec& spec_;
  velero::IncludesExcludes namespaces_, resources_, status_;
};

}  // namespace salvor::restore
