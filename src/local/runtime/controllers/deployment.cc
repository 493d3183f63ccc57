#include "local/runtime/controllers/deployment.h"

#include "base/error.h"
#include "local/runtime/container_record.h"

namespace salvor::local {
namespace {

namespace resources = kube::resources;
constexpr const char* kHash = "pod-template-hash";
constexpr const char* kRevision = "deployment.kubernetes.io/revision";

// The template without the label that a ReplicaSet adds.
Json bare_template(const Json& object) {
  Json result = object.at("spec").at("template");
  Json* labels = result.contains("metadata") && result["metadata"].contains("labels")
                     ? &result["metadata"]["labels"]
                     : nullptr;
  if (labels != nullptr) labels->erase(kHash);
  if (result.contains("metadata")) result["metadata"].erase("creationTimestamp");
  return result;
}

int revision_of(const Json& set) {
  const auto annotations = kube::annotations_of(set);
  const auto found = annotations.find(kRevision);
  return found == annotations.end() ? 0 : std::atoi(found->second.c_str());
}

int replicas_of(const Json& object) {
  return int_at(object, {"spec", "replicas"}, 1);
}

}  // namespace

std::vector<Controller::Trigger> DeploymentController::triggers() {
  return {on_self(resources::kDeployments), on_owned(resources::kReplicaSets, "Deployment")};
}

Json DeploymentController::make_replica_set(const Json& deployment, int revision, int replicas) {
  const std::string hash = short_hash(bare_template(deployment));
  Json pod_template = bare_template(deployment);
  pod_template["metadata"]["labels"][kHash] = hash;
  Json selector = deployment["spec"]["selector"];
  selector["matchLabels"][kHash] = hash;
  Json labels = pod_template["metadata"]["labels"];
  Json set{{"apiVersion", "apps/v1"},
           {"kind", "ReplicaSet"},
           {"metadata",
            {{"name", kube::name_of(deployment) + "-" + hash},
             {"namespace", kube::namespace_of(deployment)},
             {"labels", labels},
             {"annotations", {{kRevision, std::to_string(revision)}}},
             {"ownerReferences", Json::array({owner_reference(deployment, "apps/v1", "Deployment")})}}},
           {"spec", {{"replicas", replicas}, {"selector", selector}, {"template", pod_template}}}};
  return client().create(resources::kReplicaSets, set, context_.cancel);
}

void DeploymentController::scale(Json& set, int replicas) {
  if (replicas_of(set) == replicas) return;
  set = client().patch(resources::kReplicaSets, {kube::namespace_of(set), kube::name_of(set)},
                       kube::PatchType::kMerge, {{"spec", {{"replicas", replicas}}}}, "", context_.cancel);
}

std::optional<std::chrono::milliseconds> DeploymentController::reconcile(const ObjectName& key) {
  const auto deployment = client().get(resources::kDeployments, key, context_.cancel);
  if (!deployment || kube::is_being_deleted(*deployment)) return std::nullopt;
  auto sets = owned_objects(context_, resources::kReplicaSets, selector_of(*deployment),
                            {*deployment, "apps/v1", "Deployment"});
  const int wanted = replicas_of(*deployment);
  const Json wanted_template = bare_template(*deployment);
  int newest_revision = 0, old_pods = 0;
  size_t newest = sets.size();
  for (size_t i = 0; i < sets.size(); ++i) {
    newest_revision = std::max(newest_revision, revision_of(sets[i]));
    if (newest == sets.size() && same_json(bare_template(sets[i]), wanted_template)) newest = i;
  }
  for (size_t i = 0; i < sets.size(); ++i) {
    if (i != newest) old_pods += std::max(replicas_of(sets[i]), int_at(sets[i], {"status", "replicas"}, 0));
  }
  const bool recreate = codec::get_string(*deployment, {"spec", "strategy", "type"}) == "Recreate";
  const bool hold = recreate && old_pods > 0;
  if (newest == sets.size())
    sets.push_back(make_replica_set(*deployment, newest_revision + 1, hold ? 0 : wanted));
  if (!deployment->at("spec").value("paused", false)) {
    if (!hold) scale(sets[newest], wanted);
    const int available = int_at(sets[newest], {"status", "availableReplicas"}, 0);
    if (recreate || available >= wanted) {
      for (size_t i = 0; i < sets.size(); ++i) {
        if (i != newest) scale(sets[i], 0);
      }
    }
  }
  if (kube::annotations_of(*deployment)[kRevision] != std::to_string(revision_of(sets[newest]))) {
    client().patch(
        resources::kDeployments, key, kube::PatchType::kMerge,
        {{"metadata", {{"annotations", {{kRevision, std::to_string(revision_of(sets[newest]))}}}}}}, "",
        context_.cancel);
  }
  write_deployment_status(*deployment, sets[newest], sets);
  return std::nullopt;
}

void DeploymentController::write_deployment_status(const Json& deployment, const Json& newest,
                                                   const std::vector<Json>& sets) {
  int replicas = 0, ready = 0, available = 0;
  for (const auto& set : sets) {
    replicas += int_at(set, {"status", "replicas"}, 0);
    ready += int_at(set, {"status", "readyReplicas"}, 0);
    available += int_at(set, {"status", "availableReplicas"}, 0);
  }
  const int wanted = replicas_of(deployment);
  const int updated = int_at(newest, {"status", "replicas"}, 0);
  const base::Time now = context_.clock.now();
  Json conditions = deployment.value("status", Json::object()).value("conditions", Json::array());
  const bool enough = available >= wanted;
  const bool complete = enough && updated == wanted && replicas == wanted;
  set_condition(
      conditions, "Available", enough, enough ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
      enough ? "Deployment has minimum availability." : "Deployment does not have minimum availability.",
      now);
  set_condition(conditions, "Progressing", true, complete ? "NewReplicaSetAvailable" : "ReplicaSetUpdated",
                fmt::format("ReplicaSet \"{}\" {}", kube::name_of(newest),
                            complete ? "has successfully progressed." : "is progressing."),
                now);
  for (auto& condition : conditions) {
    condition.erase("lastProbeTime");
    condition["lastUpdateTime"] = condition["lastTransitionTime"];
  }
  write_status(context_, resources::kDeployments, deployment,
               {{"observedGeneration", deployment["metadata"].value("generation", 0)},
                {"replicas", replicas},
                {"updatedReplicas", updated},
                {"readyReplicas", ready},
                {"availableReplicas", available},
                {"unavailableReplicas", std::max(0, wanted - available)},
                {"conditions", conditions}});
}

}  // namespace salvor::local
