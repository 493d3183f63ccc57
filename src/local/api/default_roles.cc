#include "local/api/default_roles.h"

#include "base/text.h"

namespace salvor::local {

namespace {

using codec::Json;

constexpr const char* kRead = "get list watch";
constexpr const char* kWrite = "create delete deletecollection patch update";

struct Rule {
  const char* group;
  const char* resources;
  const char* verbs;
};

constexpr Rule kView[] = {
    {"",
     "bindings configmaps endpoints events limitranges namespaces namespaces/status persistentvolumeclaims "
     "persistentvolumeclaims/status pods pods/log pods/status replicationcontrollers "
     "replicationcontrollers/scale replicationcontrollers/status resourcequotas resourcequotas/status "
     "serviceaccounts services services/status",
     kRead},
    {"apps",
     "controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status "
     "replicasets replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status",
     kRead},
    {"autoscaling", "horizontalpodautoscalers horizontalpodautoscalers/status", kRead},
    {"batch", "cronjobs cronjobs/status jobs jobs/status", kRead},
    {"discovery.k8s.io", "endpointslices", kRead},
    {"networking.k8s.io", "ingresses ingresses/status networkpolicies", kRead},
    {"policy", "poddisruptionbudgets poddisruptionbudgets/status", kRead}};

// Beside those of view.
constexpr Rule kEdit[] = {
    {"", "pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy", kRead},
    {"", "serviceaccounts", "impersonate"},
    {"", "pods pods/attach pods/exec pods/portforward pods/proxy", kWrite},
    {"", "pods/eviction", "create"},
    {"",
     "configmaps events persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets "
     "serviceaccounts services services/proxy",
     kWrite},
    {"", "serviceaccounts/token", "create"},
    {"apps",
     "daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale "
     "statefulsets "
     "statefulsets/scale",
     kWrite},
    {"autoscaling", "horizontalpodautoscalers", kWrite},
    {"batch", "cronjobs jobs", kWrite},
    {"coordination.k8s.io", "leases", "create delete deletecollection get list patch update watch"},
    {"networking.k8s.io", "ingresses networkpolicies", kWrite},
    {"policy", "poddisruptionbudgets", kWrite}};

// Beside those of edit.
constexpr Rule kAdmin[] = {{"authorization.k8s.io", "localsubjectaccessreviews", "create"},
                           {"rbac.authorization.k8s.io", "rolebindings roles",
                            "create delete deletecollection get list patch update watch"}};

template <size_t N>
void add_rules(Json& rules, const Rule (&table)[N]) {
  for (const Rule& rule : table) {
    rules.push_back({{"apiGroups", Json::array({rule.group})},
                     {"resources", base::split(rule.resources, ' ')},
                     {"verbs", base::split(rule.verbs, ' ')}});
  }
}

Json make_role(const std::string& name, const Json& rules) {
  const std::string label = "rbac.authorization.k8s.io/aggregate-to-" + name;
  return {
      {"metadata", {{"name", name}, {"labels", {{"kubernetes.io/bootstrapping", "rbac-defaults"}}}}},
      {"aggregationRule", {{"clusterRoleSelectors", Json::array({{{"matchLabels", {{label, "true"}}}}})}}},
      {"rules", rules}};
}

}  // namespace

std::vector<Json> default_roles() {
  std::vector<Json> roles;
  Json rules = Json::array();
  add_rules(rules, kView);
  roles.push_back(make_role("view", rules));
  add_rules(rules, kEdit);
  roles.push_back(make_role("edit", rules));
  add_rules(rules, kAdmin);
  roles.push_back(make_role("admin", rules));
  return roles;
}

}  // namespace salvor::local
