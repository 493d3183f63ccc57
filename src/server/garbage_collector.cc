#include "server/garbage_collector.h"

#include <algorithm>

namespace salvor::server {

using velero::resources::kBackups;
using velero::resources::kDeleteBackupRequests;

std::vector<Controller::Watched> GarbageCollector::watches() {
  return {names_of(kBackups, [](const Json& object) {
    return !codec::get_string(object, {"status", "expiration"}).empty();
  })};
}

Controller::Requeue GarbageCollector::reconcile(const std::string& name, const base::CancelToken& cancel) {
  auto backup = load<velero::Backup>(context_.client, kBackups, object(name), cancel);
  if (!backup) return std::nullopt;
  auto& value = backup->value;
  if (!value.status.expiration || value.metadata.being_deleted() ||
      value.status.phase == velero::phase::kDeleting)
    return std::nullopt;
  const auto left = *value.status.expiration - now();
  const std::chrono::nanoseconds again = context_.options.garbage_collection_frequency;
  if (left > std::chrono::nanoseconds(0)) return std::min(left, again);
  if (!velero::is_finished(value.status)) return again;

  const auto failure = failure_of(value, cancel);
  if (!failure.empty())
    value.metadata.set_label(velero::label::kGcFailure, failure);
  else
    value.metadata.remove_label(velero::label::kGcFailure);
  backup->save(context_.client, kBackups, cancel);
  if (!failure.empty()) {
    logger_.warning("backup \"{}\" is expired but cannot be deleted: {}", name, failure);
    return again;
  }
  if (is_requested(name, cancel)) return again;
  logger_.info("backup \"{}\" is expired", name);
  context_.client.create(kDeleteBackupRequests,
                         {{"apiVersion", velero::kApiVersion},
                          {"kind", "DeleteBackupRequest"},
                          {"metadata",
                           {{"generateName", velero::label_value(name) + "-"},
                            {"namespace", context_.options.name_space},
                            {"labels",
                             {{velero::label::kBackupName, velero::label_value(name)},
                              {velero::label::kBackupUid, value.metadata.uid()}}}}},
                          {"spec", {{"backupName", name}}}},
                         cancel);
  return again;
}

std::string GarbageCollector::failure_of(const velero::Backup& backup, const base::CancelToken& cancel) {
  try {
    return context_.stores.location(backup.spec.storage_location, cancel).read_only() ? "BSLReadOnly" : "";
  } catch (const base::Error& error) {
    if (cancel.cancelled()) throw;
    return error.code() == base::ErrorCode::kNotFound ? "BSLNotFound" : "BSLCannotGet";
  }
}

bool GarbageCollector::is_requested(const std::string& backup, const base::CancelToken& cancel) {
  const auto requests = context_.client.list(kDeleteBackupRequests, context_.options.name_space, {}, cancel);
  return std::any_of(requests.begin(), requests.end(), [&](const Json& request) {
    return codec::get_string(request, {"spec", "backupName"}) == backup &&
           codec::get_string(request, {"status", "phase"}) != velero::phase::kProcessed;
  });
}

std::vector<Controller::Watched> ObjectCounts::watches() {
  const auto counted = [this](const kube::GroupVersionResource& gvr, const std::string& metric) {
    return Watched{gvr, "", [this, metric](const kube::WatchEvent& event) {
                     if (event.type == kube::WatchEvent::Type::kAdded) context_.metrics.add(metric, {}, 1);
                     if (event.type == kube::WatchEvent::Type::kDeleted) context_.metrics.add(metric, {}, -1);
                   }};
  };
  return {counted(kBackups, "velero_backup_total"),
          counted(velero::resources::kRestores, "velero_restore_total")};
}

}  // namespace salvor::server
