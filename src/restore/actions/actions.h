// The built-in item actions; the table that names and orders them is in item_action.cc. What each does is
// Velero's behaviour (fact sheet section 8, "Built-in restore item actions").
#pragma once

#include "restore/item_action.h"

namespace salvor::restore::actions {

// workloads.cc
void restore_job(Json& job, const ActionContext& context, ActionResult& result);
void restore_pod(Json& pod, const ActionContext& context, ActionResult& result);
void add_claims_of_pod(Json& pod, const ActionContext& context, ActionResult& result);
void add_priority_class_of_pod(Json& pod, const ActionContext& context, ActionResult& result);
void add_restore_wait_container(Json& pod, const ActionContext& context, ActionResult& result);

// services.cc
void restore_service(Json& service, const ActionContext& context, ActionResult& result);

// identities.cc
void restore_service_account(Json& account, const ActionContext& context, ActionResult& result);
void restore_secret(Json& secret, const ActionContext& context, ActionResult& result);
void map_subjects(Json& binding, const ActionContext& context, ActionResult& result);

// storage.cc
void restore_claim(Json& claim, const ActionContext& context, ActionResult& result);

// extensions.cc
void move_preserve_unknown_fields(Json& definition, const ActionContext& context, ActionResult& result);
void skip_managed_api_service(Json& service, const ActionContext& context, ActionResult& result);
void settle_side_effects(Json& configuration, const ActionContext& context, ActionResult& result);

// configured.cc: nothing without a configuration.
void change_storage_class(Json& item, const ActionContext& context, ActionResult& result);
void change_image_names(Json& item, const ActionContext& context, ActionResult& result);

// references.cc
// One for each kind with fields that name a namespace, other than the subjects of role bindings.
std::vector<ItemAction> namespace_reference_actions();

}  // namespace salvor::restore::actions
