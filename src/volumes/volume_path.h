// Where the files of a pod's volume lie on this node (velero.md section 12, "Path discovery"). Resolvers are
// immutable and thread-safe.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "codec/json.h"
#include "kube/client.h"

namespace salvor::volumes {

using codec::Json;

// A volume of a pod; the PersistentVolume is that of its claim, nullopt for a volume without one.
struct PodVolume {
  Json pod;
  std::string volume;  // spec.volumes[].name
  std::optional<Json> persistent_volume;
};

// The pod's volume with its PersistentVolume looked up. kNotFound when the pod has no such volume, or its
// claim or the claim's volume is not there; kConflict while the claim is not bound.
PodVolume look_up_pod_volume(kube::Client& client, const Json& pod, const std::string& volume,
                             const base::CancelToken& cancel = {});

class VolumePathResolver {
 public:
  virtual ~VolumePathResolver() = default;
  // An existing directory. kNotFound, naming pod and volume, when there is none; kUnsupported for volumes in
  // block mode.
  virtual std::filesystem::path resolve(const PodVolume& volume) const = 0;
};

// Kubelet's layout: host_pods/<pod uid>/volumes/<any plugin>/<directory>[/mount] must be exactly one path.
std::unique_ptr<VolumePathResolver> kubelet_volume_paths(std::filesystem::path host_pods);
// The path that a `local` or `hostPath` PersistentVolume itself names.
std::unique_ptr<VolumePathResolver> persistent_volume_paths();
// The first of `resolvers` that finds the volume.
std::unique_ptr<VolumePathResolver> first_volume_path(
    std::vector<std::unique_ptr<VolumePathResolver>> resolvers);

// What a node agent uses: kubelet's layout below `host_pods`, else the volume's own path. Without host_pods:
// /host_pods if it is there (a node agent in a pod), else /var/lib/kubelet/pods.
std::unique_ptr<VolumePathResolver> node_volume_paths(std::filesystem::path host_pods = {});

}  // namespace salvor::volumes
