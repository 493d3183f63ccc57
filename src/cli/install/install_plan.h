// What `salvor install` is to put into a cluster: the flags, resolved. A value.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace salvor::cli {

struct ContainerResources {
  std::string cpu_request, memory_request, cpu_limit, memory_limit;  // quantities; "0" or "": none
};

// How much of the cluster the server may touch.
struct AccessPlan {
  bool cluster_admin = false;
  // Empty: every namespace. Otherwise these, and of the cluster's own objects only what belongs to volumes,
  // namespaces and kinds.
  std::vector<std::string> namespaces;
  bool restores = true;  // false: nothing of an application is ever written
  bool csi = false;      // volumes are snapshotted by CSI
};

struct LocationPlan {
  std::string provider, bucket, prefix, ca_pem;
  std::map<std::string, std::string> config;
};

struct InstallPlan {
  std::string name_space = "velero";
  std::string image;
  std::string service_account = "velero";
  AccessPlan access;

  std::optional<LocationPlan> backup_location;  // named "default"
  // Of the VolumeSnapshotLocation "default"; nullopt: none is made.
  std::optional<std::map<std::string, std::string>> snapshot_location_config;
  std::string snapshot_provider;
  // An AWS shared-credentials file, for the Secret cloud-credentials; nullopt: no Secret is made or mounted.
  std::optional<std::string> credentials;

  int replicas = 1;
  std::vector<std::string> server_arguments;  // after "server"
  ContainerResources server_resources;
  std::map<std::string, std::string> pod_annotations, pod_labels, service_account_annotations;

  bool node_agent = false;
  bool privileged_node_agent = false;
  std::vector<std::string> node_agent_arguments;  // after "node-agent"
  ContainerResources node_agent_resources;
  std::string kubelet_root = "/var/lib/kubelet";
};

// Names that other parts of the manifests refer to.
inline constexpr char kCloudCredentials[] = "cloud-credentials";
inline constexpr char kNodeAgentAccount[] = "node-agent";

}  // namespace salvor::cli
