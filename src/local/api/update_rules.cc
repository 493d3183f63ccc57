// What may not change once it is set, kind by kind.
#include <fmt/format.h>

#include "local/api/json_paths.h"
#include "local/api/validation.h"

namespace salvor::local {

namespace {

using Causes = std::vector<FailureCause>;

struct Immutable {
  std::string_view storage, path;
};

// Fields that the API calls immutable with the plain message.
constexpr Immutable kImmutable[] = {
    {"deployments.apps", "spec.selector"},
    {"daemonsets.apps", "spec.selector"},
    {"replicasets.apps", "spec.selector"},
    {"jobs.batch", "spec.selector"},
    {"jobs.batch", "spec.completionMode"},
    {"secrets", "type"},
    {"persistentvolumes", "spec.volumeMode"},
    {"persistentvolumes", "spec.nodeAffinity"},
    {"ingressclasses.networking.k8s.io", "spec.controller"},
    {"endpointslices.discovery.k8s.io", "addressType"},
    {"csidrivers.storage.k8s.io", "spec.attachRequired"},
    {"csidrivers.storage.k8s.io", "spec.volumeLifecycleModes"},
    {"customresourcedefinitions.apiextensions.k8s.io", "spec.scope"},
    {"customresourcedefinitions.apiextensions.k8s.io", "spec.group"},
    {"customresourcedefinitions.apiextensions.k8s.io", "spec.names.plural"},
};

// Fields whose refusal reads "Forbidden: updates to X are forbidden."
constexpr Immutable kForbidden[] = {
    {"storageclasses.storage.k8s.io", "parameters"},
    {"storageclasses.storage.k8s.io", "provisioner"},
    {"storageclasses.storage.k8s.io", "reclaimPolicy"},
    {"storageclasses.storage.k8s.io", "volumeBindingMode"},
    {"volumeattributesclasses.storage.k8s.io", "driverName"},
    {"volumeattributesclasses.storage.k8s.io", "parameters"},
    {"priorityclasses.scheduling.k8s.io", "value"},
    {"priorityclasses.scheduling.k8s.io", "preemptionPolicy"},
    {"controllerrevisions.apps", "data"},
};

// Whether two objects differ in anything but the paths, which are taken out of both.
bool differ_besides(Json before, Json after, std::initializer_list<std::string_view> allowed) {
  for (const std::string_view path : allowed) {
    erase_path(before, path);
    erase_path(after, path);
  }
  return !same_meaning(before, after);
}

void check_immutable_data(const Json& before, const Json& after, Causes& found) {
  if (!flag_at(before, "immutable")) return;
  if (!flag_at(after, "immutable")) {
    found.push_back(causes::forbidden("immutable", "field is immutable when `immutable` is set"));
  }
  for (const char* map : {"data", "binaryData"}) {
    if (!same_meaning(value_at(before, map), value_at(after, map))) {
      found.push_back(causes::forbidden(map, "field is immutable when `immutable` is set"));
    }
  }
}

void check_claim(const Json& before, const Json& after, Causes& found) {
  Json old_spec = value_at(before, "spec");
  const Json new_spec = value_at(after, "spec");
  // The volume's name is set once, by whoever binds the claim.
  if (string_at(old_spec, "volumeName").empty()) erase_path(old_spec, "volumeName");
  const bool binds = !old_spec.contains("volumeName");
  Json comparable = new_spec;
  if (binds) comparable.erase("volumeName");
  const bool bound = string_at(before, "status.phase") == "Bound";
  if (differ_besides(old_spec, comparable, {"resources.requests", "volumeAttributesClassName"}) ||
      (!bound && !same_meaning(value_at(old_spec, "resources"), value_at(new_spec, "resources")))) {
    // A default class may be filled in later, while the claim waits.
    if (!old_spec.contains("storageClassName")) comparable.erase("storageClassName");
    if (differ_besides(old_spec, comparable, {"resources.requests", "volumeAttributesClassName"}) ||
        (!bound && !same_meaning(value_at(old_spec, "resources"), value_at(new_spec, "resources")))) {
      found.push_back(causes::forbidden("spec",
                                        "spec is immutable after creation except resources.requests and "
                                        "volumeAttributesClassName for bound claims"));
    }
  }
}

void check_volume(const Json& before, const Json& after, Causes& found) {
  Json old_source = Json::object(), new_source = Json::object();
  for (const FieldSchema& field : find_builtin_type("core.PersistentVolumeSpec")->fields) {
    if (field.type == nullptr || !field.type->name.ends_with("Source")) continue;
    if (const Json* source = at_path(before, "spec." + field.name)) old_source[field.name] = *source;
    if (const Json* source = at_path(after, "spec." + field.name)) new_source[field.name] = *source;
  }
  if (!same_meaning(old_source, new_source)) {
    found.push_back(causes::forbidden("spec.persistentvolumesource",
                                      "spec.persistentvolumesource is immutable after creation"));
  }
}

void check_stateful_set(const Json& before, const Json& after, Causes& found) {
  if (differ_besides(value_at(before, "spec"), value_at(after, "spec"),
                     {"replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit",
                      "persistentVolumeClaimRetentionPolicy", "minReadySeconds"})) {
    found.push_back(causes::forbidden("spec",
                                      "updates to statefulset spec for fields other than 'replicas', "
                                      "'ordinals', 'template', 'updateStrategy', "
                                      "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and "
                                      "'minReadySeconds' are forbidden"));
  }
}

void check_service(const Json& before, const Json& after, Causes& found) {
  const std::string old_address = string_at(before, "spec.clusterIP");
  if (!old_address.empty() && string_at(after, "spec.type") != "ExternalName" &&
      string_at(before, "spec.type") != "ExternalName" && string_at(after, "spec.clusterIP") != old_address) {
    found.push_back(
        causes::invalid("spec.clusterIPs[0]", value_at(after, "spec.clusterIPs"), "may not change once set"));
  }
}

void check_job(const Json& before, const Json& after, Causes& found) {
  if (!flag_at(before, "spec.suspend") &&
      !same_meaning(value_at(before, "spec.template"), value_at(after, "spec.template"))) {
    found.push_back(causes::invalid("spec.template", value_at(after, "spec.template"), "field is immutable"));
  }
}

void check_role_binding(const Json& before, const Json& after, Causes& found) {
  if (!same_meaning(value_at(before, "roleRef"), value_at(after, "roleRef"))) {
    found.push_back(causes::invalid("roleRef", value_at(after, "roleRef"), "cannot change roleRef"));
  }
}

void check_pod(const Json& before, const Json& after, Causes& found) {
  Json old_spec = value_at(before, "spec"), new_spec = value_at(after, "spec");
  for (Json* spec : {&old_spec, &new_spec}) {
    for (const char* list : {"containers", "initContainers"}) {
      if (Json* containers = at_path(*spec, list); containers != nullptr) {
        for (Json& container : *containers) container.erase("image");
      }
    }
    spec->erase("activeDeadlineSeconds");
    spec->erase("ephemeralContainers");  // behind a subresource of their own
  }
  // Tolerations may be added.
  const Json old_tolerations = value_at(old_spec, "tolerations");
  const Json new_tolerations = value_at(new_spec, "tolerations");
  const bool kept = std::all_of(old_tolerations.begin(), old_tolerations.end(), [&](const Json& toleration) {
    return std::find(new_tolerations.begin(), new_tolerations.end(), toleration) != new_tolerations.end();
  });
  if (kept) {
    old_spec.erase("tolerations");
    new_spec.erase("tolerations");
  }
  if (!same_meaning(old_spec, new_spec)) {
    found.push_back(
        causes::forbidden("spec",
                          "pod updates may not change fields other than "
                          "`spec.containers[*].image`,`spec.initContainers[*].image`,"
                          "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing "
                          "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it "
                          "was previously negative)"));
  }
}

using Check = void (*)(const Json&, const Json&, Causes&);

const std::map<std::string, Check>& checks() {
  static const std::map<std::string, Check> table = {
      {"secrets", check_immutable_data},
      {"configmaps", check_immutable_data},
      {"persistentvolumeclaims", check_claim},
      {"persistentvolumes", check_volume},
      {"statefulsets.apps", check_stateful_set},
      {"services", check_service},
      {"jobs.batch", check_job},
      {"pods", check_pod},
      {"rolebindings.rbac.authorization.k8s.io", check_role_binding},
      {"clusterrolebindings.rbac.authorization.k8s.io", check_role_binding},
  };
  return table;
}

void check_finalizers(const Json& before, const Json& after, Causes& found) {
  if (at_path(before, "metadata.deletionTimestamp") == nullptr) return;
  const Json old_list = value_at(before, "metadata.finalizers");
  for (const Json& finalizer : value_at(after, "metadata.finalizers")) {
    if (std::find(old_list.begin(), old_list.end(), finalizer) == old_list.end()) {
      found.push_back(causes::forbidden(
          "metadata.finalizers",
          fmt::format("no new finalizers can be added if the object is being deleted, found new finalizers "
                      "[]string{{{}}}",
                      finalizer.dump())));
    }
  }
}

}  // namespace

void validate_update(const Kind& kind, const Json& before, const Json& after, Causes& found) {
  check_finalizers(before, after, found);
  if (kind.custom) return;
  for (const Immutable& rule : kImmutable) {
    if (rule.storage != kind.storage) continue;
    const Json old_value = value_at(before, rule.path), new_value = value_at(after, rule.path);
    if (rule.path == "spec.nodeAffinity" && old_value.is_null()) continue;
    if (!same_meaning(old_value, new_value)) {
      found.push_back(causes::invalid(std::string(rule.path), new_value, "field is immutable"));
    }
  }
  for (const Immutable& rule : kForbidden) {
    if (rule.storage != kind.storage) continue;
    if (!same_meaning(value_at(before, rule.path), value_at(after, rule.path))) {
      found.push_back(
          causes::forbidden(std::string(rule.path), fmt::format("updates to {} are forbidden.", rule.path)));
    }
  }
  if (const auto check = checks().find(kind.storage); check != checks().end())
    check->second(before, after, found);
}

}  // namespace salvor::local
