#include "server/snapshot_location_controller.h"

#include "velero/schema_check.h"

namespace salvor::server {

using velero::resources::kVolumeSnapshotLocations;

namespace {
constexpr auto kCheckEvery = std::chrono::minutes(5);
}

std::vector<Controller::Watched> SnapshotLocationController::watches() {
  return {names_of(kVolumeSnapshotLocations)};
}

Controller::Requeue SnapshotLocationController::reconcile(const std::string& name,
                                                          const base::CancelToken& cancel) {
  auto location = load_valid<velero::VolumeSnapshotLocation>(context_, kVolumeSnapshotLocations,
                                                             "VolumeSnapshotLocation", object(name), cancel);
  if (!location || location->value.metadata.being_deleted()) return std::nullopt;
  std::string why = velero::describe_unknown_fields(location->read, "VolumeSnapshotLocation");
  if (why.empty()) {
    try {
      volumes_.snapshot_provider(name);
    } catch (const base::Error& error) {
      why = error.message();
    }
  }
  location->value.status.phase = why.empty() ? velero::phase::kAvailable : velero::phase::kUnavailable;
  if (!why.empty()) logger_.error("volume snapshot location \"{}\" is unavailable: {}", name, why);
  save_and_announce(context_, *location, kVolumeSnapshotLocations, cancel, why);
  return kCheckEvery;
}

}  // namespace salvor::server
