#include "restore/object_applier.h"

#include "restore/metadata.h"
#include "velero/constants.h"

namespace salvor::restore {
namespace {

using codec::Json;
using Outcome = ApplyResult::Outcome;

kube::ObjectName name_in_cluster(const Json& object) {
  return {kube::namespace_of(object), kube::name_of(object)};
}

// Server-side appliers see conflicts by the recorded owners; without any, the creating manager is as good an
// owner.
bool has_applied_fields(const Json& managers) {
  return managers.is_array() && std::any_of(managers.begin(), managers.end(), [](const Json& manager) {
           return codec::get_string(manager, {"operation"}) == "Apply";
         });
}

// A service whose node port is taken answers with Invalid, also when the holder is the service itself.
bool means_existing(const kube::ApiResource& resource, const base::Error& error) {
  return error.code() == base::ErrorCode::kAlreadyExists ||
         (resource.kind == "Service" && error.code() == base::ErrorCode::kInvalidArgument &&
          error.message().find("provided port is already allocated") != std::string::npos);
}

std::string restore_label(const Json& object) {
  return codec::get_string(object, {"metadata", "labels", velero::label::kRestoreName});
}

Json labels_only(const Json& object) {
  return {{"metadata",
           {{"labels",
             {{velero::label::kBackupName,
               codec::get_string(object, {"metadata", "labels", velero::label::kBackupName})},
              {velero::label::kRestoreName, restore_label(object)}}}}}};
}

// As it can be compared with what is to be created.
Json comparable(Json object) {
  reset_metadata(object);
  object["metadata"].erase("managedFields");
  return object;
}

ApplyResult failure(const kube::ApiResource& resource, const Json& object, const base::Error& error) {
  ApplyResult result{.outcome = Outcome::kFailed};
  result.error = fmt::format("error restoring {} {}: {}", resource.gvr.group_resource(),
                             name_in_cluster(object).to_string(), error.message());
  return result;
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

ApplyResult ObjectApplier::apply(const kube::ApiResource& resource, Json object, Call call,
                                 const base::CancelToken& cancel) const {
  try {
    if (options_.preview) return preview(resource, object, cancel);
    Json managers;
    if (const auto found = object["metadata"].find("managedFields"); found != object["metadata"].end()) {
      managers = std::move(*found);
      object["metadata"].erase("managedFields");
    }
    auto result = create(resource, object, call, cancel);
    if (result.outcome == Outcome::kCreated && has_applied_fields(managers))
      restore_managed_fields(resource, object, managers, cancel);
    return result;
  } catch (const base::Error& error) {
    cancel.check();
    if (error.retryable()) throw;
    return failure(resource, object, error);
  }
}

ApplyResult ObjectApplier::create(const kube::ApiResource& resource, const Json& object, Call call,
                                  const base::CancelToken& cancel) const {
  try {
    // Most answers are not looked at: not parsing them is a third of a restore's work.
    const std::string answer =
        client_.raw("POST", kube::collection_path(resource.gvr, kube::namespace_of(object)),
                    codec::to_json(object, 0, false), "application/json", cancel);
    ApplyResult result{.outcome = Outcome::kCreated};
    if (call.needs_created) result.created = codec::parse_json(answer, resource.kind);
    return result;
  } catch (const base::Error& error) {
    cancel.check();
    if (!means_existing(resource, error)) throw;
    auto existing = client_.get(resource.gvr, name_in_cluster(object), cancel);
    if (!existing) throw;
    if (call.repeated && restore_label(*existing) == restore_label(object)) {
      ApplyResult result{.outcome = Outcome::kCreated};
      if (call.needs_created) result.created = std::move(*existing);
      return result;
    }
    return settle(resource, object, std::move(*existing), cancel);
  }
}

ApplyResult ObjectApplier::preview(const kube::ApiResource& resource, const Json& object,
                                   const base::CancelToken& cancel) const {
  const auto existing = client_.get(resource.gvr, name_in_cluster(object), cancel);
  if (!existing) return {.outcome = Outcome::kCreated};
  return settle(resource, object, *existing, cancel);
}

ApplyResult ObjectApplier::settle(const kube::ApiResource& resource, const Json& object, Json existing,
                                  const base::CancelToken& cancel) const {
  const auto name = name_in_cluster(object);
  if (same_object(object, existing)) {
    logger_.info(
        "restore of {} {} skipped: it already exists in the cluster and is the same as the backed up version",
        resource.kind, name.to_string());
    if (options_.update_existing) patch(resource, object, labels_only(object), cancel);
    ApplyResult result{.outcome = Outcome::kSkipped};
    result.reason = "exists and is the same";
    return result;
  }
  if (resource.gvr.group.empty() && resource.kind == "ServiceAccount") {
    const Json merged = merge_service_account(existing, object);
    const Json change = merge_patch(existing, merged);
    if (!change.empty()) patch(resource, object, change, cancel);
    ApplyResult result{.outcome = change.empty() ? Outcome::kSkipped : Outcome::kUpdated};
    result.reason = change.empty() ? "exists and has all that the backup has" : "exists, is merged";
    if (options_.preview) result.changes = kube::diff_objects(existing, merged);
    return result;
  }
  if (options_.update_existing) return update(resource, object, std::move(existing), cancel);
  ApplyResult result{.outcome = Outcome::kFailed};
  result.warning = fmt::format(
      "could not restore, {}:{} already exists. Warning: the in-cluster version is different than the "
      "backed-up version",
      resource.kind, name.name);
  result.reason = "exists and differs (existing resource policy is none)";
  if (options_.preview)
    result.changes = kube::diff_objects(comparable(std::move(existing)), comparable(object));
  return result;
}

ApplyResult ObjectApplier::update(const kube::ApiResource& resource, const Json& object, Json existing,
                                  const base::CancelToken& cancel) const {
  existing = comparable(std::move(existing));
  const Json wanted = comparable(object);
  ApplyResult result{.outcome = Outcome::kUpdated};
  result.reason = "exists and differs";
  if (options_.preview) {
    result.changes = kube::diff_objects(existing, wanted);
    return result;
  }
  try {
    patch(resource, object, merge_patch(existing, wanted), cancel);
  } catch (const base::Error& error) {
    cancel.check();
    if (error.retryable()) throw;
    // At least the labels say which restore it belongs to.
    patch(resource, object, labels_only(object), cancel);
    result.outcome = Outcome::kFailed;
    result.warning =
        fmt::format("could not update {}:{}: {}", resource.kind, kube::name_of(object), error.message());
  }
  return result;
}

void ObjectApplier::patch(const kube::ApiResource& resource, const Json& object, const Json& patch,
                          const base::CancelToken& cancel) const {
  if (options_.preview) return;
  client_.patch(resource.gvr, name_in_cluster(object), kube::PatchType::kMerge, patch, "", cancel);
}

void ObjectApplier::restore_managed_fields(const kube::ApiResource& resource, const Json& object,
                                           const Json& managed_fields,
                                           const base::CancelToken& cancel) const {
  try {
    patch(resource, object, {{"metadata", {{"managedFields", managed_fields}}}}, cancel);
  } catch (const base::Error& error) {
    cancel.check();
    if (error.code() == base::ErrorCode::kNotFound) return;
    logger_.warning("cannot restore the managed fields of {} {}: {}", resource.kind, kube::name_of(object),
                    error.message());
  }
}

}  // namespace salvor::restore
