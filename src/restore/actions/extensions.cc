#include "restore/actions/actions.h"
#include "restore/actions/json_edit.h"

namespace salvor::restore::actions {

// apiextensions.k8s.io/v1 refuses spec.preserveUnknownFields=true; the schema says it instead.
void move_preserve_unknown_fields(Json& definition, const ActionContext&, ActionResult&) {
  Json* const flag = find_mutable(definition, {"spec", "preserveUnknownFields"});
  if (flag == nullptr || !flag->is_boolean() || !flag->get<bool>()) return;
  *flag = false;
  Json* const versions = find_mutable(definition, {"spec", "versions"});
  if (versions == nullptr || !versions->is_array()) return;
  for (auto& version : *versions) {
    Json* const schema = find_mutable(version, {"schema", "openAPIV3Schema"});
    if (schema != nullptr) (*schema)["x-kubernetes-preserve-unknown-fields"] = true;
  }
}

void skip_managed_api_service(Json& service, const ActionContext&, ActionResult& result) {
  const auto labels = kube::labels_of(service);
  if (labels.contains("kube-aggregator.kubernetes.io/automanaged")) {
    result.skip = true;
    result.skip_reason = "the API server manages it";
  }
}

// v1 accepts None and NoneOnDryRun only.
void settle_side_effects(Json& configuration, const ActionContext&, ActionResult&) {
  Json* const webhooks = find_mutable(configuration, {"webhooks"});
  if (webhooks == nullptr || !webhooks->is_array()) return;
  for (auto& webhook : *webhooks) {
    const std::string effects = codec::get_string(webhook, {"sideEffects"});
    if (effects == "Unknown" || effects == "Some") webhook["sideEffects"] = "None";
  }
}

}  // namespace salvor::restore::actions
