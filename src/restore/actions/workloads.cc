#include <algorithm>

#include "restore/actions/actions.h"
#include "restore/actions/json_edit.h"

namespace salvor::restore::actions {
namespace {

constexpr const char* kWaitContainer = "restore-wait";
constexpr const char* kLegacyWaitContainer = "restic-wait";

template <typename Function>
void for_each_container(Json& pod, Function function) {
  for (const char* list : {"initContainers", "containers", "ephemeralContainers"}) {
    Json* const containers = find_mutable(pod, {"spec", list});
    if (containers == nullptr || !containers->is_array()) continue;
    for (auto& container : *containers) function(container);
  }
}

// Waits for each volume's mark, then removes the marks as far as the container's user may.
std::string wait_script(const std::string& restore_uid) {
  return fmt::format(
      "for volume in /restores/*; do until [ -e \"$volume/.velero/{}\" ]; do sleep 1; done; done; "
      "rm -rf /restores/*/.velero 2>/dev/null; exit 0",
      restore_uid);
}

// The container that mounts one of the volumes: its image is there wherever the pod can run.
const Json* container_of(const Json& pod, const std::vector<std::string>& volumes) {
  const Json* const containers = codec::find(pod, {"spec", "containers"});
  if (containers == nullptr || !containers->is_array() || containers->empty()) return nullptr;
  for (const auto& container : *containers) {
    const Json* const mounts = codec::find(container, {"volumeMounts"});
    if (mounts == nullptr || !mounts->is_array()) continue;
    for (const auto& mount : *mounts) {
      const std::string name = codec::get_string(mount, {"name"});
      if (std::find(volumes.begin(), volumes.end(), name) != volumes.end()) return &container;
    }
  }
  return &containers->front();
}

Json wait_container(const Json& pod, const std::vector<std::string>& volumes, const ActionContext& context) {
  Json mounts = Json::array();
  for (const auto& volume : volumes)
    mounts.push_back({{"name", volume}, {"mountPath", "/restores/" + volume}});
  const auto from_field = [](const char* name, const char* path) {
    return Json{{"name", name}, {"valueFrom", {{"fieldRef", {{"apiVersion", "v1"}, {"fieldPath", path}}}}}};
  };
  const WaitContainer wanted =
      context.configuration ? context.configuration->wait_container : WaitContainer{};
  Json container{{"name", kWaitContainer}};
  const Json* const own = container_of(pod, volumes);
  if (wanted.image.empty() && context.helper_image.empty() && own != nullptr) {
    container["image"] = codec::get_string(*own, {"image"});
    if (const Json* const policy = codec::find(*own, {"imagePullPolicy"}))
      container["imagePullPolicy"] = *policy;
    if (const Json* const security = codec::find(*own, {"securityContext"}))
      container["securityContext"] = *security;
    container["command"] = Json::array({"/bin/sh", "-c", wait_script(context.restore_uid)});
  } else {
    container["image"] = wanted.image.empty() ? context.helper_image : wanted.image;
    container["args"] = Json::array({context.restore_uid});
    container["command"] = Json::array({"/velero-restore-helper"});
  }
  container["env"] = Json::array(
      {from_field("POD_NAMESPACE", "metadata.namespace"), from_field("POD_NAME", "metadata.name")});
  container["volumeMounts"] = std::move(mounts);
  if (!wanted.command.empty()) container["command"] = wanted.command;
  if (wanted.security_context) container["securityContext"] = *wanted.security_context;
  container["resources"] = {{"limits", {{"cpu", wanted.cpu_limit}, {"memory", wanted.memory_limit}}},
                            {"requests", {{"cpu", wanted.cpu_request}, {"memory", wanted.memory_request}}}};
  return container;
}

}  // namespace

// The job controller writes its uid into selector and template; a new job gets a new uid.
void restore_job(Json& job, const ActionContext&, ActionResult&) {
  for (const char* label : {"controller-uid", "batch.kubernetes.io/controller-uid"}) {
    erase_at(job, {"spec", "selector", "matchLabels"}, label);
    erase_at(job, {"spec", "template", "metadata", "labels"}, label);
  }
}

void restore_pod(Json& pod, const ActionContext&, ActionResult&) {
  erase_at(pod, {"spec"}, "nodeName");
  erase_at(pod, {"spec"}, "priority");
  // Token volumes that the admission controller of an old API server added name a Secret that is not
  // restored.
  std::string account = codec::get_string(pod, {"spec", "serviceAccountName"});
  if (account.empty()) account = "default";
  const std::string prefix = account + "-token-";
  const auto is_token = [&](const Json& element) {
    return codec::get_string(element, {"name"}).starts_with(prefix);
  };
  erase_elements(find_mutable(pod, {"spec", "volumes"}), is_token);
  for_each_container(
      pod, [&](Json& container) { erase_elements(find_mutable(container, {"volumeMounts"}), is_token); });
}

void add_claims_of_pod(Json& pod, const ActionContext&, ActionResult& result) {
  const Json* const volumes = codec::find(pod, {"spec", "volumes"});
  if (volumes == nullptr || !volumes->is_array()) return;
  for (const auto& volume : *volumes) {
    const std::string claim = codec::get_string(volume, {"persistentVolumeClaim", "claimName"});
    if (!claim.empty())
      result.additional.push_back({"persistentvolumeclaims", {kube::namespace_of(pod), claim}});
  }
}

void add_priority_class_of_pod(Json& pod, const ActionContext&, ActionResult& result) {
  const std::string name = codec::get_string(pod, {"spec", "priorityClassName"});
  // The system's own are in every cluster and in no backup.
  if (!name.empty() && !name.starts_with("system-"))
    result.additional.push_back({"priorityclasses.scheduling.k8s.io", {"", name}});
}

// Holds the pod's own containers back until the data mover has filled its volumes.
void add_restore_wait_container(Json& pod, const ActionContext& context, ActionResult&) {
  const auto volumes = context.volumes_with_data({kube::namespace_of(pod), kube::name_of(pod)});
  Json* const existing = find_mutable(pod, {"spec", "initContainers"});
  // One of an earlier restore would wait for ever.
  erase_elements(existing, [](const Json& container) {
    const std::string name = codec::get_string(container, {"name"});
    return name == kWaitContainer || name == kLegacyWaitContainer;
  });
  if (volumes.empty()) return;
  Json containers = Json::array({wait_container(pod, volumes, context)});
  if (existing != nullptr && existing->is_array()) {
    for (auto& container : *existing) containers.push_back(std::move(container));
  }
  pod["spec"]["initContainers"] = std::move(containers);
}

}  // namespace salvor::restore::actions
