// What a backup takes: namespaces, kinds and objects, from the old or the new filters of its spec. Names of
// kinds are resolved by discovery at construction. Immutable; thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kube/discovery.h"
#include "velero/backup_types.h"
#include "velero/includes_excludes.h"
#include "velero/resource_policies.h"

namespace salvor::backup {

class ResourceFilter {
 public:
  ResourceFilter(const velero::BackupSpec& spec, const kube::Discovery& discovery,
                 const velero::ResourcePolicies& policies);

  const velero::IncludesExcludes& namespaces() const { return namespaces_; }
  bool takes_namespace(std::string_view name) const { return namespaces_.includes(name); }
  // Whether objects of the kind are collected.
  bool collects(const kube::ApiResource& resource) const;
  // Whether an object is taken that another one needs: a pod's claim, a claim's volume, ...
  bool takes_additional(const kube::ApiResource& resource, std::string_view name_space) const;
  // Whether the definition of a custom kind comes along with its objects.
  bool takes_definitions() const;
  // One line each, for the log.
  std::vector<std::string> describe() const;

 private:
  bool collects_cluster_scoped(const std::string& group_resource) const;
  bool covers_all_namespaces() const { return namespaces_.includes_everything(); }

  bool old_filters_ = false;
  std::optional<bool> include_cluster_resources_;
  velero::IncludesExcludes namespaces_;
  velero::IncludesExcludes resources_;  // old filters
  velero::IncludesExcludes cluster_scoped_, namespace_scoped_;
};

}  // namespace salvor::backup
