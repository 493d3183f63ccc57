#include "local/runtime/controllers/scheduler.h"

#include "base/error.h"
#include "local/runtime/container_record.h"

namespace salvor::local {
namespace {

namespace resources = kube::resources;
using codec::find;
using codec::get_string;

}  // namespace

std::vector<Controller::Trigger> Scheduler::triggers() {
  return {on_self(resources::kPods)};
}

std::string Scheduler::obstacle(const Json& pod) {
  const auto node = client().get(resources::kNodes, {"", context_.node_name}, context_.cancel);
  if (!node) return "0/1 nodes are available: the node is not registered yet.";
  if (const Json* off = find(*node, {"spec", "unschedulable"}); off != nullptr && *off == true) {
    return "0/1 nodes are available: 1 node(s) were unschedulable.";
  }
  if (const Json* wanted = find(pod, {"spec", "nodeSelector"}); wanted != nullptr && wanted->is_object()) {
    const auto labels = kube::labels_of(*node);
    for (const auto& [label, value] : wanted->items()) {
      const auto found = labels.find(label);
      if (found == labels.end() || Json(found->second) != value) {
        return "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.";
      }
    }
  }
  for (const auto& volume : pod.at("spec").value("volumes", Json::array())) {
    const std::string name = get_string(volume, {"persistentVolumeClaim", "claimName"});
    if (name.empty()) continue;
    const auto claim =
        client().get(resources::kPersistentVolumeClaims, {kube::namespace_of(pod), name}, context_.cancel);
    if (!claim) return fmt::format("0/1 nodes are available: persistentvolumeclaim \"{}\" not found.", name);
    if (kube::is_being_deleted(*claim)) {
      return fmt::format("0/1 nodes are available: persistentvolumeclaim \"{}\" is being deleted.", name);
    }
    if (phase_of(*claim) != "Bound") {
      return "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.";
    }
  }
  return "";
}

std::optional<std::chrono::milliseconds> Scheduler::reconcile(const ObjectName& key) {
  const auto pod = client().get(resources::kPods, key, context_.cancel);
  if (!pod || !get_string(*pod, {"spec", "nodeName"}).empty() || pod_over(*pod)) return std::nullopt;
  if (kube::is_being_deleted(*pod)) {  // no node will ever confirm its end
    client().raw("DELETE", kube::object_path(resources::kPods, key),
                 Json{{"gracePeriodSeconds", 0}, {"preconditions", {{"uid", kube::uid_of(*pod)}}}}.dump(),
                 "application/json", context_.cancel);
    return std::nullopt;
  }
  const std::string scheduler = get_string(*pod, {"spec", "schedulerName"});
  const Json* gates = find(*pod, {"spec", "schedulingGates"});
  if ((!scheduler.empty() && scheduler != "default-scheduler") || (gates != nullptr && !gates->empty())) {
    return std::nullopt;
  }
  if (const std::string why = obstacle(*pod); !why.empty()) {
    Json conditions = pod->value("status", Json::object()).value("conditions", Json::array());
    set_condition(conditions, "PodScheduled", false, "Unschedulable", why, context_.clock.now());
    write_status(context_, resources::kPods, *pod, {{"phase", "Pending"}, {"conditions", conditions}});
    return std::chrono::milliseconds(250);
  }
  const Json binding{
      {"apiVersion", "v1"},
      {"kind", "Binding"},
      {"metadata", {{"name", key.name}, {"namespace", key.name_space}, {"uid", kube::uid_of(*pod)}}},
      {"target", {{"apiVersion", "v1"}, {"kind", "Node"}, {"name", context_.node_name}}}};
  try {
    client().raw("POST", kube::object_path(resources::kPods, key) + "/binding", binding.dump(),
                 "application/json", context_.cancel);
  } catch (const base::Error& error) {
    if (error.code() != base::ErrorCode::kConflict && error.code() != base::ErrorCode::kNotFound) throw;
  }
  return std::nullopt;
}

}  // namespace salvor::local
