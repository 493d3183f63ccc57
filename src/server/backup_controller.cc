#include "server/backup_controller.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "backup/backupper.h"
#include "kube/discovery.h"
#include "kube/selector.h"
#include "server/lookups.h"
#include "server/overlap.h"
#include "velero/bucket_layout.h"
#include "velero/schema_check.h"
#include "volumes/csi_snapshots.h"

namespace salvor::server {

using velero::resources::kBackups;
namespace phase = velero::phase;
namespace notes = velero::salvor_annotation;
namespace csi = volumes::csi;

namespace {

constexpr auto kOverlapDelay = std::chrono::seconds(5);
constexpr auto kConflictDelay = std::chrono::milliseconds(100);
// A backup that a server dies of is not begun anew for ever.
constexpr int kMostRestarts = 3;

bool is_new(const std::string& phase) {
  return phase.empty() || phase == phase::kNew || phase == phase::kQueued || phase == phase::kReadyToStart;
}

int restarts_of(const velero::Backup& backup) {
  const auto text = backup.metadata.annotation(notes::kRestarts);
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

void remove_server_notes(velero::ObjectMeta& metadata) {
  for (const auto* key : {notes::kServer, notes::kRestarts, notes::kNotified, notes::kCancel})
    metadata.remove_annotation(key);
}

std::vector<Controller::Watched> BackupController::watches() {
  return {{kBackups, "", [this](const kube::WatchEvent& event) { handle(event); }}};
}

void BackupController::handle(const kube::WatchEvent& event) {
  using Type = kube::WatchEvent::Type;
  if (event.type == Type::kBookmark) return;
  const auto name = kube::name_of(event.object);
  const auto annotations = kube::annotations_of(event.object);
  const auto phase = codec::get_string(event.object, {"status", "phase"});
  if (context_.backups.is_running(name)) {
    const auto owner = annotations.find(notes::kServer);
    if (event.type == Type::kDeleted || annotations.contains(notes::kCancel))
      context_.backups.stop(name, Operations::StopReason::kRequested);
    else if (owner != annotations.end() && owner->second != context_.presence.identity())
      context_.backups.stop(name, Operations::StopReason::kTakenOver);
    return;
  }
  if (event.type != Type::kDeleted && (is_new(phase) || is_at_work(phase)))
    queue().add(name, codec::get_string(event.object, {"metadata", "creationTimestamp"}));
}

Controller::Requeue BackupController::reconcile(const std::string& name, const base::CancelToken& cancel) {
  auto backup = load_valid<velero::Backup>(context_, kBackups, "Backup", object(name), cancel);
  if (!backup || backup->value.metadata.being_deleted()) return std::nullopt;
  const auto& phase = backup->value.status.phase;
  if (is_at_work(phase)) return take_over(*backup, cancel);
  return is_new(phase) ? start(*backup, cancel) : std::nullopt;
}

// --- what an earlier server left
// ---------------------------------------------------------------------------------

Controller::Requeue BackupController::take_over(Stored<velero::Backup>& backup,
                                                const base::CancelToken& cancel) {
  auto& value = backup.value;
  const auto owner = value.metadata.annotation(notes::kServer);
  if (owner != context_.presence.identity() && context_.presence.is_alive(owner, cancel))
    return context_.presence.duration() / 3;
  if (adopt_from_store(backup, cancel)) return std::nullopt;
  // What this process claimed without hearing of it brought nobody down.
  const bool never_ran =
      owner == context_.presence.identity() && context_.backups.is_in_doubt(value.metadata.name());
  const int restarts = restarts_of(value) + (never_ran ? 0 : 1);
  if (restarts > kMostRestarts || value.metadata.has_annotation(notes::kCancel)) {
    value.status.failure_reason =
        value.metadata.has_annotation(notes::kCancel)
            ? "the backup was cancelled on request"
            : fmt::format(
                  "found a backup with status \"{}\" during the server starting, mark it as \"Failed\": "
                  "its server ended {} times in the middle of it",
                  value.status.phase, restarts);
    value.status.phase = phase::kFailed;
    value.status.completion_timestamp = now();
    backup.save_unchanged(context_.client, kBackups, cancel);
    clear_earlier_attempt(value, cancel);
    announce_phase(context_, backup, phase::kInProgress, value.status.failure_reason);
    logger_.warning("backup \"{}\": {}", value.metadata.name(), value.status.failure_reason);
    count(value);
    return std::nullopt;
  }
  value.metadata.set_annotation(notes::kServer, context_.presence.identity());
  if (restarts > 0) value.metadata.set_annotation(notes::kRestarts, std::to_string(restarts));
  try {
    backup.save_unchanged(context_.client, kBackups, cancel);
  } catch (const base::Error& error) {
    // Another server was faster, or the old one is not dead after all.
    if (error.code() == base::ErrorCode::kConflict) return context_.presence.duration() / 3;
    throw;
  }
  context_.metrics.add("salvor_backup_resumed_total", {});
  begin_anew(backup, cancel);
  return std::nullopt;
}

// The metadata is the last piece that is written: with it, the backup is whole.
bool BackupController::adopt_from_store(Stored<velero::Backup>& backup, const base::CancelToken& cancel) {
  auto& value = backup.value;
  const auto name = value.metadata.name();
  std::optional<velero::BackupStorageLocation> location;
  try {
    location = context_.stores.location(value.spec.storage_location, cancel);
  } catch (const base::Error& error) {
    if (error.code() != base::ErrorCode::kNotFound) throw;
    return false;  // it begins anew, and fails validation
  }
  auto store = context_.stores.backup_store(*location, cancel);
  if (!store.backup_exists(name, cancel)) return false;
  const auto stored = store.get_backup(name, cancel);
  if (stored.metadata.uid() != value.metadata.uid() || !velero::is_finished(stored.status)) return false;
  logger_.info("backup \"{}\" was whole in the store when its server ended", name);
  if (context_.options.features.contains(velero::feature::kCsi))
    csi::let_go(context_.client, csi::find_leftovers(context_.client, value.metadata.uid(), cancel),
                csi::owner_labels(name, value.metadata.uid()), cancel);
  value.status = stored.status;
  save_and_announce(context_, backup, kBackups, cancel);
  count(value);
  return true;
}

void BackupController::begin_anew(Stored<velero::Backup>& backup, const base::CancelToken& cancel) {
  auto& value = backup.value;
  logger_.warning("backup \"{}\" was {} when its server ended; it begins anew", value.metadata.name(),
                  value.status.phase);
  clear_earlier_attempt(value, cancel);
  value.status = {};
  value.status.phase = phase::kNew;
  save_and_announce(context_, backup, kBackups, cancel, "its server ended in the middle; it begins anew");
  queue().add(value.metadata.name(), codec::get_string(value.metadata.fields(), {"creationTimestamp"}));
}

// Pieces without metadata, which nobody takes for a backup; orders to node agents that nobody waits for;
// snapshots that only the dead server knew besides its journal in the store, and its labels in the cluster.
void BackupController::clear_earlier_attempt(const velero::Backup& backup, const base::CancelToken& cancel) {
  const auto name = backup.metadata.name();
  kube::ListOptions own;
  own.label_selector = fmt::format("{}={}", velero::label::kBackupUid, backup.metadata.uid());
  for (const auto& volume :
       context_.client.list(velero::resources::kPodVolumeBackups, context_.options.name_space, own, cancel)) {
    const auto phase = codec::get_string(volume, {"status", "phase"});
    if (phase == phase::kCompleted || phase == phase::kFailed || phase == phase::kCanceled) continue;
    context_.client.patch(velero::resources::kPodVolumeBackups, object(kube::name_of(volume)),
                          kube::PatchType::kMerge, {{"spec", {{"cancel", true}}}}, "", cancel);
  }
  try {
    if (context_.options.features.contains(velero::feature::kCsi))
      csi::discard(context_.client, csi::find_leftovers(context_.client, backup.metadata.uid(), cancel),
                   cancel);
    auto store =
        context_.stores.backup_store(context_.stores.location(backup.spec.storage_location, cancel), cancel);
    if (store.backup_exists(name, cancel)) return;  // of another backup of that name
    for (const auto& snapshot : store.get_volume_snapshots(name, cancel))
      if (volumes_.delete_snapshot && snapshot.spec.backup_uid == backup.metadata.uid())
        volumes_.delete_snapshot(snapshot, cancel);
    store.delete_backup(name, cancel);
  } catch (const base::Error& error) {
    cancel.check();
    logger_.warning("cannot tidy up after the earlier attempt of backup \"{}\": {}", name, error.message());
  }
}

// File data of a backup that was cancelled, or, when another attempt succeeded, of the earlier ones: until
// then the new attempt has those for parents, so that what was saved then need not be read again.
void BackupController::remove_volumes(const velero::Backup& backup, std::optional<base::Time> made_before) {
  kube::ListOptions own;
  own.label_selector = fmt::format("{}={}", velero::label::kBackupUid, backup.metadata.uid());
  try {
    for (const auto& object_json :
         context_.client.list(velero::resources::kPodVolumeBackups, context_.options.name_space, own)) {
      const auto volume = velero::PodVolumeBackup::from_json(object_json);
      const auto created = volume.metadata.creation_time();
      // Times of objects are whole seconds.
      if (made_before && (!created || *created >= std::chrono::floor<std::chrono::seconds>(*made_before)))
        continue;
      if (!volume.status.snapshot_id.empty() && volumes_.forget) volumes_.forget(volume, {});
      context_.client.remove(velero::resources::kPodVolumeBackups, object(volume.metadata.name()));
    }
  } catch (const base::Error& error) {
    logger_.warning("cannot remove the file data of an attempt at backup \"{}\": {}", backup.metadata.name(),
                    error.message());
  }
}

// --- the work
// ----------------------------------------------------------------------------------------------------

std::vector<std::string> BackupController::prepare(velero::Backup& backup, const base::CancelToken& cancel) {
  std::vector<std::string> excluded;
  kube::ListOptions excluded_only;
  excluded_only.label_selector = std::string(velero::label::kExcludeFromBackup) + "=true";
  for (const auto& object : context_.client.list(kube::resources::kNamespaces, "", excluded_only, cancel))
    excluded.push_back(kube::name_of(object));
  return velero::prepare_backup(backup, server_defaults(context_.options),
                                validation_lookups(context_, cancel), excluded,
                                context_.client.server_version(cancel), now());
}

Controller::Requeue BackupController::start(Stored<velero::Backup>& backup, const base::CancelToken& cancel) {
  auto& value = backup.value;
  const auto name = value.metadata.name();
  if (value.metadata.has_annotation(notes::kCancel)) {
    value.status.phase = phase::kFailed;
    value.status.failure_reason = "the backup was cancelled on request";
    value.status.completion_timestamp = now();
    finish(backup, cancel);
    return std::nullopt;
  }
  const auto running = context_.backups.start(name, value.spec.included_namespaces, cancel);
  if (!running) return kOverlapDelay;
  // Others are asked for only where there were any: most servers are alone.
  if (context_.presence.had_others() && !overlapping_elsewhere(context_, value, cancel).empty())
    return kOverlapDelay;
  if (value.status.phase == phase::kQueued && !make_ready(backup, cancel)) return kConflictDelay;

  value.metadata.set_annotation(notes::kServer, context_.presence.identity());
  const Metrics::Labels labels{{"schedule", value.metadata.label(velero::label::kScheduleName)}};
  const auto phase_before = backup.phase_before();
  value.status.queue_position = 0;
  value.status.validation_errors = prepare(value, cancel);
  for (const auto& field : velero::unknown_spec_fields(backup.read, "Backup"))
    value.status.validation_errors.push_back(fmt::format("{}: unknown field", field));
  const bool valid = value.status.validation_errors.empty();
  value.status.phase = valid ? phase::kInProgress : phase::kFailedValidation;
  if (valid) value.status.start_timestamp = now();
  const auto why = fmt::format("{}", fmt::join(value.status.validation_errors, "; "));
  try {
    // Whose save comes first, whose the backup is.
    backup.save_unchanged(context_.client, kBackups, cancel);
  } catch (const base::Error& error) {
    if (error.code() == base::ErrorCode::kConflict) return kConflictDelay;
    context_.backups.doubt(name);
    throw;
  }
  announce_phase(context_, backup, phase_before, why);
  if (!valid) {
    logger_.error("backup \"{}\" is not valid: {}", name, why);
    context_.metrics.add("velero_backup_validation_failure_total", labels);
    context_.metrics.set("velero_backup_last_status", labels, 0);
    return std::nullopt;
  }
  if (const auto other = overlapping_claim(value, cancel); !other.empty()) {
    give_back(backup, fmt::format("another server works on the same namespaces for backup {}", other));
    return kOverlapDelay / 2 + std::chrono::milliseconds(context_.random.next() % 5000);
  }
  context_.metrics.add("velero_backup_attempt_total", labels);
  run(backup, *running, cancel);
  return std::nullopt;
}

// From the queue to the start, as Velero shows it. False if somebody else has changed the backup.
bool BackupController::make_ready(Stored<velero::Backup>& backup, const base::CancelToken& cancel) {
  backup.value.status.phase = phase::kReadyToStart;
  backup.value.status.queue_position = 0;
  try {
    backup.save_unchanged(context_.client, kBackups, cancel);
  } catch (const base::Error& error) {
    if (error.code() == base::ErrorCode::kConflict) return false;
    throw;
  }
  announce_phase(context_, backup, phase::kQueued);
  return true;
}

// Once the claim is there for all to see. A server that cannot ask must not go on as if it were alone.
std::string BackupController::overlapping_claim(const velero::Backup& backup,
                                                const base::CancelToken& cancel) {
  try {
    return context_.presence.has_others(context_.client, cancel)
               ? overlapping_elsewhere(context_, backup, cancel)
               : "";
  } catch (const base::Error&) {
    context_.backups.doubt(backup.metadata.name());
    throw;
  }
}

void BackupController::run(Stored<velero::Backup>& backup, const Running& running,
                           const base::CancelToken& cancel) {
  auto& value = backup.value;
  const auto name = value.metadata.name();
  const auto log = operation_logger("backup", name);
  log.info("backup \"{}\" starts", name);
  try {
    value.status = run_engine(backup, running, log);
  } catch (const std::exception& error) {
    value.status.phase = phase::kFailed;
    value.status.failure_reason = base::describe(error);
    value.status.completion_timestamp = now();
  }
  const auto reason = running.stop_reason();
  if (reason == Operations::StopReason::kTakenOver) {
    logger_.warning("backup \"{}\" was taken over by another server", name);
    return;
  }
  const bool stopped = running.token().cancelled() && value.status.phase == phase::kFailed;
  if (stopped && reason == Operations::StopReason::kNone)
    return give_back(backup, "its server was stopped; the next one makes it");
  if (stopped) value.status.failure_reason = "the backup was cancelled on request";
  finish(backup, cancel);
  // Those of a backup that failed by itself are parents for the next; they go when it is deleted.
  if (stopped)
    remove_volumes(value, std::nullopt);
  else if (value.status.phase != phase::kFailed && restarts_of(value) > 0)
    remove_volumes(value, value.status.start_timestamp);
}

void BackupController::finish(Stored<velero::Backup>& backup, const base::CancelToken& cancel) {
  auto& value = backup.value;
  const auto name = value.metadata.name();
  save_surely(
      context_,
      [&] {
        try {
          save_and_announce(context_, backup, kBackups, {}, value.status.failure_reason);
        } catch (const base::Error& error) {
          if (error.code() != base::ErrorCode::kNotFound) throw;  // deleted meanwhile
        }
      },
      cancel);
  if (value.status.failure_reason.empty())
    logger_.info("backup \"{}\" ended: {}", name, value.status.phase);
  else
    logger_.error("backup \"{}\" ended: {}: {}", name, value.status.phase, value.status.failure_reason);
  count(value);
}

// To whoever is the next that may make it.
void BackupController::give_back(Stored<velero::Backup>& backup, const std::string& why) {
  auto& value = backup.value;
  value.metadata.remove_annotation(notes::kServer);
  value.status = {};
  value.status.phase = phase::kNew;
  save_surely(context_, [&] { save_and_announce(context_, backup, kBackups, {}, why); }, {});
  logger_.info("backup \"{}\" goes back to New: {}", value.metadata.name(), why);
}

// Asked before anything is written that another server could have written by now. While nobody can be asked,
// nobody else can have taken the backup over.
bool BackupController::is_ours(const std::string& name, const base::CancelToken& cancel) {
  std::optional<Json> found;
  save_surely(
      context_, [&] { found = context_.client.get(kBackups, object(name), cancel); }, cancel);
  if (!found) return true;  // deleted: what is left is ours to remove
  const auto annotations = kube::annotations_of(*found);
  const auto owner = annotations.find(notes::kServer);
  const bool ours = owner == annotations.end() || owner->second == context_.presence.identity();
  if (!ours) context_.backups.stop(name, Operations::StopReason::kTakenOver);
  return ours;
}

velero::BackupStatus BackupController::run_engine(Stored<velero::Backup>& backup, const Running& running,
                                                  const base::Logger& log) {
  auto& value = backup.value;
  const auto cancel = running.token();
  const auto location = context_.stores.location(value.spec.storage_location, cancel);
  auto store = context_.stores.backup_store(location, cancel);
  kube::Discovery discovery(context_.client);
  discovery.refresh(cancel);

  backup::BackupOptions options;
  options.name_space = context_.options.name_space;
  options.page_size = context_.options.page_size;
  options.csi_snapshots = context_.options.features.contains(velero::feature::kCsi);
  options.all_versions = context_.options.features.contains(velero::feature::kApiGroupVersions);
  options.pod_volume_timeout = context_.options.fs_backup_timeout;
  if (const auto& policy = value.spec.resource_policy)
    options.policies = velero::ResourcePolicies::from_config_map(
        context_.client.require(kube::resources::kConfigMaps, object(policy->name), cancel));

  const auto name = value.metadata.name();
  backup::BackupServices services{
      context_.client, discovery, context_.clock, context_.random, store, log, volumes_.snapshot_provider,
      nullptr,         nullptr,   nullptr};
  if (volumes_.repository)
    services.repository = [&](const std::string& name_space) {
      return volumes_.repository(name_space, location, cancel);
    };
  services.node_agent_runs = [&](const std::string& node) { return node_agent_runs(node, cancel); };
  if (volumes_.delete_snapshot)
    services.delete_snapshot = [&](const velero::NativeSnapshot& snapshot) {
      volumes_.delete_snapshot(snapshot, {});
    };
  services.may_write = [&] { return is_ours(name, {}); };
  services.progress = [&](const velero::BackupStatus& status) {
    value.status = status;
    try {
      save_and_announce(context_, backup, kBackups, cancel);
    } catch (const base::Error& error) {
      log.warning("cannot record the progress of backup \"{}\": {}", name, error.message());
    }
  };
  auto input = value;  // what the engine reads must not change under it
  remove_server_notes(input.metadata);
  auto status = backup::run_backup(input, services, options, cancel);
  if (status.phase != phase::kFailed) note_size(value, store);
  return status;
}

void BackupController::note_size(const velero::Backup& backup, velero::BackupStore& store) {
  try {
    if (const auto contents = store.store().stat(velero::backup_key::contents(backup.metadata.name())))
      context_.metrics.set("velero_backup_tarball_size_bytes",
                           {{"schedule", backup.metadata.label(velero::label::kScheduleName)}},
                           static_cast<double>(contents->size));
  } catch (const base::Error& error) {
    logger_.warning("cannot ask for the size of backup \"{}\": {}", backup.metadata.name(), error.message());
  }
}

// This process serves its own node; other nodes have a pod of the DaemonSet node-agent.
bool BackupController::node_agent_runs(const std::string& node, const base::CancelToken& cancel) {
  if (node == context_.options.node_name) return true;
  kube::ListOptions agents;
  agents.label_selector = "name=node-agent";
  agents.field_selector = kube::field_equals("spec.nodeName", node);
  const auto pods = context_.client.list(kube::resources::kPods, context_.options.name_space, agents, cancel);
  return std::any_of(pods.begin(), pods.end(), [](const Json& pod) {
    return codec::get_string(pod, {"status", "phase"}) == "Running";
  });
}

void BackupController::count(const velero::Backup& backup) {
  auto& metrics = context_.metrics;
  const auto& status = backup.status;
  const Metrics::Labels labels{{"schedule", backup.metadata.label(velero::label::kScheduleName)}};
  const auto seconds = [](base::Duration duration) {
    return std::chrono::duration<double>(duration).count();
  };
  if (status.phase == phase::kCompleted) {
    metrics.add("velero_backup_success_total", labels);
    if (status.completion_timestamp)
      metrics.set("velero_backup_last_successful_timestamp", labels,
                  std::floor(seconds(status.completion_timestamp->time_since_epoch())));
  } else if (status.phase == phase::kPartiallyFailed) {
    metrics.add("velero_backup_partial_failure_total", labels);
  } else {
    metrics.add("velero_backup_failure_total", labels);
  }
  if (status.warnings > 0) metrics.add("velero_backup_warning_total", labels);
  metrics.set("velero_backup_last_status", labels, status.phase == phase::kCompleted ? 1 : 0);
  if (status.progress) metrics.set("velero_backup_items_total", labels, status.progress->total_items);
  metrics.set("velero_backup_items_errors", labels, status.errors);
  metrics.add("velero_volume_snapshot_attempt_total", labels, status.volume_snapshots_attempted);
  metrics.add("velero_volume_snapshot_success_total", labels, status.volume_snapshots_completed);
  metrics.add("velero_volume_snapshot_failure_total", labels,
              status.volume_snapshots_attempted - status.volume_snapshots_completed);
  if (status.csi_volume_snapshots_attempted > 0) {
    Metrics::Labels of_backup = labels;
    of_backup["backupName"] = backup.metadata.name();
    metrics.add("velero_csi_snapshot_attempt_total", of_backup, status.csi_volume_snapshots_attempted);
    metrics.add("velero_csi_snapshot_success_total", of_backup, status.csi_volume_snapshots_completed);
    metrics.add("velero_csi_snapshot_failure_total", of_backup,
                status.csi_volume_snapshots_attempted - status.csi_volume_snapshots_completed);
  }
  if (status.start_timestamp && status.completion_timestamp)
    metrics.observe("velero_backup_duration_seconds", labels,
                    seconds(*status.completion_timestamp - *status.start_timestamp));
}

}  // namespace salvor::server
