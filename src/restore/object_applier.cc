#include "restore/object_applier.h"

#include "restore/metadata.h"

namespace salvor::restore {
namespace {

using codec::Json;
using Outcome = ApplyResult::Outcome;

std::string already_exists(const kube::ApiResource& resource, const std::string& name) {
  return fmt::format(
      "could not restore, {}:{} already exists. Warning: the in-cluster version is different than the "
      "backed-up version",
      resource.kind, name);
}

// Server-side appliers see conflicts by the recorded owners; without any, the creating manager is as good an
// owner.
bool has_applied_fields(const Json& object) {
  const Json* const managers = codec::find(object, {"metadata", "managedFields"});
  return managers != nullptr && managers->is_array() &&
         std::any_of(managers->begin(), managers->end(),
                     [](const Json& m) { return codec::get_string(m, {"operation"}) == "Apply"; });
}

}  // namespace

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::kCreated:
      return "created";
    case Outcome::kUpdated:
      return "updated";
    case Outcome::kSkipped:
      return "skipped";
    case Outcome::kFailed:
      return "failed";
  }
  return "failed";
}

ApplyResult ObjectApplier::apply(const kube::ApiResource& resource, const Json& object,
                                 const base::CancelToken& cancel) const {
  const kube::ObjectName name{kube::namespace_of(object), kube::name_of(object)};
  Json to_create = object;
  to_create["metadata"].erase("managedFields");
  try {
    Json created = client_.create(resource.gvr, to_create, cancel);
    if (has_applied_fields(object)) restore_managed_fields(resource, object, created, cancel);
    return {Outcome::kCreated, "", "", std::move(created)};
  } catch (const base::Error& error) {
    cancel.check();
    // A service whose node port is taken answers with Invalid, also when the holder is the service itself.
    const bool port_taken = resource.kind == "Service" && error.code() == base::ErrorCode::kInvalidArgument &&
                            error.message().find("provided port is already allocated") != std::string::npos;
    const bool exists = error.code() == base::ErrorCode::kAlreadyExists || port_taken;
    try {
      if (exists) {
        if (auto existing = client_.get(resource.gvr, name, cancel)) {
          return settle(resource, object, std::move(*existing), cancel);
        }
      }
    } catch (const base::Error& second) {
      cancel.check();
      return {Outcome::kFailed,
              "",
              fmt::format("error restoring {} {}: {}", resource.gvr.group_resource(), name.to_string(),
                          second.message()),
              {}};
    }
    return {Outcome::kFailed,
            "",
            fmt::format("error restoring {} {}: {}", resource.gvr.group_resource(), name.to_string(),
                        error.message()),
            {}};
  }
}

ApplyResult ObjectApplier::settle(const kube::ApiResource& resource, const Json& object, Json existing,
                                  const base::CancelToken& cancel) const {
  const kube::ObjectName name{kube::namespace_of(object), kube::name_of(object)};
  const Json labels_only{
      {"metadata",
       {{"labels",
         {{"velero.io/backup-name",
           codec::get_string(object, {"metadata", "labels", "velero.io/backup-name"})},
          {"velero.io/restore-name",
           codec::get_string(object, {"metadata", "labels", "velero.io/restore-name"})}}}}}};
  if (same_object(object, existing)) {
    logger_.info(
        "restore of {} {} skipped: it already exists in the cluster and is the same as the backed up version",
        resource.kind, name.to_string());
    if (update_existing_) client_.patch(resource.gvr, name, kube::PatchType::kMerge, labels_only, "", cancel);
    return {Outcome::kSkipped, "", "", {}};
  }
  if (resource.gvr.group.empty() && resource.kind == "ServiceAccount") {
    const Json patch = merge_patch(existing, merge_service_account(existing, object));
    if (!patch.empty()) client_.patch(resource.gvr, name, kube::PatchType::kMerge, patch, "", cancel);
    return {patch.empty() ? Outcome::kSkipped : Outcome::kUpdated, "", "", {}};
  }
  if (!update_existing_) return {Outcome::kFailed, already_exists(resource, name.name), "", {}};
  Json wanted = object;
  wanted["metadata"].erase("managedFields");
  reset_metadata(existing);
  existing["metadata"].erase("managedFields");
  try {
    client_.patch(resource.gvr, name, kube::PatchType::kMerge, merge_patch(existing, wanted), "", cancel);
    return {Outcome::kUpdated, "", "", {}};
  } catch (const base::Error& error) {
    cancel.check();
    client_.patch(resource.gvr, name, kube::PatchType::kMerge, labels_only, "", cancel);
    return {Outcome::kFailed,
            fmt::format("could not update {}:{}: {}", resource.kind, name.name, error.message()),
            "",
            {}};
  }
}

void ObjectApplier::restore_managed_fields(const kube::ApiResource& resource, const Json& object,
                                           const Json& created, const base::CancelToken& cancel) const {
  const Json patch{{"metadata", {{"managedFields", *codec::find(object, {"metadata", "managedFields"})}}}};
  try {
    client_.patch(resource.gvr, {kube::namespace_of(created), kube::name_of(created)},
                  kube::PatchType::kMerge, patch, "", cancel);
  } catch (const base::Error& error) {
    cancel.check();
    if (error.code() == base::ErrorCode::kNotFound) return;
    logger_.warning("cannot restore the managed fields of {} {}: {}", resource.kind, kube::name_of(created),
                    error.message());
  }
}

}  // namespace salvor::restore
