#include "local/runtime/controllers/stateful_set.h"

#include "base/error.h"
#include "local/runtime/controllers/revision.h"

namespace salvor::local {
namespace {

namespace resources = kube::resources;
using codec::get_string;

// nullopt: not NAME-<number>.
std::optional<int> ordinal_of(const std::string& pod, const std::string& set) {
  if (!pod.starts_with(set + "-")) return std::nullopt;
  const std::string number = pod.substr(set.size() + 1);
  if (number.empty() || number.size() > 6 || number.find_first_not_of("0123456789") != std::string::npos) {
    return std::nullopt;
  }
  return std::stoi(number);
}

}  // namespace

std::vector<Controller::Trigger> StatefulSetController::triggers() {
  return {on_self(resources::kStatefulSets), on_owned(resources::kPods, "StatefulSet")};
}

void StatefulSetController::ensure_claim(const Json& set, const Json& claim_template,
                                         const std::string& name) {
  const std::string name_space = kube::namespace_of(set);
  if (client().get(resources::kPersistentVolumeClaims, {name_space, name}, context_.cancel)) return;
  Json claim = claim_template;
  claim["apiVersion"] = "v1";
  claim["kind"] = "PersistentVolumeClaim";
  claim.erase("status");
  claim["metadata"].erase("creationTimestamp");
  claim["metadata"]["name"] = name;
  claim["metadata"]["namespace"] = name_space;
  const Json selector = set["spec"]["selector"].value("matchLabels", Json::object());
  for (const auto& [label, value] : selector.items()) claim["metadata"]["labels"][label] = value;
  client().create(resources::kPersistentVolumeClaims, claim, context_.cancel);
}

void StatefulSetController::create_pod(const Json& set, int ordinal, const std::string& revision) {
  const Json& spec = set.at("spec");
  Json pod = pod_from_template(spec.at("template"), {set, "apps/v1", "StatefulSet"});
  const std::string name = fmt::format("{}-{}", kube::name_of(set), ordinal);
  pod["metadata"]["name"] = name;
  Json& labels = pod["metadata"]["labels"];
  labels["apps.kubernetes.io/pod-index"] = std::to_string(ordinal);
  labels["statefulset.kubernetes.io/pod-name"] = name;
  labels[kRevisionLabel] = revision;
  pod["spec"]["hostname"] = name;
  if (const std::string service = get_string(spec, {"serviceName"}); !service.empty()) {
    pod["spec"]["subdomain"] = service;
  }
  Json volumes = pod["spec"].value("volumes", Json::array());
  for (const auto& claim_template : spec.value("volumeClaimTemplates", Json::array())) {
    const std::string volume = kube::name_of(claim_template);
    const std::string claim = volume + "-" + name;
    ensure_claim(set, claim_template, claim);
    std::erase_if(volumes.get_ref<Json::array_t&>(),
                  [&](const Json& other) { return get_string(other, {"name"}) == volume; });
    volumes.push_back({{"name", volume}, {"persistentVolumeClaim", {{"claimName", claim}}}});
  }
  if (!volumes.empty()) pod["spec"]["volumes"] = volumes;
  client().create(resources::kPods, pod, context_.cancel);
}

void StatefulSetController::step(const Json& set, std::map<int, Json>& pods, int wanted,
                                 const std::string& revision) {
  const bool ordered = get_string(set, {"spec", "podManagementPolicy"}) != "Parallel";
  const int first = int_at(set, {"spec", "ordinals", "start"}, 0);
  for (int ordinal = first; ordinal < first + wanted; ++ordinal) {
    const auto found = pods.find(ordinal);
    if (found == pods.end()) {
      create_pod(set, ordinal, revision);
      if (ordered) return;
    } else if (pod_over(found->second)) {
      delete_pod(context_, found->second);
      if (ordered) return;
    } else if (ordered && !pod_ready(found->second)) {
      // A broken pod of an old template would block its own replacement for ever.
      const auto labels = kube::labels_of(found->second);
      const auto label = labels.find(kRevisionLabel);
      if (label != labels.end() && label->second != revision) delete_pod(context_, found->second);
      return;
    }
  }
  for (auto pod = pods.rbegin(); pod != pods.rend(); ++pod) {
    if (pod->first < first + wanted && pod->first >= first) continue;
    delete_pod(context_, pod->second);
    if (ordered) return;
  }
  if (get_string(set, {"spec", "updateStrategy", "type"}) == "OnDelete") return;
  const int partition = int_at(set, {"spec", "updateStrategy", "rollingUpdate", "partition"}, 0);
  for (auto pod = pods.rbegin(); pod != pods.rend() && pod->first >= partition; ++pod) {
    const auto labels = kube::labels_of(pod->second);
    const auto label = labels.find(kRevisionLabel);
    if (label != labels.end() && label->second != revision) {
      delete_pod(context_, pod->second);
      return;
    }
    if (!pod_ready(pod->second)) return;
  }
}

std::optional<std::chrono::milliseconds> StatefulSetController::reconcile(const ObjectName& key) {
  const auto set = client().get(resources::kStatefulSets, key, context_.cancel);
  if (!set || kube::is_being_deleted(*set)) return std::nullopt;
  const Owner owner{*set, "apps/v1", "StatefulSet"};
  std::map<int, Json> pods;
  for (auto& pod : owned_objects(context_, resources::kPods, selector_of(*set), owner)) {
    if (const auto ordinal = ordinal_of(kube::name_of(pod), key.name)) pods[*ordinal] = std::move(pod);
  }
  const std::string revision = current_revision(context_, owner);
  const int wanted = int_at(*set, {"spec", "replicas"}, 1);
  step(*set, pods, wanted, revision);

  int ready = 0, updated = 0;
  for (const auto& [ordinal, pod] : pods) {
    ready += pod_ready(pod);
    const auto labels = kube::labels_of(pod);
    const auto label = labels.find(kRevisionLabel);
    updated += label != labels.end() && label->second == revision;
  }
  Json status{{"observedGeneration", set->at("metadata").value("generation", 0)},
              {"replicas", pods.size()},
              {"readyReplicas", ready},
              {"availableReplicas", ready},
              {"updatedReplicas", updated},
              {"updateRevision", revision}};
  const std::string current = get_string(*set, {"status", "currentRevision"});
  const bool all_updated = updated == wanted && ready == wanted;
  status["currentRevision"] = current.empty() || all_updated ? revision : current;
  status["currentReplicas"] =
      status["currentRevision"] == revision ? updated : static_cast<int>(pods.size()) - updated;
  write_status(context_, resources::kStatefulSets, *set, status);
  return std::nullopt;
}

}  // namespace salvor::local
