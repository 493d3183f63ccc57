#include "server/restore_controller.h"

#include <algorithm>

#include "backup/backup_log.h"
#include "kube/discovery.h"
#include "restore/restorer.h"
#include "server/lookups.h"
#include "velero/bucket_layout.h"

namespace salvor::server {

using velero::resources::kBackups;
using velero::resources::kRestores;
namespace phase = velero::phase;

namespace {

bool is_new(const std::string& phase) {
  return phase.empty() || phase == phase::kNew;
}

bool was_left_in_the_middle(const std::string& phase) {
  return !is_new(phase) && phase != phase::kCompleted && phase != phase::kPartiallyFailed &&
         phase != phase::kFailed && phase != phase::kFailedValidation;
}

}  // namespace

std::vector<Controller::Watched> RestoreController::watches() {
  return {names_of(kRestores, [](const Json& object) {
    return kube::is_being_deleted(object) || is_new(codec::get_string(object, {"status", "phase"}));
  })};
}

void RestoreController::recover(const base::CancelToken& cancel) {
  for (const auto& object : context_.client.list(kRestores, context_.options.name_space, {}, cancel)) {
    Stored<velero::Restore> restore(object);
    auto& status = restore.value.status;
    if (!was_left_in_the_middle(status.phase)) continue;
    status.failure_reason = fmt::format(
        "found a restore with status \"{}\" during the server starting, mark it as \"Failed\"", status.phase);
    status.phase = phase::kFailed;
    status.completion_timestamp = now();
    restore.save(context_.client, kRestores, cancel);
    logger_.warning("restore \"{}\": {}", restore.value.metadata.name(), status.failure_reason);
    count(restore.value);
  }
}

Controller::Requeue RestoreController::reconcile(const std::string& name, const base::CancelToken& cancel) {
  auto restore = load<velero::Restore>(context_.client, kRestores, object(name), cancel);
  if (!restore) return std::nullopt;
  auto& value = restore->value;
  if (value.metadata.being_deleted()) {
    remove_files(*restore, cancel);
    return std::nullopt;
  }
  if (!is_new(value.status.phase)) return std::nullopt;

  value.status.validation_errors =
      velero::prepare_restore(value, server_defaults(context_.options), validation_lookups(context_, cancel));
  const Metrics::Labels labels{{"schedule", value.spec.schedule_name}};
  if (!value.status.validation_errors.empty()) {
    value.status.phase = phase::kFailedValidation;
    restore->save(context_.client, kRestores, cancel);
    logger_.error("restore \"{}\" is not valid: {}", name, fmt::join(value.status.validation_errors, "; "));
    context_.metrics.add("velero_restore_validation_failed_total", labels);
    return std::nullopt;
  }
  value.metadata.add_finalizer(velero::kRestoreFinalizer);
  value.status.phase = phase::kInProgress;
  value.status.start_timestamp = now();
  restore->save(context_.client, kRestores, cancel);
  context_.metrics.add("velero_restore_attempt_total", labels);
  run(*restore, cancel);
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

void RestoreController::run(Stored<velero::Restore>& restore, const base::CancelToken& cancel) {
  auto& value = restore.value;
  const auto name = value.metadata.name();
  logger_.info("restore \"{}\" of backup \"{}\" starts", name, value.spec.backup_name);
  // Shared with the loggers that the engine's threads hold.
  const auto log = std::make_shared<backup::BackupLog>(context_.clock);
  try {
    run_engine(restore, log, cancel);
  } catch (const std::exception& error) {
    value.status.phase = phase::kFailed;
    value.status.failure_reason = base::describe(error);
  }
  value.status.completion_timestamp = now();
  save_surely(
      context_,
      [&] {
        try {
          restore.save(context_.client, kRestores);
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

void RestoreController::run_engine(Stored<velero::Restore>& restore,
                                   const std::shared_ptr<backup::BackupLog>& log,
                                   const base::CancelToken& cancel) {
  auto& value = restore.value;
  const auto name = value.metadata.name();
  const auto backup =
      velero::Backup::from_json(context_.client.require(kBackups, object(value.spec.backup_name), cancel));
  auto store =
      context_.stores.backup_store(context_.stores.location(backup.spec.storage_location, cancel), cancel);
  const auto& server_sink = logger_.sink();
  base::Logger logger(server_sink ? std::static_pointer_cast<base::LogSink>(
                                        std::make_shared<base::TeeLogSink>(log, server_sink))
                                  : std::static_pointer_cast<base::LogSink>(log),
                      {{"restore", context_.options.name_space + "/" + name}});
  // Whatever happens, the log tells it.
  const auto upload_log = [&] {
    try {
      store.store().put(velero::restore_key::log(name), log->take());
    } catch (const base::Error& error) {
      logger_.error("cannot upload the log of restore \"{}\": {}", name, error.message());
    }
  };

  try {
    const auto contents = store.get_contents(value.spec.backup_name, {}, cancel);
    kube::Discovery discovery(context_.client);
    discovery.refresh(cancel);
    std::mutex progress_mutex;
    restore::RestoreServices services{
        context_.client, discovery, context_.clock, context_.random, logger, volumes_.create_volume, nullptr};
    services.progress = [&](const velero::RestoreProgress& progress) {
      std::lock_guard lock(progress_mutex);
      value.status.progress = progress;
      try {
        restore.save(context_.client, kRestores, cancel);
      } catch (const base::Error& error) {
        logger_.warning("cannot record the progress of restore \"{}\": {}", name, error.message());
      }
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
         store.get_pod_volume_backups(value.spec.backup_name, cancel)},
        services, options, cancel);

    value.status.progress = outcome.progress;
    value.status.errors = static_cast<int>(outcome.results.errors.count());
    value.status.warnings = static_cast<int>(outcome.results.warnings.count());
    if (outcome.hooks.hooks_attempted > 0) value.status.hook_status = outcome.hooks;
    value.status.phase = value.status.errors > 0 ? phase::kPartiallyFailed : phase::kCompleted;
    base::StringSink list;
    outcome.resources.write_json(list);
    store.put_restore_object(velero::restore_key::resource_list(name), list.data());
    store.put_restore_object(velero::restore_key::item_operations(name), "[]");
    store.put_restore_object(velero::restore_key::volume_info(name), codec::to_json(outcome.volume_info));
    store.put_restore_object(velero::restore_key::results(name), codec::to_json(outcome.results.to_json()));
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
