// From a pod's JSON to how its containers start: environment, arguments, user, mounts, generated files.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "base/cancel.h"
#include "kube/client.h"
#include "local/runtime/container_launch.h"
#include "local/runtime/pod_network.h"
#include "local/runtime/pod_volumes.h"

namespace salvor::local {

// Kubernetes' expansion of $(NAME); $$ is a dollar sign, unknown names stay as they are.
std::string expand_variables(const std::string& text, const std::map<std::string, std::string>& variables);

struct ContainerContext {
  const codec::Json& pod;
  const std::map<std::string, PodVolume>& volumes;
  std::string pod_ip;
  std::filesystem::path staging;    // where the root is built
  std::vector<std::string> hidden;  // directories of the machine that containers do not see
  ServiceAddress api;               // where the pod reaches the API server
};

// Throws base::Error when a Secret, ConfigMap or key is missing, or nothing says what to run.
ContainerLaunch make_container_launch(const ContainerContext& context, const codec::Json& container,
                                      kube::Client& client, const base::CancelToken& cancel = {});

// The image is this program's own ("salvor", of any registry and tag): its containers run this program.
bool is_own_image(const std::string& image);

// spec.hostname or the pod's name, as a host name.
std::string pod_hostname(const codec::Json& pod);

// A fake, stable address of a pod, in 10.88.0.0/16.
std::string pod_address(const std::string& pod_uid);

}  // namespace salvor::local
