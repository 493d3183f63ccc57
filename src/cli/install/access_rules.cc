#include "cli/install/access_rules.h"

namespace salvor::cli {
namespace {

using codec::Json;
using Words = std::vector<std::string>;

constexpr char kSnapshotGroup[] = "snapshot.storage.k8s.io";
constexpr char kRbacGroup[] = "rbac.authorization.k8s.io";
constexpr char kRbacVersion[] = "rbac.authorization.k8s.io/v1";

Json rule(const Words& groups, const Words& resources, const Words& verbs) {
  return {{"apiGroups", groups}, {"resources", resources}, {"verbs", verbs}};
}

Json labels() {
  return {{"component", "velero"}};
}

// A Role in `name_space`, or without one a ClusterRole.
Json role(const std::string& name, const std::string& name_space, Json rules) {
  Json metadata = {{"name", name}};
  if (!name_space.empty()) metadata["namespace"] = name_space;
  metadata["labels"] = labels();
  return {{"apiVersion", kRbacVersion},
          {"kind", name_space.empty() ? "ClusterRole" : "Role"},
          {"metadata", std::move(metadata)},
          {"rules", std::move(rules)}};
}

// Binds the account of the installation's namespace to a role, in `name_space` or cluster-wide.
Json binding(const std::string& name, const std::string& name_space, const std::string& role_kind,
             const std::string& role_name, const InstallPlan& plan, const std::string& account) {
  Json metadata = {{"name", name}};
  if (!name_space.empty()) metadata["namespace"] = name_space;
  metadata["labels"] = labels();
  return {{"apiVersion", kRbacVersion},
          {"kind", name_space.empty() ? "ClusterRoleBinding" : "RoleBinding"},
          {"metadata", std::move(metadata)},
          {"roleRef", {{"apiGroup", kRbacGroup}, {"kind", role_kind}, {"name", role_name}}},
          {"subjects",
           Json::array({{{"kind", "ServiceAccount"}, {"name", account}, {"namespace", plan.name_space}}})}};
}

// The installation's own namespace: its orders, locations, secrets, leases and events.
Json own_namespace_rules() {
  const Words all = {"create", "delete", "get", "list", "patch", "update", "watch"};
  return Json::array({rule({"velero.io", "salvor.io"}, {"*"}, all),
                      rule({""}, {"secrets", "configmaps"}, all),
                      rule({"coordination.k8s.io"}, {"leases"}, all),
                      rule({"", "events.k8s.io"}, {"events"}, {"create", "patch"}),
                      rule({""}, {"pods", "pods/log"}, {"get", "list", "watch"}),
                      rule({"apps"}, {"deployments", "daemonsets"}, {"get", "list"})});
}

// Snapshots of claims, in the claims' namespaces.
Json snapshot_rule() {
  return rule({kSnapshotGroup}, {"volumesnapshots"}, {"create", "delete"});
}

// What the storage keeps of them, and how it is told to let go.
Json snapshot_content_rule() {
  return rule({kSnapshotGroup}, {"volumesnapshotcontents"}, {"create", "delete", "patch"});
}

// What a backup of any application needs, and with `restores` what brings it back.
Json application_rules(const AccessPlan& access, bool roles) {
  Json rules = Json::array(
      {rule({"*"}, {"*"}, {"get", "list", "watch"}), rule({""}, {"pods/exec"}, {"create", "get"})});
  if (access.csi) rules.push_back(snapshot_rule());
  if (!access.restores) return rules;
  rules.push_back(rule({"*"}, {"*"}, {"create", "patch", "update"}));
  Words kinds = {"roles"};
  if (roles) kinds.insert(kinds.begin(), "clusterroles");
  rules.push_back(rule({kRbacGroup}, kinds, {"bind", "escalate"}));
  return rules;
}

// The cluster's own objects that belong to applications in chosen namespaces.
Json cluster_rules_for_namespaces(const AccessPlan& access) {
  const Words core = {"namespaces", "persistentvolumes"};
  Json rules =
      Json::array({rule({""}, core, {"get", "list", "watch"}), rule({""}, {"nodes"}, {"get", "list"}),
                   rule({"storage.k8s.io"}, {"storageclasses", "csidrivers"}, {"get", "list"}),
                   rule({"apiextensions.k8s.io"}, {"customresourcedefinitions"}, {"get", "list", "watch"}),
                   rule({kRbacGroup}, {"clusterroles", "clusterrolebindings"}, {"get", "list"})});
  if (access.csi) {
    rules.push_back(rule({kSnapshotGroup}, {"volumesnapshotclasses"}, {"get", "list"}));
    rules.push_back(rule({kSnapshotGroup}, {"volumesnapshotcontents"}, {"get", "list"}));
    // By its labels a server finds what a killed one has left.
    rules.push_back(rule({kSnapshotGroup}, {"volumesnapshots"}, {"list"}));
    rules.push_back(snapshot_content_rule());
  }
  if (access.restores) rules.push_back(rule({""}, core, {"create", "patch", "update"}));
  return rules;
}

void add_namespaced_access(const InstallPlan& plan, std::vector<Json>& objects) {
  const std::string& account = plan.service_account;
  objects.push_back(role("velero-server-volumes", "", cluster_rules_for_namespaces(plan.access)));
  objects.push_back(
      binding("velero-server-volumes", "", "ClusterRole", "velero-server-volumes", plan, account));
  // One ClusterRole, bound in each namespace: in a namespace that a restore makes it can be bound beforehand.
  objects.push_back(role("velero-server-applications", "", application_rules(plan.access, false)));
  for (const auto& name_space : plan.access.namespaces) {
    objects.push_back(
        binding("velero-server", name_space, "ClusterRole", "velero-server-applications", plan, account));
  }
}

}  // namespace

std::vector<Json> server_access(const InstallPlan& plan) {
  const std::string& account = plan.service_account;
  if (plan.access.cluster_admin)
    return {binding("velero", "", "ClusterRole", "cluster-admin", plan, account)};
  std::vector<Json> objects;
  objects.push_back(role("velero-server", plan.name_space, own_namespace_rules()));
  objects.push_back(binding("velero-server", plan.name_space, "Role", "velero-server", plan, account));
  if (!plan.access.namespaces.empty()) {
    add_namespaced_access(plan, objects);
    return objects;
  }
  Json rules = application_rules(plan.access, true);
  if (plan.access.csi) rules.push_back(snapshot_content_rule());
  objects.push_back(role("velero-server", "", std::move(rules)));
  objects.push_back(binding("velero-server", "", "ClusterRole", "velero-server", plan, account));
  return objects;
}

std::vector<Json> node_agent_access(const InstallPlan& plan) {
  const Json orders = Json::array(
      {rule({"velero.io"}, {"podvolumebackups", "podvolumerestores"},
            {"get", "list", "patch", "update", "watch"}),
       rule({"velero.io"}, {"backupstoragelocations"}, {"get", "list", "watch"}),
       rule({"velero.io"}, {"backuprepositories"}, {"create", "get", "list", "patch", "update", "watch"}),
       rule({""}, {"secrets"}, {"create", "get"}), rule({""}, {"configmaps"}, {"get"}),
       rule({"", "events.k8s.io"}, {"events"}, {"create", "patch"})});
  const Json volumes =
      Json::array({rule({""}, {"pods", "persistentvolumes", "persistentvolumeclaims"}, {"get"})});
  return {role("velero-node-agent", plan.name_space, orders),
          binding("velero-node-agent", plan.name_space, "Role", "velero-node-agent", plan, kNodeAgentAccount),
          role("velero-node-agent", "", volumes),
          binding("velero-node-agent", "", "ClusterRole", "velero-node-agent", plan, kNodeAgentAccount)};
}

}  // namespace salvor::cli
