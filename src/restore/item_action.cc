#include "restore/item_action.h"

#include <algorithm>

#include "restore/actions/actions.h"

namespace salvor::restore {

namespace {

std::vector<ItemAction> make_actions() {
  std::vector<ItemAction> actions{
      {"velero.io/job", {"jobs.batch"}, actions::restore_job},
      {"velero.io/pod", {"pods"}, actions::restore_pod},
      {"velero.io/add-pvc-from-pod", {"pods"}, actions::add_claims_of_pod},
      {"velero.io/priority-class", {"pods"}, actions::add_priority_class_of_pod},
      {"velero.io/pod-volume-restore", {"pods"}, actions::add_restore_wait_container},
      {"velero.io/service", {"services"}, actions::restore_service},
      {"velero.io/service-account", {"serviceaccounts"}, actions::restore_service_account},
      {"velero.io/secret", {"secrets"}, actions::restore_secret},
      {"velero.io/pvc", {"persistentvolumeclaims"}, actions::restore_claim},
      {"velero.io/change-storage-class",
       {"persistentvolumes", "persistentvolumeclaims", "statefulsets.apps"},
       actions::change_storage_class},
      {"velero.io/change-image-name",
       {"pods", "deployments.apps", "statefulsets.apps", "daemonsets.apps", "replicasets.apps",
        "replicationcontrollers", "jobs.batch", "cronjobs.batch"},
       actions::change_image_names},
      {"velero.io/role-bindings", {"rolebindings.rbac.authorization.k8s.io"}, actions::map_subjects},
      {"velero.io/cluster-role-bindings",
       {"clusterrolebindings.rbac.authorization.k8s.io"},
       actions::map_subjects},
      {"velero.io/crd-preserve-fields",
       {"customresourcedefinitions.apiextensions.k8s.io"},
       actions::move_preserve_unknown_fields},
      {"velero.io/apiservice", {"apiservices.apiregistration.k8s.io"}, actions::skip_managed_api_service},
      {"velero.io/admission-webhook-configuration",
       {"mutatingwebhookconfigurations.admissionregistration.k8s.io",
        "validatingwebhookconfigurations.admissionregistration.k8s.io"},
       actions::settle_side_effects},
  };
  for (auto& action : actions::namespace_reference_actions()) actions.push_back(std::move(action));
  return actions;
}

}  // namespace

const std::vector<ItemAction>& built_in_item_actions() {
  static const std::vector<ItemAction> actions = make_actions();
  return actions;
}

ActionResult run_item_actions(const std::string& group_resource, Json& item, const ActionContext& context) {
  ActionResult result;
  for (const auto& action : built_in_item_actions()) {
    const auto& resources = action.group_resources;
    if (std::find(resources.begin(), resources.end(), group_resource) == resources.end()) continue;
    action.run(item, context, result);
    if (result.skip) break;
  }
  return result;
}

}  // namespace salvor::restore
