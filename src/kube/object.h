// Names of Kubernetes things, and small reads from an object's JSON.
#pragma once

#include <compare>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codec/json.h"

namespace salvor::kube {

using codec::Json;

struct GroupVersionResource {
  std::string group;     // "" is the core group
  std::string version;   // "v1"
  std::string resource;  // plural, lower case: "deployments"
  auto operator<=>(const GroupVersionResource&) const = default;

  std::string api_version() const { return group.empty() ? version : group + "/" + version; }
  // "deployments.apps", or "pods" for the core group: Velero's resource.group.
  std::string group_resource() const { return group.empty() ? resource : resource + "." + group; }
};

struct ObjectName {
  std::string name_space;  // "" for cluster-scoped
  std::string name;
  auto operator<=>(const ObjectName&) const = default;
  std::string to_string() const { return name_space.empty() ? name : name_space + "/" + name; }
};

// One kind that a server offers.
struct ApiResource {
  GroupVersionResource gvr;
  std::string kind;      // "Deployment"
  std::string singular;  // "deployment", may be empty
  std::vector<std::string> short_names;
  std::vector<std::string> verbs;
  bool namespaced = false;
  bool has_verb(std::string_view verb) const;
};

std::string name_of(const Json& object);       // metadata.name
std::string namespace_of(const Json& object);  // metadata.namespace, "" if none
std::string uid_of(const Json& object);
std::string resource_version_of(const Json& object);
std::map<std::string, std::string> labels_of(const Json& object);
std::map<std::string, std::string> annotations_of(const Json& object);
bool is_being_deleted(const Json& object);  // metadata.deletionTimestamp is set

// "Pod" of "pods" and so on needs discovery; these two are for paths only.
std::string collection_path(const GroupVersionResource& gvr, std::string_view name_space);
std::string object_path(const GroupVersionResource& gvr, const ObjectName& name);

// Well-known resources.
namespace resources {
extern const GroupVersionResource kNamespaces, kPods, kSecrets, kConfigMaps, kServices, kServiceAccounts,
    kEvents, kNodes, kPersistentVolumes, kPersistentVolumeClaims, kDeployments, kReplicaSets, kStatefulSets,
    kJobs, kCronJobs, kStorageClasses, kCustomResourceDefinitions, kLeases;
}  // namespace resources

}  // namespace salvor::kube
