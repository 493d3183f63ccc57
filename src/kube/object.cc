#include "kube/object.h"

#include <algorithm>

#include "net/url.h"

namespace salvor::kube {

namespace {

std::map<std::string, std::string> string_map(const Json* value) {
  std::map<std::string, std::string> result;
  if (!value || !value->is_object()) return result;
  for (const auto& [key, entry] : value->items())
    if (entry.is_string()) result[key] = entry.get<std::string>();
  return result;
}

}  // namespace

bool ApiResource::has_verb(std::string_view verb) const {
  return std::find(verbs.begin(), verbs.end(), verb) != verbs.end();
}

std::string name_of(const Json& object) {
  return codec::get_string(object, {"metadata", "name"});
}
std::string namespace_of(const Json& object) {
  return codec::get_string(object, {"metadata", "namespace"});
}
std::string uid_of(const Json& object) {
  return codec::get_string(object, {"metadata", "uid"});
}
std::string resource_version_of(const Json& object) {
  return codec::get_string(object, {"metadata", "resourceVersion"});
}
std::map<std::string, std::string> labels_of(const Json& object) {
  return string_map(codec::find(object, {"metadata", "labels"}));
}
std::map<std::string, std::string> annotations_of(const Json& object) {
  return string_map(codec::find(object, {"metadata", "annotations"}));
}
bool is_being_deleted(const Json& object) {
  return !codec::get_string(object, {"metadata", "deletionTimestamp"}).empty();
}

std::string collection_path(const GroupVersionResource& gvr, std::string_view name_space) {
  std::string path = gvr.group.empty() ? "/api/" + gvr.version : "/apis/" + gvr.group + "/" + gvr.version;
  if (!name_space.empty()) path += "/namespaces/" + net::percent_encode(name_space);
  return path + "/" + gvr.resource;
}

std::string object_path(const GroupVersionResource& gvr, const ObjectName& name) {
  return collection_path(gvr, name.name_space) + "/" + net::percent_encode(name.name);
}

namespace resources {

const GroupVersionResource kNamespaces{"", "v1", "namespaces"};
const GroupVersionResource kPods{"", "v1", "pods"};
const GroupVersionResource kSecrets{"", "v1", "secrets"};
const GroupVersionResource kConfigMaps{"", "v1", "configmaps"};
const GroupVersionResource kServices{"", "v1", "services"};
const GroupVersionResource kServiceAccounts{"", "v1", "serviceaccounts"};
const GroupVersionResource kEvents{"", "v1", "events"};
const GroupVersionResource kNodes{"", "v1", "nodes"};
const GroupVersionResource kPersistentVolumes{"", "v1", "persistentvolumes"};
const GroupVersionResource kPersistentVolumeClaims{"", "v1", "persistentvolumeclaims"};
const GroupVersionResource kDeployments{"apps", "v1", "deployments"};
const GroupVersionResource kReplicaSets{"apps", "v1", "replicasets"};
const GroupVersionResource kStatefulSets{"apps", "v1", "statefulsets"};
const GroupVersionResource kJobs{"batch", "v1", "jobs"};
const GroupVersionResource kCronJobs{"batch", "v1", "cronjobs"};
const GroupVersionResource kStorageClasses{"storage.k8s.io", "v1", "storageclasses"};
const GroupVersionResource kCustomResourceDefinitions{"apiextensions.k8s.io", "v1",
                                                      "customresourcedefinitions"};
const GroupVersionResource kLeases{"coordination.k8s.io", "v1", "leases"};

}  // namespace resources

}  // namespace salvor::kube
