#include "local/runtime/controllers/daemon_set.h"

#include "local/runtime/controllers/revision.h"

namespace salvor::local {
namespace {

const kube::GroupVersionResource kDaemonSets{"apps", "v1", "daemonsets"};

// Whether the template's nodeSelector fits the node.
bool fits(const Json& set, const Json& node) {
  const Json* wanted = codec::find(set, {"spec", "template", "spec", "nodeSelector"});
  if (wanted == nullptr || !wanted->is_object()) return true;
  const auto labels = kube::labels_of(node);
  for (const auto& [label, value] : wanted->items()) {
    const auto found = labels.find(label);
    if (found == labels.end() || Json(found->second) != value) return false;
  }
  return true;
}

}  // namespace

std::vector<Controller::Trigger> DaemonSetController::triggers() {
  return {on_self(kDaemonSets), on_owned(kube::resources::kPods, "DaemonSet")};
}

std::optional<std::chrono::milliseconds> DaemonSetController::reconcile(const ObjectName& key) {
  const auto set = client().get(kDaemonSets, key, context_.cancel);
  if (!set || kube::is_being_deleted(*set)) return std::nullopt;
  const auto node = client().get(kube::resources::kNodes, {"", context_.node_name}, context_.cancel);
  if (!node) return std::chrono::seconds(1);
  const Owner owner{*set, "apps/v1", "DaemonSet"};
  const std::string revision = current_revision(context_, owner);
  const bool wanted = fits(*set, *node);
  int current = 0, ready = 0, updated = 0;
  bool leaving = false;
  for (const auto& pod : owned_objects(context_, kube::resources::kPods, selector_of(*set), owner)) {
    const auto labels = kube::labels_of(pod);
    const auto label = labels.find(kRevisionLabel);
    const bool old = label != labels.end() && label->second != revision &&
                     codec::get_string(*set, {"spec", "updateStrategy", "type"}) != "OnDelete";
    leaving = leaving || kube::is_being_deleted(pod);
    if (!wanted || old || pod_over(pod) || current > 0) {
      delete_pod(context_, pod);
      leaving = true;
      continue;
    }
    ++current;
    ready += pod_ready(pod);
    updated += !old;
  }
  if (wanted && current == 0 && !leaving) {
    Json pod = pod_from_template(set->at("spec").at("template"), owner);
    pod["metadata"]["name"] = key.name + "-" + context_.random.name_suffix();
    pod["metadata"]["labels"][kRevisionLabel] = revision;
    pod["spec"]["nodeName"] = context_.node_name;
    client().create(kube::resources::kPods, pod, context_.cancel);
    current = updated = 1;
  }
  write_status(context_, kDaemonSets, *set,
               {{"observedGeneration", set->at("metadata").value("generation", 0)},
                {"desiredNumberScheduled", wanted ? 1 : 0},
                {"currentNumberScheduled", current},
                {"numberMisscheduled", 0},
                {"numberReady", ready},
                {"numberAvailable", ready},
                {"updatedNumberScheduled", updated}});
  return std::nullopt;
}

}  // namespace salvor::local
