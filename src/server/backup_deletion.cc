#include "server/backup_deletion.h"

#include <algorithm>
#include <set>

#include "server/overlap.h"
#include "velero/bucket_layout.h"
#include "velero/schema_check.h"
#include "volumes/csi_snapshots.h"

namespace salvor::server {

using velero::resources::kBackups;
using velero::resources::kDeleteBackupRequests;
using velero::resources::kRestores;
namespace phase = velero::phase;

namespace {

constexpr auto kKeepProcessed = std::chrono::hours(24);
constexpr auto kRestoreDeletionTimeout = std::chrono::minutes(1);
constexpr auto kRestorePoll = std::chrono::milliseconds(200);

// Their own list, which Velero has not written since 1.13; without it the tarball has them.
std::vector<Json> stored_csi_contents(velero::BackupStore& store, const velero::Backup& backup,
                                      const base::CancelToken& cancel) {
  const auto name = backup.metadata.name();
  std::vector<Json> contents;
  if (const auto text = store.get_gzipped(velero::backup_key::csi_volume_snapshot_contents(name), cancel)) {
    const Json list = codec::parse_json(*text, "the list of VolumeSnapshotContents");
    if (list.is_array()) contents.assign(list.begin(), list.end());
    return contents;
  }
  const auto volumes = store.get_volume_info(name, cancel);
  const bool may_have = backup.status.csi_volume_snapshots_attempted > 0 ||
                        std::any_of(volumes.begin(), volumes.end(), [](const velero::VolumeInfo& volume) {
                          return volume.backup_method == "CSISnapshot";
                        });
  if (!may_have || !store.backup_exists(name, cancel)) return contents;
  const auto tarball = store.get_contents(name, {}, cancel);
  for (const auto& item : tarball.items(volumes::csi::kContents.group_resource()))
    contents.push_back(codec::parse_json(tarball.content(item), item.name));
  return contents;
}

bool is_running(const std::string& phase) {
  return phase.empty() || phase == phase::kNew || phase == phase::kQueued || phase == phase::kReadyToStart ||
         is_at_work(phase);
}

}  // namespace

std::vector<Controller::Watched> BackupDeletion::watches() {
  return {names_of(kDeleteBackupRequests)};
}

void BackupDeletion::finish(Request& request, std::vector<std::string> errors,
                            const base::CancelToken& cancel) {
  for (const auto& error : errors)
    logger_.error("cannot delete backup \"{}\": {}", request.value.spec.backup_name, error);
  request.value.status.phase = phase::kProcessed;
  request.value.status.errors = std::move(errors);
  save_surely(
      context_,
      [&] {
        save_and_announce(context_, request, kDeleteBackupRequests, {},
                          fmt::format("{}", fmt::join(request.value.status.errors, "; ")));
      },
      cancel);
}

Controller::Requeue BackupDeletion::purge_when_old(const velero::DeleteBackupRequest& request,
                                                   const base::CancelToken& cancel) {
  const auto created = request.metadata.creation_time();
  if (!created) return std::nullopt;
  const auto left = *created + kKeepProcessed - now();
  if (left > std::chrono::nanoseconds(0)) return left;
  context_.client.remove(kDeleteBackupRequests, object(request.metadata.name()), "Background", "", cancel);
  return std::nullopt;
}

void BackupDeletion::remove_older_requests(const Request& request, const base::CancelToken& cancel) {
  for (const auto& other :
       context_.client.list(kDeleteBackupRequests, context_.options.name_space, {}, cancel)) {
    if (codec::get_string(other, {"spec", "backupName"}) != request.value.spec.backup_name) continue;
    const auto name = kube::name_of(other);
    const auto phase = codec::get_string(other, {"status", "phase"});
    if (name != request.value.metadata.name() && phase == phase::kProcessed)
      context_.client.remove(kDeleteBackupRequests, object(name), "Background", "", cancel);
  }
}

Controller::Requeue BackupDeletion::reconcile(const std::string& name, const base::CancelToken& cancel) {
  auto request = load_valid<velero::DeleteBackupRequest>(context_, kDeleteBackupRequests,
                                                         "DeleteBackupRequest", object(name), cancel);
  if (!request || request->value.metadata.being_deleted()) return std::nullopt;
  auto& value = request->value;
  if (value.status.phase == phase::kProcessed) return purge_when_old(value, cancel);
  if (const auto unknown = velero::describe_unknown_fields(request->read, "DeleteBackupRequest");
      !unknown.empty()) {
    finish(*request, {unknown}, cancel);
    return std::nullopt;
  }
  const auto& backup_name = value.spec.backup_name;
  if (backup_name.empty()) {
    finish(*request, {"spec.backupName is required"}, cancel);
    return std::nullopt;
  }
  auto backup = load<velero::Backup>(context_.client, kBackups, object(backup_name), cancel);
  if (!backup) {
    finish(*request, {"backup not found"}, cancel);
    return std::nullopt;
  }
  if (is_running(backup->value.status.phase)) {
    finish(*request, {"backup is still in progress"}, cancel);
    return std::nullopt;
  }
  std::optional<velero::BackupStorageLocation> location;
  try {
    location = context_.stores.location(backup->value.spec.storage_location, cancel);
  } catch (const base::Error& error) {
    if (error.code() != base::ErrorCode::kNotFound) throw;
    finish(*request,
           {fmt::format("backup storage location {} not found", backup->value.spec.storage_location)},
           cancel);
    return std::nullopt;
  }
  if (location->read_only()) {
    finish(
        *request,
        {fmt::format("cannot delete backup because backup storage location {} is currently in read-only mode",
                     location->metadata.name())},
        cancel);
    return std::nullopt;
  }

  value.metadata.set_label(velero::label::kBackupName, velero::label_value(backup_name));
  const auto backup_uid = backup->value.metadata.uid();
  value.metadata.set_label(velero::label::kBackupUid, backup_uid);
  value.status.phase = phase::kInProgress;
  save_and_announce(context_, *request, kDeleteBackupRequests, cancel);
  remove_older_requests(*request, cancel);
  const Metrics::Labels labels{{"schedule", backup->value.metadata.label(velero::label::kScheduleName)}};
  context_.metrics.add("velero_backup_deletion_attempt_total", labels);
  backup->value.status.phase = phase::kDeleting;
  save_and_announce(context_, *backup, kBackups, cancel);

  auto errors = remove_backup(backup->value, *location, cancel);
  const bool succeeded = errors.empty();
  if (succeeded) context_.client.remove(kBackups, object(backup_name), "Background", backup_uid, cancel);
  context_.metrics.add(
      succeeded ? "velero_backup_deletion_success_total" : "velero_backup_deletion_failure_total", labels);
  finish(*request, std::move(errors), cancel);
  if (!succeeded) return std::nullopt;
  logger_.info("backup \"{}\" is deleted", backup_name);
  kube::ListOptions same_backup;
  same_backup.label_selector = std::string(velero::label::kBackupUid) + "=" + backup_uid;
  for (const auto& other :
       context_.client.list(kDeleteBackupRequests, context_.options.name_space, same_backup, cancel))
    context_.client.remove(kDeleteBackupRequests, object(kube::name_of(other)), "Background", "", cancel);
  return std::nullopt;
}

std::vector<std::string> BackupDeletion::remove_backup(const velero::Backup& backup,
                                                       const velero::BackupStorageLocation& location,
                                                       const base::CancelToken& cancel) {
  std::vector<std::string> errors;
  const auto name = backup.metadata.name();
  try {
    auto store = context_.stores.backup_store(location, cancel);
    remove_volume_data(store, backup, errors, cancel);
    // The store's list of snapshots is what a second attempt needs, so it stays as long as a snapshot may.
    if (!errors.empty()) return errors;
    store.delete_backup(name, cancel);
  } catch (const base::Error& error) {
    errors.push_back(fmt::format("error deleting backup from backup storage: {}", error.message()));
    return errors;
  }
  remove_restores(name, errors, cancel);
  return errors;
}

// Those that the store lists, and, of a backup that failed before it had a list, those in the cluster.
std::vector<velero::PodVolumeBackup> BackupDeletion::pod_volume_backups(velero::BackupStore& store,
                                                                        const velero::Backup& backup,
                                                                        const base::CancelToken& cancel) {
  auto result = store.get_pod_volume_backups(backup.metadata.name(), cancel);
  std::set<std::string> known;
  for (const auto& volume : result) known.insert(volume.status.snapshot_id);
  kube::ListOptions own;
  own.label_selector = fmt::format("{}={}", velero::label::kBackupUid, backup.metadata.uid());
  for (const auto& object_json :
       context_.client.list(velero::resources::kPodVolumeBackups, context_.options.name_space, own, cancel)) {
    auto volume = velero::PodVolumeBackup::from_json(object_json);
    if (known.insert(volume.status.snapshot_id).second) result.push_back(std::move(volume));
  }
  return result;
}

// Of the contents in the bucket: those that the backup made, which its label says.
void BackupDeletion::remove_csi_snapshots(velero::BackupStore& store, const velero::Backup& backup,
                                          std::vector<std::string>& errors, const base::CancelToken& cancel) {
  std::vector<Json> own;
  try {
    for (auto& content : stored_csi_contents(store, backup, cancel)) {
      const auto labels = kube::labels_of(content);
      const auto owner = labels.find(velero::label::kBackupName);
      if (owner != labels.end() && owner->second == velero::label_value(backup.metadata.name()))
        own.push_back(std::move(content));
    }
  } catch (const base::Error& error) {
    if (error.code() == base::ErrorCode::kCancelled) throw;
    errors.push_back(fmt::format("error reading which CSI snapshots to delete: {}", error.message()));
    return;
  }
  if (own.empty()) return;
  for (const auto& failure :
       volumes::csi::delete_stored(context_.client, own, context_.options.resource_timeout, cancel))
    errors.push_back("error deleting " + failure);
}

void BackupDeletion::remove_volume_data(velero::BackupStore& store, const velero::Backup& backup,
                                        std::vector<std::string>& errors, const base::CancelToken& cancel) {
  const auto name = backup.metadata.name();
  for (const auto& snapshot : store.get_volume_snapshots(name, cancel)) {
    if (snapshot.status.provider_snapshot_id.empty()) continue;
    try {
      if (!volumes_.delete_snapshot)
        base::fail(base::ErrorCode::kUnsupported, "no provider of volume snapshots");
      volumes_.delete_snapshot(snapshot, cancel);
    } catch (const base::Error& error) {
      errors.push_back(fmt::format("error deleting snapshot {}: {}", snapshot.status.provider_snapshot_id,
                                   error.message()));
    }
  }
  remove_csi_snapshots(store, backup, errors, cancel);
  for (auto volume : pod_volume_backups(store, backup, cancel)) {
    if (volume.status.snapshot_id.empty()) continue;
    volume.spec.backup_storage_location = backup.spec.storage_location;
    try {
      if (!volumes_.forget) base::fail(base::ErrorCode::kUnsupported, "no repository of file data");
      volumes_.forget(volume, cancel);
    } catch (const base::Error& error) {
      errors.push_back(fmt::format("error deleting pod volume snapshot {}: {}", volume.status.snapshot_id,
                                   error.message()));
    }
  }
}

void BackupDeletion::remove_restores(const std::string& backup, std::vector<std::string>& errors,
                                     const base::CancelToken& cancel) {
  std::vector<std::string> names;
  for (const auto& restore : context_.client.list(kRestores, context_.options.name_space, {}, cancel))
    if (codec::get_string(restore, {"spec", "backupName"}) == backup) names.push_back(kube::name_of(restore));
  for (const auto& name : names) context_.client.remove(kRestores, object(name), "Background", "", cancel);
  // Their finalizers need the Backup to find the store.
  const auto deadline = std::chrono::steady_clock::now() + kRestoreDeletionTimeout;
  for (const auto& name : names) {
    while (context_.client.get(kRestores, object(name), cancel)) {
      if (std::chrono::steady_clock::now() >= deadline) {
        errors.push_back(fmt::format("restore {} was not deleted in time", name));
        return;
      }
      if (!cancel.sleep(kRestorePoll)) cancel.check();
    }
  }
}

}  // namespace salvor::server
