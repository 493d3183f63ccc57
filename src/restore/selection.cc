#include "restore/selection.h"

#include "kube/object.h"
#include "restore/resource_order.h"
#include "velero/constants.h"

namespace salvor::restore {
namespace {

std::vector<std::string> resolve(const std::vector<std::string>& names, const kube::Discovery& discovery) {
  std::vector<std::string> resolved;
  for (const auto& name : names) {
    const auto known = name == "*" ? std::nullopt : discovery.find(name);
    resolved.push_back(known ? known->gvr.group_resource() : name);
  }
  return resolved;
}

std::vector<std::string> with_non_restorable(std::vector<std::string> excludes) {
  const auto& more = non_restorable_resources();
  excludes.insert(excludes.end(), more.begin(), more.end());
  return excludes;
}

}  // namespace

Selection::Selection(const velero::RestoreSpec& spec, const kube::Discovery& discovery)
    : spec_(spec),
      namespaces_(spec.included_namespaces, spec.excluded_namespaces),
      resources_(resolve(spec.included_resources, discovery),
                 with_non_restorable(resolve(spec.excluded_resources, discovery))) {
  if (spec.restore_status) {
    status_ = velero::IncludesExcludes(resolve(spec.restore_status->included_resources, discovery),
                                       resolve(spec.restore_status->excluded_resources, discovery));
  }
}

bool Selection::takes_resource(const std::string& group_resource) const {
  return resources_.includes(group_resource);
}

bool Selection::takes_cluster_scoped() const {
  return spec_.include_cluster_resources.value_or(namespaces_.includes_everything());
}

bool Selection::takes_labels(const codec::Json& object) const {
  if (!spec_.label_selector && spec_.or_label_selectors.empty()) return true;
  const auto labels = kube::labels_of(object);
  if (spec_.label_selector && !spec_.label_selector->matches(labels)) return false;
  if (spec_.or_label_selectors.empty()) return true;
  return std::any_of(spec_.or_label_selectors.begin(), spec_.or_label_selectors.end(),
                     [&](const kube::LabelSelector& selector) { return selector.matches(labels); });
}

bool Selection::takes_additional(const std::string& group_resource, const std::string& name_space) const {
  if (resources_.excludes(group_resource)) return false;
  if (name_space.empty()) return spec_.include_cluster_resources.value_or(true);
  return !namespaces_.excludes(name_space);
}

bool Selection::restores_status(const std::string& group_resource, const codec::Json& object) const {
  const auto* const wish =
      codec::find(object, {"metadata", "annotations", velero::annotation::kRestoreStatus});
  if (wish != nullptr) return *wish == "true";
  // Without includes nothing is restored: this filter's empty list does not mean everything.
  return spec_.restore_status && !status_.include_list().empty() && status_.includes(group_resource);
}

}  // namespace salvor::restore
