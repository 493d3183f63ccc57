#include "local/runtime/controllers/replica_set.h"

namespace salvor::local {

namespace resources = kube::resources;

std::vector<Controller::Trigger> ReplicaSetController::triggers() {
  return {on_self(resources::kReplicaSets), on_owned(resources::kPods, "ReplicaSet")};
}

std::optional<std::chrono::milliseconds> ReplicaSetController::reconcile(const ObjectName& key) {
  const auto set = client().get(resources::kReplicaSets, key, context_.cancel);
  if (!set || kube::is_being_deleted(*set)) return std::nullopt;
  const Owner owner{*set, "apps/v1", "ReplicaSet"};
  std::vector<Json> pods;
  for (auto& pod : owned_objects(context_, resources::kPods, selector_of(*set), owner)) {
    if (!pod_over(pod) && !kube::is_being_deleted(pod)) pods.push_back(std::move(pod));
  }
  const int wanted = int_at(*set, {"spec", "replicas"}, 1);
  for (int missing = wanted - static_cast<int>(pods.size()); missing > 0; --missing) {
    Json pod = pod_from_template(set->at("spec").at("template"), owner);
    pod["metadata"]["name"] = key.name + "-" + context_.random.name_suffix();
    pods.push_back(client().create(resources::kPods, pod, context_.cancel));
  }
  if (static_cast<int>(pods.size()) > wanted) {  // those that are not ready first, then the youngest
    std::stable_sort(pods.begin(), pods.end(), [](const Json& a, const Json& b) {
      if (pod_ready(a) != pod_ready(b)) return pod_ready(a);
      return codec::get_string(a, {"metadata", "creationTimestamp"}) <
             codec::get_string(b, {"metadata", "creationTimestamp"});
    });
    for (; static_cast<int>(pods.size()) > wanted; pods.pop_back()) delete_pod(context_, pods.back());
  }
  const auto ready = std::count_if(pods.begin(), pods.end(), pod_ready);
  write_status(context_, resources::kReplicaSets, *set,
               {{"replicas", pods.size()},
                {"fullyLabeledReplicas", pods.size()},
                {"readyReplicas", ready},
                {"availableReplicas", ready},
                {"observedGeneration", set->at("metadata").value("generation", 0)}});
  return std::nullopt;
}

}  // namespace salvor::local
