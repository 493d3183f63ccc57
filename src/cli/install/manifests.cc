#include "cli/install/manifests.h"

#include "base/error.h"
#include "cli/install/access_rules.h"
#include "cli/install/workloads.h"
#include "codec/hash.h"
#include "velero/constants.h"
#include "velero/crds.h"
#include "velero/types.h"

namespace salvor::cli {
namespace {

using codec::Json;

// Node agents mount the kubelet's directory, which the stricter levels forbid.
Json name_space_object(const InstallPlan& plan) {
  return {{"apiVersion", "v1"},
          {"kind", "Namespace"},
          {"metadata",
           {{"name", plan.name_space},
            {"labels",
             {{"component", "velero"},
              {"pod-security.kubernetes.io/enforce", plan.node_agent ? "privileged" : "restricted"},
              {"pod-security.kubernetes.io/enforce-version", "latest"}}}}}};
}

Json service_account(const InstallPlan& plan, const std::string& name) {
  Json account = {
      {"apiVersion", "v1"},
      {"kind", "ServiceAccount"},
      {"metadata", {{"name", name}, {"namespace", plan.name_space}, {"labels", {{"component", "velero"}}}}}};
  if (!plan.service_account_annotations.empty())
    account["metadata"]["annotations"] = plan.service_account_annotations;
  return account;
}

Json credentials_secret(const InstallPlan& plan) {
  return {
      {"apiVersion", "v1"},
      {"kind", "Secret"},
      {"metadata",
       {{"name", kCloudCredentials}, {"namespace", plan.name_space}, {"labels", {{"component", "velero"}}}}},
      {"type", "Opaque"},
      {"data", {{"cloud", codec::to_base64(*plan.credentials)}}}};
}

Json backup_location(const InstallPlan& plan) {
  const LocationPlan& given = *plan.backup_location;
  velero::BackupStorageLocation location;
  location.metadata = velero::ObjectMeta(plan.name_space, "default");
  location.metadata.set_label("component", "velero");
  location.spec.provider = given.provider;
  location.spec.config = given.config;
  location.spec.is_default = true;
  location.spec.object_storage = velero::ObjectStorageLocation{
      .bucket = given.bucket, .prefix = given.prefix, .ca_cert = given.ca_pem, .ca_cert_ref = {}};
  Json object = location.to_json();
  object.erase("status");
  return object;
}

Json snapshot_location(const InstallPlan& plan) {
  velero::VolumeSnapshotLocation location;
  location.metadata = velero::ObjectMeta(plan.name_space, "default");
  location.metadata.set_label("component", "velero");
  location.spec.provider = plan.snapshot_provider;
  location.spec.config = *plan.snapshot_location_config;
  Json object = location.to_json();
  object.erase("status");
  return object;
}

}  // namespace

std::vector<Json> install_manifests(const InstallPlan& plan) {
  std::vector<Json> objects = velero::custom_resource_definitions();
  for (auto& definition : objects) definition["metadata"]["labels"]["component"] = "velero";
  const auto append = [&](std::vector<Json> more) {
    objects.insert(objects.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  };
  append({name_space_object(plan), service_account(plan, plan.service_account)});
  append(server_access(plan));
  if (plan.node_agent) {
    append({service_account(plan, kNodeAgentAccount)});
    append(node_agent_access(plan));
  }
  if (plan.credentials) append({credentials_secret(plan)});
  if (plan.backup_location) append({backup_location(plan)});
  if (plan.snapshot_location_config) append({snapshot_location(plan)});
  append({server_deployment(plan)});
  if (plan.node_agent) append({node_agent_daemon_set(plan)});
  return objects;
}

kube::GroupVersionResource install_resource(const Json& object) {
  static const std::map<std::string, kube::GroupVersionResource> kResources = {
      {"CustomResourceDefinition", kube::resources::kCustomResourceDefinitions},
      {"Namespace", kube::resources::kNamespaces},
      {"ServiceAccount", kube::resources::kServiceAccounts},
      {"Secret", kube::resources::kSecrets},
      {"Deployment", kube::resources::kDeployments},
      {"DaemonSet", {"apps", "v1", "daemonsets"}},
      {"Role", {"rbac.authorization.k8s.io", "v1", "roles"}},
      {"RoleBinding", {"rbac.authorization.k8s.io", "v1", "rolebindings"}},
      {"ClusterRole", {"rbac.authorization.k8s.io", "v1", "clusterroles"}},
      {"ClusterRoleBinding", {"rbac.authorization.k8s.io", "v1", "clusterrolebindings"}},
      {"BackupStorageLocation", velero::resources::kBackupStorageLocations},
      {"VolumeSnapshotLocation", velero::resources::kVolumeSnapshotLocations}};
  const auto kind = codec::get_string(object, {"kind"});
  const auto found = kResources.find(kind);
  if (found == kResources.end())
    base::fail(base::ErrorCode::kInternal, "no resource is known for kind \"{}\"", kind);
  return found->second;
}

}  // namespace salvor::cli
