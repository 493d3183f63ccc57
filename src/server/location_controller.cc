#include "server/location_controller.h"

#include <algorithm>

#include "velero/schema_check.h"

namespace salvor::server {

using velero::resources::kBackupStorageLocations;

std::vector<Controller::Watched> LocationController::watches() {
  auto watched = names_of(kBackupStorageLocations);
  auto add = std::move(watched.handle);
  watched.handle = [this, add = std::move(add)](const kube::WatchEvent& event) {
    if (event.type == kube::WatchEvent::Type::kDeleted)
      context_.metrics.remove("velero_backup_location_status_gauge",
                              {{"backup_location_name", kube::name_of(event.object)}});
    add(event);
  };
  return {std::move(watched)};
}

Controller::Requeue LocationController::reconcile(const std::string& name, const base::CancelToken& cancel) {
  auto location = load_valid<velero::BackupStorageLocation>(context_, kBackupStorageLocations,
                                                            "BackupStorageLocation", object(name), cancel);
  if (!location) {
    seen_.erase(name);
    return std::nullopt;
  }
  auto& value = location->value;
  const auto frequency =
      value.spec.validation_frequency.value_or(context_.options.store_validation_frequency);
  const auto spec = location->original.at("spec").dump();
  // Our own notes in the status come back as changes; only a changed spec is a reason to look before the
  // time.
  if (const auto seen = seen_.find(name); seen != seen_.end() && seen->second.spec == spec) {
    if (frequency <= std::chrono::nanoseconds(0)) return std::nullopt;
    const auto left = seen->second.validated + frequency - now();
    if (left > std::chrono::nanoseconds(0)) return left;
  }
  if (value.spec.is_default) keep_one_default(cancel);

  try {
    if (const auto unknown = velero::describe_unknown_fields(location->read, "BackupStorageLocation");
        !unknown.empty())
      base::fail(base::ErrorCode::kInvalidArgument, "{}", unknown);
    context_.stores.backup_store(value, cancel).check_valid(cancel);
    value.status.phase = velero::phase::kAvailable;
    value.status.message.clear();
  } catch (const base::Error& error) {
    if (cancel.cancelled()) throw;
    value.status.phase = velero::phase::kUnavailable;
    value.status.message =
        fmt::format("BackupStorageLocation \"{}\" is unavailable: {}", name, error.message());
    logger_.error("{}", value.status.message);
  }
  value.status.last_validation_time = now();
  save_and_announce(context_, *location, kBackupStorageLocations, cancel, value.status.message);
  seen_[name] = {spec, now()};
  context_.metrics.set("velero_backup_location_status_gauge", {{"backup_location_name", name}},
                       value.status.phase == velero::phase::kAvailable ? 1 : 0);
  if (frequency <= std::chrono::nanoseconds(0)) return std::nullopt;
  return frequency;
}

// Of several defaults the newest stays.
void LocationController::keep_one_default(const base::CancelToken& cancel) {
  auto locations = context_.stores.locations(cancel);
  std::erase_if(locations, [](const auto& location) { return !location.spec.is_default; });
  if (locations.size() < 2) return;
  const auto newest = std::max_element(locations.begin(), locations.end(), [](const auto& a, const auto& b) {
    return a.metadata.creation_time() < b.metadata.creation_time();
  });
  for (const auto& location : locations) {
    if (location.metadata.name() == newest->metadata.name()) continue;
    logger_.warning("backup storage location \"{}\" is no longer the default: \"{}\" is newer",
                    location.metadata.name(), newest->metadata.name());
    context_.client.patch(kBackupStorageLocations, object(location.metadata.name()), kube::PatchType::kMerge,
                          {{"spec", {{"default", nullptr}}}}, "", cancel);
  }
}

}  // namespace salvor::server
