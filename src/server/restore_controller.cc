#include "server/restore_controller.h"

#include <algorithm>
#include <charconv>

#include "backup/backup_log.h"
#include "kube/discovery.h"
#include "restore/restorer.h"
#include "restore/version_choice.h"
#include "server/lookups.h"
#include "velero/bucket_layout.h"
#include "velero/schema_check.h"

namespace salvor::server {

using velero::resources::kBackups;
using velero::resources::kRestores;
namespace phase = velero::phase;
namespace notes = velero::salvor_annotation;

namespace {

constexpr auto kOverlapDelay = std::chrono::seconds(5);
constexpr int kMostRestarts = 3;

bool is_new(const std::string& phase) {
  return phase.empty() || phase == phase::kNew;
}

bool was_begun(const std::string& phase) {
  return !is_new(phase) && phase != phase::kCompleted && phase != phase::kPartiallyFailed &&
         phase != phase::kFailed && phase != phase::kFailedValidation;
}

int restarts_of(const velero::Restore& restore) {
  const auto text = restore.metadata.annotation(notes::kRestarts);
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::vector<std::string> target_namespaces(const velero::RestoreSpec& spec) {
  auto result = spec.included_namespaces;
  for (auto& name : result)
    if (const auto mapped = spec.namespace_mapping.find(name); mapped != spec.namespace_mapping.end())
      name = mapped->second;
  // Of all that the backup has, so what it maps is among them.
  if (result.empty()) result.push_back("*");
  return result;
}

}  // namespace

std::vector<Controller::Watched> RestoreController::watches() {
  return {{kRestores, "", [this](const kube::WatchEvent& event) { handle(event); }}};
}

void RestoreController::handle(const kube::WatchEvent& event) {
  using Type = kube::WatchEvent::Type;
  if (event.type == Type::kBookmark) return;
  const auto name = kube::name_of(event.object);
  const auto annotations = kube::annotations_of(event.object);
  const bool deleted = event.type == Type::kDeleted || kube::is_being_deleted(event.object);
  if (context_.restores.is_running(name)) {
    const auto owner = annotations.find(notes::kServer);
    if (deleted || annotations.contains(notes::kCancel))
      context_.restores.stop(name, Operations::StopReason::kRequested);
    else if (owner != annotations.end() && owner->second != context_.presence.identity())
      context_.restores.stop(name, Operations::StopReason::kTakenOver);
  }
  const auto phase = codec::get_string(event.object, {"status", "phase"});
  const bool wanted = kube::is_being_deleted(event.object) || is_new(phase) ||
                      (was_begun(phase) && !context_.restores.is_running(name));
  if (event.type != Type::kDeleted && wanted)
    queue().add(name, codec::get_string(event.object, {"metadata", "creationTimestamp"}));
}

Controller::Requeue RestoreController::reconcile(const std::string& name, const base::CancelToken& cancel) {
  auto restore = load_valid<velero::Restore>(context_, kRestores, "Restore", object(name), cancel);
  if (!restore) return std::nullopt;
  if (restore->value.metadata.being_deleted()) {
    remove_files(*restore, cancel);
    return std::nullopt;
  }
  const auto& phase = restore->value.status.phase;
  if (was_begun(phase)) return take_over(*restore, cancel);
  return is_new(phase) ? start(*restore, cancel) : std::nullopt;
}

Controller::Requeue RestoreController::take_over(Stored<velero::Restore>& restore,
                                                 const base::CancelToken& cancel) {
  auto& value = restore.value;
  auto& status = value.status;
  const auto owner = value.metadata.annotation(notes::kServer);
  if (owner != context_.presence.identity() && context_.presence.is_alive(owner, cancel))
    return context_.presence.duration() / 3;
  // What this process claimed without hearing of it brought nobody down.
  const bool never_ran =
      owner == context_.presence.identity() && context_.restores.is_in_doubt(value.metadata.name());
  const int restarts = restarts_of(value) + (never_ran ? 0 : 1);
  const bool cancelled = value.metadata.has_annotation(notes::kCancel);
  if (restarts > kMostRestarts || cancelled) {
    status.failure_reason =
        cancelled ? "the restore was cancelled on request"
                  : fmt::format(
                        "found a restore with status \"{}\" during the server starting, mark it as "
                        "\"Failed\": its server ended {} times in the middle of it",
                        status.phase, restarts);
    status.phase = phase::kFailed;
    status.completion_timestamp = now();
    finish(restore, cancel);
    return std::nullopt;
  }
  logger_.warning("restore \"{}\" was {} when its server ended; it begins anew", value.metadata.name(),
                  status.phase);
  value.metadata.remove_annotation(notes::kServer);
  if (restarts > 0) value.metadata.set_annotation(notes::kRestarts, std::to_string(restarts));
  const auto phase_before = status.phase;
  status = {};
  status.phase = phase::kNew;
  try {
    restore.save_unchanged(context_.client, kRestores, cancel);
  } catch (const base::Error& error) {
    if (error.code() == base::ErrorCode::kConflict) return context_.presence.duration() / 3;
    throw;
  }
  context_.metrics.add("salvor_restore_resumed_total", {});
  announce_phase(context_, restore, phase_before, "its server ended in the middle; it begins anew");
  return std::chrono::milliseconds(1);
}

Controller::Requeue RestoreController::start(Stored<velero::Restore>& restore,
                                             const base::CancelToken& cancel) {
  auto& value = restore.value;
  const auto name = value.metadata.name();
  if (value.metadata.has_annotation(notes::kCancel)) {
    value.status.phase = phase::kFailed;
    value.status.failure_reason = "the restore was cancelled on request";
    value.status.completion_timestamp = now();
    finish(restore, cancel);
    return std::nullopt;
  }
  const auto running = context_.restores.start(name, target_namespaces(value.spec), cancel);
  if (!running) return kOverlapDelay;

  value.metadata.set_annotation(notes::kServer, context_.presence.identity());
  const auto phase_before = restore.phase_before();
  value.status.validation_errors =
      velero::prepare_restore(value, server_defaults(context_.options), validation_lookups(context_, cancel));
  for (const auto& field : velero::unknown_spec_fields(restore.read, "Restore"))
    value.status.validation_errors.push_back(fmt::format("{}: unknown field", field));
  const bool valid = value.status.validation_errors.empty();
  value.status.phase = valid ? phase::kInProgress : phase::kFailedValidation;
  if (valid) {
    value.metadata.add_finalizer(velero::kRestoreFinalizer);
    value.status.start_timestamp = now();
  }
  const auto why = fmt::format("{}", fmt::join(value.status.validation_errors, "; "));
  try {
    restore.save_unchanged(context_.client, kRestores, cancel);
  } catch (const base::Error& error) {
    if (error.code() == base::ErrorCode::kConflict) return std::chrono::milliseconds(100);
    context_.restores.doubt(name);
    throw;
  }
  announce_phase(context_, restore, phase_before, why);
  const Metrics::Labels labels{{"schedule", value.spec.schedule_name}};
  if (!valid) {
    logger_.error("restore \"{}\" is not valid: {}", name, why);
    context_.metrics.add("velero_restore_validation_failed_total", labels);
    return std::nullopt;
  }
  context_.metrics.add("velero_restore_attempt_total", labels);
  run(restore, *running, cancel);
  return std::nullopt;
}

void RestoreController::remove_files(Stored<velero::Restore>& restore, const base::CancelToken& cancel) {
  auto& value = restore.value;
  if (!value.metadata.has_finalizer(velero::kRestoreFinalizer)) return;
  const auto name = value.metadata.name();
  // Without its backup or its location nobody can say where the files are: the object must not stay for ever.
  if (const auto backup =
          load<velero::Backup>(context_.client, kBackups, object(value.spec.backup_name), cancel)) {
    try {
      const auto location = context_.stores.location(backup->value.spec.storage_location, cancel);
      if (!location.read_only()) context_.stores.backup_store(location, cancel).delete_restore(name, cancel);
    } catch (const base::Error& error) {
      if (error.code() != base::ErrorCode::kNotFound) throw;
      logger_.warning("cannot remove the files of restore \"{}\": {}", name, error.message());
    }
  }
  value.metadata.remove_finalizer(velero::kRestoreFinalizer);
  try {
    restore.save(context_.client, kRestores, cancel);
  } catch (const base::Error& error) {
    if (error.code() != base::ErrorCode::kNotFound) throw;
  }
}

void RestoreController::run(Stored<velero::Restore>& restore, const Running& running,
                            const base::CancelToken& cancel) {
  auto& value = restore.value;
  const auto name = value.metadata.name();
  const auto server_log = operation_logger("restore", name);
  server_log.info("restore \"{}\" of backup \"{}\" starts", name, value.spec.backup_name);
  // Shared with the loggers that the engine's threads hold.
  const auto log = std::make_shared<backup::BackupLog>(context_.clock);
  bool failed = false;
  try {
    run_engine(restore, log, server_log, running.token());
  } catch (const std::exception& error) {
    failed = true;
    value.status.phase = phase::kFailed;
    value.status.failure_reason = base::describe(error);
  }
  const auto reason = running.stop_reason();
  if (reason == Operations::StopReason::kTakenOver) {
    logger_.warning("restore \"{}\" was taken over by another server", name);
    return;
  }
  const bool stopped = failed && running.token().cancelled();
  if (stopped && reason == Operations::StopReason::kNone) return give_back(restore);
  if (stopped) value.status.failure_reason = "the restore was cancelled on request";
  value.status.completion_timestamp = now();
  finish(restore, cancel);
}

void RestoreController::finish(Stored<velero::Restore>& restore, const base::CancelToken& cancel) {
  auto& value = restore.value;
  const auto name = value.metadata.name();
  save_surely(
      context_,
      [&] {
        try {
          save_and_announce(context_, restore, kRestores, {}, value.status.failure_reason);
        } catch (const base::Error& error) {
          if (error.code() != base::ErrorCode::kNotFound) throw;  // deleted meanwhile
        }
      },
      cancel);
  if (value.status.failure_reason.empty())
    logger_.info("restore \"{}\" ended: {}", name, value.status.phase);
  else
    logger_.error("restore \"{}\" ended: {}: {}", name, value.status.phase, value.status.failure_reason);
  count(value);
}

// The server was told to stop: the next one goes on.
void RestoreController::give_back(Stored<velero::Restore>& restore) {
  auto& value = restore.value;
  value.metadata.remove_annotation(notes::kServer);
  value.status = {};
  value.status.phase = phase::kNew;
  save_surely(context_,
              [&] {
                save_and_announce(context_, restore, kRestores, {},
                                  "its server was stopped; the next one goes on");
              },
              {});
  logger_.info("restore \"{}\" goes back to New, because the server stops", value.metadata.name());
}

void RestoreController::run_engine(Stored<velero::Restore>& restore,
                                   const std::shared_ptr<backup::BackupLog>& log,
                                   const base::Logger& server_log, const base::CancelToken& cancel) {
  auto& value = restore.value;
  const auto name = value.metadata.name();
  const auto backup =
      velero::Backup::from_json(context_.client.require(kBackups, object(value.spec.backup_name), cancel));
  auto store =
      context_.stores.backup_store(context_.stores.location(backup.spec.storage_location, cancel), cancel);
  const auto& server_sink = server_log.sink();
  base::Logger logger(server_sink ? std::static_pointer_cast<base::LogSink>(
                                        std::make_shared<base::TeeLogSink>(log, server_sink))
                                  : std::static_pointer_cast<base::LogSink>(log),
                      server_log.fields());
  // Whatever happens, the log tells it.
  const auto upload_log = [&] {
    try {
      store.store().put(velero::restore_key::log(name), log->take());
    } catch (const base::Error& error) {
      logger_.error("cannot upload the log of restore \"{}\": {}", name, error.message());
    }
  };

  try {
    const bool versions = context_.options.features.contains(velero::feature::kApiGroupVersions);
    auto contents = store.get_contents(value.spec.backup_name, {}, cancel, versions);
    kube::Discovery discovery(context_.client);
    discovery.refresh(cancel);
    if (versions)
      restore::choose_versions(
          contents, discovery,
          restore::load_version_priorities(context_.client, context_.options.name_space, cancel), logger);
    std::mutex progress_mutex;
    const auto record_progress = [&] {
      try {
        save_and_announce(context_, restore, kRestores, cancel);
      } catch (const base::Error& error) {
        logger_.warning("cannot record the progress of restore \"{}\": {}", name, error.message());
      }
    };
    restore::RestoreServices services{
        context_.client, discovery, context_.clock, context_.random, logger, volumes_.create_volume, nullptr};
    services.progress = [&](const velero::RestoreProgress& progress) {
      std::lock_guard lock(progress_mutex);
      value.status.progress = progress;
      record_progress();
    };
    services.finalizing = [&](size_t errors) {
      std::lock_guard lock(progress_mutex);
      value.status.phase = errors > 0 ? phase::kFinalizingPartiallyFailed : phase::kFinalizing;
      record_progress();
    };
    restore::RestoreOptions options;
    options.name_space = context_.options.name_space;
    options.resource_priorities = context_.options.restore_resource_priorities;
    options.resource_timeout = context_.options.resource_timeout;
    options.terminating_resource_timeout = context_.options.terminating_resource_timeout;
    options.pod_volume_timeout = context_.options.fs_backup_timeout;
    const auto input = value;
    auto outcome = restore::run_restore(
        {input, backup, contents, store.get_volume_snapshots(value.spec.backup_name, cancel),
         store.get_pod_volume_backups(value.spec.backup_name, cancel),
         store.get_volume_info(value.spec.backup_name, cancel)},
        services, options, cancel);

    value.status.progress = outcome.progress;
    value.status.errors = static_cast<int>(outcome.results.errors.count());
    value.status.warnings = static_cast<int>(outcome.results.warnings.count());
    if (outcome.hooks.hooks_attempted > 0) value.status.hook_status = outcome.hooks;
    value.status.phase = value.status.errors > 0 ? phase::kPartiallyFailed : phase::kCompleted;
    // The objects are restored: a bucket that does not take the reports any more does not change that.
    const auto upload = [&](const std::string& key, const std::string& text) {
      try {
        store.put_restore_object(key, text, cancel);
      } catch (const base::Error& error) {
        if (error.code() == base::ErrorCode::kCancelled) throw;
        logger.warning("cannot upload {}: {}", key, error.message());
        ++value.status.warnings;
      }
    };
    base::StringSink list;
    outcome.resources.write_json(list);
    upload(velero::restore_key::resource_list(name), list.data());
    upload(velero::restore_key::item_operations(name), "[]");
    upload(velero::restore_key::volume_info(name), codec::to_json(outcome.volume_info));
    upload(velero::restore_key::results(name), codec::to_json(outcome.results.to_json()));
  } catch (const std::exception& error) {
    logger.error("restore failed: {}", base::describe(error));
    upload_log();
    throw;
  }
  upload_log();
}

void RestoreController::count(const velero::Restore& restore) {
  const Metrics::Labels labels{{"schedule", restore.spec.schedule_name}};
  const auto& phase = restore.status.phase;
  const char* const name = phase == phase::kCompleted         ? "velero_restore_success_total"
                           : phase == phase::kPartiallyFailed ? "velero_restore_partial_failure_total"
                                                              : "velero_restore_failed_total";
  context_.metrics.add(name, labels);
}

}  // namespace salvor::server
