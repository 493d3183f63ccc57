#include "restore/actions/actions.h"
#include "restore/actions/json_edit.h"

namespace salvor::restore::actions {

// Token secrets of an account are made anew by the target cluster.
void restore_service_account(Json& account, const ActionContext&, ActionResult&) {
  const std::string prefix = kube::name_of(account) + "-token-";
  erase_elements(find_mutable(account, {"secrets"}),
                 [&](const Json& secret) { return codec::get_string(secret, {"name"}).starts_with(prefix); });
}

void restore_secret(Json& secret, const ActionContext&, ActionResult& result) {
  if (codec::get_string(secret, {"type"}) != "kubernetes.io/service-account-token") return;
  const std::string account =
      codec::get_string(secret, {"metadata", "annotations", "kubernetes.io/service-account.name"});
  if (kube::name_of(secret).starts_with(account + "-token-")) {
    result.skip = true;
    result.skip_reason = "the target cluster generates service account tokens itself";
    return;
  }
  erase_at(secret, {"data"}, "token");
  erase_at(secret, {"data"}, "ca.crt");
  erase_at(secret, {"metadata", "annotations"}, "kubernetes.io/service-account.uid");
}

void map_subjects(Json& binding, const ActionContext& context, ActionResult&) {
  Json* const subjects = find_mutable(binding, {"subjects"});
  if (subjects == nullptr || !subjects->is_array()) return;
  for (auto& subject : *subjects) {
    const std::string name_space = codec::get_string(subject, {"namespace"});
    if (!name_space.empty()) subject["namespace"] = context.map_namespace(name_space);
  }
}

}  // namespace salvor::restore::actions
