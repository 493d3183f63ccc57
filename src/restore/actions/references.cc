#include <vector>

#include "restore/actions/actions.h"
#include "restore/actions/json_edit.h"

namespace salvor::restore::actions {
namespace {

// Member names from the object down; "[]" is each element of a list.
using Path = std::vector<std::string>;

struct References {
  const char* group_resource;
  std::vector<Path> paths;
};

constexpr const char* kNameLabel = "kubernetes.io/metadata.name";

// Fields that name a namespace. Velero maps those of role bindings and of a volume's claim only; an
// application that is restored under another name would go on talking to its original through the others.
const std::vector<References>& references() {
  static const std::vector<References> all{
      {"mutatingwebhookconfigurations.admissionregistration.k8s.io",
       {{"webhooks", "[]", "clientConfig", "service", "namespace"}}},
      {"validatingwebhookconfigurations.admissionregistration.k8s.io",
       {{"webhooks", "[]", "clientConfig", "service", "namespace"}}},
      {"apiservices.apiregistration.k8s.io", {{"spec", "service", "namespace"}}},
      {"customresourcedefinitions.apiextensions.k8s.io",
       {{"spec", "conversion", "webhook", "clientConfig", "service", "namespace"}}},
      {"persistentvolumeclaims", {{"spec", "dataSourceRef", "namespace"}}},
      {"endpoints",
       {{"subsets", "[]", "addresses", "[]", "targetRef", "namespace"},
        {"subsets", "[]", "notReadyAddresses", "[]", "targetRef", "namespace"}}},
      {"endpointslices.discovery.k8s.io", {{"endpoints", "[]", "targetRef", "namespace"}}},
      {"networkpolicies.networking.k8s.io",
       {{"spec", "ingress", "[]", "from", "[]", "namespaceSelector", "matchLabels", kNameLabel},
        {"spec", "egress", "[]", "to", "[]", "namespaceSelector", "matchLabels", kNameLabel}}},
      {"referencegrants.gateway.networking.k8s.io", {{"spec", "from", "[]", "namespace"}}},
      {"httproutes.gateway.networking.k8s.io",
       {{"spec", "parentRefs", "[]", "namespace"},
        {"spec", "rules", "[]", "backendRefs", "[]", "namespace"}}},
      {"servicemonitors.monitoring.coreos.com", {{"spec", "namespaceSelector", "matchNames", "[]"}}},
      {"podmonitors.monitoring.coreos.com", {{"spec", "namespaceSelector", "matchNames", "[]"}}},
  };
  return all;
}

void map_at(Json& value, const Path& path, size_t at, const ActionContext& context) {
  if (at == path.size()) {
    if (value.is_string()) value = context.map_namespace(value.get<std::string>());
  } else if (path[at] == "[]") {
    if (!value.is_array()) return;
    for (auto& element : value) map_at(element, path, at + 1, context);
  } else if (Json* const found = find_mutable(value, {path[at]})) {
    map_at(*found, path, at + 1, context);
  }
}

}  // namespace

std::vector<ItemAction> namespace_reference_actions() {
  std::vector<ItemAction> actions;
  for (const auto& entry : references()) {
    actions.push_back({"salvor.io/map-namespaces",
                       {entry.group_resource},
                       [&entry](Json& item, const ActionContext& context, ActionResult&) {
                         if (context.namespace_mapping.empty()) return;
                         for (const auto& path : entry.paths) map_at(item, path, 0, context);
                       }});
  }
  return actions;
}

}  // namespace salvor::restore::actions
