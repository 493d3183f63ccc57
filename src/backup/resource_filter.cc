#include "backup/resource_filter.h"

namespace salvor::backup {
namespace {

using velero::IncludesExcludes;

constexpr char kNamespaces[] = "namespaces";
constexpr char kDefinitions[] = "customresourcedefinitions.apiextensions.k8s.io";

// A name that the server does not know stays as it is: were it dropped, an include list could become empty,
// which means everything.
std::vector<std::string> resolve(const std::vector<std::string>& names, const kube::Discovery& discovery) {
  std::vector<std::string> resolved;
  for (const std::string& name : names) {
    const bool pattern = name.find_first_of("*?[") != std::string::npos;
    auto found = pattern ? std::nullopt : discovery.find(name);
    resolved.push_back(found ? found->gvr.group_resource() : name);
  }
  return resolved;
}

IncludesExcludes lists(const std::vector<std::string>& includes, const std::vector<std::string>& excludes,
                       const kube::Discovery& discovery, const IncludesExcludes& more = {}) {
  auto all = [&](std::vector<std::string> names, const std::vector<std::string>& added) {
    names.insert(names.end(), added.begin(), added.end());
    return resolve(names, discovery);
  };
  return IncludesExcludes(all(includes, more.include_list()), all(excludes, more.exclude_list()));
}

}  // namespace

ResourceFilter::ResourceFilter(const velero::BackupSpec& spec, const kube::Discovery& discovery,
                               const velero::ResourcePolicies& policies)
    : old_filters_(spec.include_cluster_resources || !spec.included_resources.empty() ||
                   !spec.excluded_resources.empty()),
      include_cluster_resources_(spec.include_cluster_resources),
      namespaces_(spec.included_namespaces, spec.excluded_namespaces),
      resources_(lists(spec.included_resources, spec.excluded_resources, discovery)),
      cluster_scoped_(lists(spec.included_cluster_scoped_resources, spec.excluded_cluster_scoped_resources,
                            discovery, policies.cluster_scoped())),
      namespace_scoped_(lists(spec.included_namespace_scoped_resources,
                              spec.excluded_namespace_scoped_resources, discovery,
                              policies.namespace_scoped())) {}

bool ResourceFilter::collects_cluster_scoped(const std::string& group_resource) const {
  if (old_filters_) {
    if (include_cluster_resources_ == false) return false;
    if (!resources_.includes(group_resource)) return false;
    return include_cluster_resources_ == true || covers_all_namespaces();
  }
  if (cluster_scoped_.excludes(group_resource)) return false;
  if (!cluster_scoped_.include_list().empty()) return cluster_scoped_.includes(group_resource);
  return covers_all_namespaces() && namespace_scoped_.includes_all_but_excluded();
}

bool ResourceFilter::collects(const kube::ApiResource& resource) const {
  const std::string group_resource = resource.gvr.group_resource();
  if (group_resource == kNamespaces) {
    return old_filters_ ? resources_.includes(group_resource) : !cluster_scoped_.excludes(group_resource);
  }
  if (!resource.namespaced) return collects_cluster_scoped(group_resource);
  return old_filters_ ? resources_.includes(group_resource) : namespace_scoped_.includes(group_resource);
}

bool ResourceFilter::takes_additional(const kube::ApiResource& resource, std::string_view name_space) const {
  const std::string group_resource = resource.gvr.group_resource();
  if (resource.namespaced) return takes_namespace(name_space) && collects(resource);
  if (!old_filters_) return !cluster_scoped_.excludes(group_resource);
  if (include_cluster_resources_ == false || resources_.excludes(group_resource)) return false;
  return include_cluster_resources_ == true || resources_.includes(group_resource);
}

bool ResourceFilter::takes_definitions() const {
  if (include_cluster_resources_ == false) return false;
  return !resources_.excludes(kDefinitions) && !cluster_scoped_.excludes(kDefinitions);
}

std::vector<std::string> ResourceFilter::describe() const {
  std::vector<std::string> lines = {"Including namespaces: " + namespaces_.includes_text(),
                                    "Excluding namespaces: " + namespaces_.excludes_text()};
  if (old_filters_) {
    lines.push_back("Including resources: " + resources_.includes_text());
    lines.push_back("Excluding resources: " + resources_.excludes_text());
  } else {
    lines.push_back("Including namespace-scoped resources: " + namespace_scoped_.includes_text());
    lines.push_back("Excluding namespace-scoped resources: " + namespace_scoped_.excludes_text());
    lines.push_back("Including cluster-scoped resources: " +
                    (cluster_scoped_.include_list().empty() ? "[]" : cluster_scoped_.includes_text()));
    lines.push_back("Excluding cluster-scoped resources: " + cluster_scoped_.excludes_text());
  }
  return lines;
}

}  // namespace salvor::backup
