#include "server/backup_sync.h"

#include <algorithm>
#include <set>

#include "server/backup_controller.h"

namespace salvor::server {

using velero::resources::kBackups;
using velero::resources::kBackupStorageLocations;
using velero::resources::kPodVolumeBackups;
namespace phase = velero::phase;

namespace {

// What the server that made the object wrote and another one must not repeat.
void strip(velero::ObjectMeta& metadata, const std::string& name_space) {
  auto& fields = metadata.fields();
  for (const auto* member : {"resourceVersion", "uid", "creationTimestamp", "generation", "selfLink",
                             "managedFields", "deletionTimestamp", "deletionGracePeriodSeconds"})
    fields.erase(member);
  fields["namespace"] = name_space;
}

bool is_complete(const velero::BackupStatus& status) {
  return velero::is_finished(status);
}

}  // namespace

std::vector<Controller::Watched> BackupSync::watches() {
  return {names_of(kBackupStorageLocations)};
}

Controller::Requeue BackupSync::reconcile(const std::string& name, const base::CancelToken& cancel) {
  auto location = load_valid<velero::BackupStorageLocation>(context_, kBackupStorageLocations,
                                                            "BackupStorageLocation", object(name), cancel);
  if (!location) {
    seen_.erase(name);
    return std::nullopt;
  }
  const auto period = location->value.spec.backup_sync_period.value_or(context_.options.backup_sync_period);
  if (period <= std::chrono::nanoseconds(0)) return std::nullopt;
  const auto spec = location->original.at("spec").dump();
  if (const auto seen = seen_.find(name); seen != seen_.end() && seen->second.spec == spec) {
    const auto left = seen->second.synced + period - now();
    if (left > std::chrono::nanoseconds(0)) return left;
  }
  seen_[name] = {spec, now()};
  try {
    sync(location->value, cancel);
  } catch (const base::Error& error) {
    if (cancel.cancelled()) throw;
    logger_.error("cannot read the backups of location \"{}\": {}", name, error.message());
    return period;
  }
  location->value.status.last_synced_time = now();
  location->save(context_.client, kBackupStorageLocations, cancel);
  return period;
}

std::map<std::string, BackupSync::Known> BackupSync::cluster_backups(const base::CancelToken& cancel) {
  std::map<std::string, Known> result;
  context_.client.list_raw(
      kBackups, context_.options.name_space, {},
      [&](std::string_view raw) {
        const auto object = codec::parse_json(raw, "backup");
        result[kube::name_of(object)] = {codec::get_string(object, {"spec", "storageLocation"}),
                                         codec::get_string(object, {"status", "phase"})};
      },
      [&] { result.clear(); }, cancel);
  return result;
}

void BackupSync::sync(const velero::BackupStorageLocation& location, const base::CancelToken& cancel) {
  const auto location_name = location.metadata.name();
  auto store = context_.stores.backup_store(location, cancel);
  // The cluster first: what is finished there now must be in a list of the bucket that is made later.
  const auto known = cluster_backups(cancel);
  const auto names = store.list_backups(cancel);
  for (const auto& name : names) {
    if (known.contains(name)) continue;
    try {
      add(store, name, location_name, cancel);
    } catch (const base::Error& error) {
      if (cancel.cancelled()) throw;
      logger_.error("cannot take backup \"{}\" of location \"{}\" into the cluster: {}", name, location_name,
                    error.message());
    }
  }
  const std::set<std::string> present(names.begin(), names.end());
  for (const auto& [name, backup] : known) {
    if (backup.location != location_name || present.contains(name)) continue;
    if (backup.phase != phase::kCompleted && backup.phase != phase::kPartiallyFailed) continue;
    if (store.backup_exists(name, cancel)) continue;
    logger_.info("backup \"{}\" is no longer at location \"{}\": its object is removed", name, location_name);
    context_.client.remove(kBackups, object(name), "Background", "", cancel);
  }
}

void BackupSync::add(velero::BackupStore& store, const std::string& name, const std::string& location,
                     const base::CancelToken& cancel) {
  auto backup = store.get_backup(name, cancel);
  if (!is_complete(backup.status)) {
    // Another server still works on it; if it never ends, it becomes garbage when it expires.
    if (!backup.status.expiration || *backup.status.expiration > now()) return;
    backup.status.phase = phase::kPartiallyFailed;
  }
  strip(backup.metadata, context_.options.name_space);
  remove_server_notes(backup.metadata);
  auto& owners = backup.metadata.fields();
  if (owners.contains("ownerReferences")) {
    Json kept = Json::array();
    for (const auto& owner : owners["ownerReferences"]) {
      if (codec::get_string(owner, {"kind"}) != "Schedule") continue;
      const auto schedule = context_.client.get(velero::resources::kSchedules,
                                                object(codec::get_string(owner, {"name"})), cancel);
      if (schedule && kube::uid_of(*schedule) == codec::get_string(owner, {"uid"})) kept.push_back(owner);
    }
    if (kept.empty())
      owners.erase("ownerReferences");
    else
      owners["ownerReferences"] = std::move(kept);
  }
  backup.spec.storage_location = location;
  backup.metadata.set_label(velero::label::kStorageLocation, velero::label_value(location));
  Json created;
  try {
    created = context_.client.create(kBackups, backup.to_json(), cancel);
  } catch (const base::Error& error) {
    if (error.code() == base::ErrorCode::kAlreadyExists) return;
    throw;
  }
  logger_.info("backup \"{}\" was found at location \"{}\"", name, location);
  add_pod_volume_backups(store, created, cancel);
}

void BackupSync::add_pod_volume_backups(velero::BackupStore& store, const Json& backup,
                                        const base::CancelToken& cancel) {
  const auto name = kube::name_of(backup), uid = kube::uid_of(backup);
  for (auto& volume : store.get_pod_volume_backups(name, cancel)) {
    strip(volume.metadata, context_.options.name_space);
    volume.metadata.fields().erase("ownerReferences");
    volume.metadata.add_controller_reference(velero::kApiVersion, "Backup", name, uid);
    volume.metadata.set_label(velero::label::kBackupUid, uid);
    volume.spec.backup_storage_location = codec::get_string(backup, {"spec", "storageLocation"});
    try {
      context_.client.create(kPodVolumeBackups, volume.to_json(), cancel);
    } catch (const base::Error& error) {
      if (error.code() != base::ErrorCode::kAlreadyExists) throw;
    }
  }
}

}  // namespace salvor::server
