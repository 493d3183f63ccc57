#include "server/schedule_controller.h"

#include "server/backup_brief.h"
#include "server/retention.h"
#include "velero/cron.h"
#include "velero/schema_check.h"
#include "velero/validation.h"

namespace salvor::server {

using velero::resources::kBackups;
using velero::resources::kSchedules;

namespace {

// What the next run counts from.
base::Time base_time(const velero::Schedule& schedule, base::Time now) {
  auto result = schedule.status.last_backup.value_or(schedule.metadata.creation_time().value_or(now));
  if (schedule.status.last_skipped) result = std::max(result, *schedule.status.last_skipped);
  return result;
}

// Of a backup that keeps its schedule from making another.
bool is_open(const std::string& phase) {
  return phase.empty() || phase == velero::phase::kNew || phase == velero::phase::kQueued ||
         phase == velero::phase::kReadyToStart || phase == velero::phase::kInProgress;
}

}  // namespace

velero::Backup backup_of_schedule(const velero::Schedule& schedule, base::Time now) {
  velero::Backup backup;
  const auto& name = schedule.metadata.name();
  backup.metadata =
      velero::ObjectMeta(schedule.metadata.name_space(), name + "-" + base::format_compact_utc(now));
  backup.spec = schedule.spec.template_spec;
  const auto& from_template = schedule.spec.template_spec.metadata.labels;
  for (const auto& [key, value] : from_template.empty() ? schedule.metadata.labels() : from_template)
    backup.metadata.set_label(key, value);
  backup.metadata.set_label(velero::label::kScheduleName, velero::label_value(name));
  for (const auto& [key, value] : schedule.metadata.annotations())
    if (key != "kubectl.kubernetes.io/last-applied-configuration") backup.metadata.set_annotation(key, value);
  if (schedule.spec.use_owner_references_in_backup.value_or(false))
    backup.metadata.add_controller_reference(velero::kApiVersion, "Schedule", name, schedule.metadata.uid());
  return backup;
}

std::vector<Controller::Watched> ScheduleController::watches() {
  auto schedules = names_of(kSchedules);
  auto add = std::move(schedules.handle);
  schedules.handle = [this, add = std::move(add)](const kube::WatchEvent& event) {
    if (event.type == kube::WatchEvent::Type::kDeleted) forget_metrics(kube::name_of(event.object));
    add(event);
  };
  // A schedule whose run waits for an earlier backup goes on when that one ends.
  Watched backups{kBackups, "", [this](const kube::WatchEvent& event) {
                    if (event.type == kube::WatchEvent::Type::kBookmark ||
                        is_open(codec::get_string(event.object, {"status", "phase"})))
                      return;
                    const auto labels = kube::labels_of(event.object);
                    if (const auto found = labels.find(velero::label::kScheduleName); found != labels.end())
                      queue().add(found->second);
                  }};
  return {std::move(schedules), std::move(backups)};
}

Controller::Requeue ScheduleController::reconcile(const std::string& name, const base::CancelToken& cancel) {
  auto schedule = load_valid<velero::Schedule>(context_, kSchedules, "Schedule", object(name), cancel);
  if (!schedule) return std::nullopt;
  auto& value = schedule->value;
  if (value.metadata.being_deleted()) return std::nullopt;
  init_schedule_metrics(context_.metrics, name);

  value.status.validation_errors = velero::validate_schedule(value.spec);
  for (const auto& field : velero::unknown_spec_fields(schedule->read, "Schedule"))
    value.status.validation_errors.push_back(fmt::format("{}: unknown field", field));
  try {
    retention_policy(value.metadata.annotations());
  } catch (const base::Error& error) {
    value.status.validation_errors.push_back(error.message());
  }
  value.status.phase =
      value.status.validation_errors.empty() ? velero::phase::kEnabled : velero::phase::kFailedValidation;
  const bool skip = value.spec.skip_immediately.value_or(context_.options.schedule_skip_immediately);
  if (skip && !value.spec.paused && !value.status.last_skipped.has_value() && !value.spec.skip_immediately)
    value.status.last_skipped = now();
  if (value.spec.skip_immediately.value_or(false)) {
    value.spec.skip_immediately = false;
    value.status.last_skipped = now();
  }
  save_and_announce(context_, *schedule, kSchedules, cancel,
                    fmt::format("{}", fmt::join(value.status.validation_errors, "; ")));
  if (!value.status.validation_errors.empty() || value.spec.paused) return std::nullopt;

  const auto cron = velero::CronSchedule::parse(value.spec.schedule);
  if (const auto next = cron.next(now()))
    if (const auto after = cron.next(*next))
      context_.metrics.set("velero_schedule_expected_interval_seconds", {{"schedule", name}},
                           std::chrono::duration<double>(*after - *next).count());
  const auto due = cron.next(base_time(value, now()));
  if (!due) return std::nullopt;
  if (now() < *due) return std::min<std::chrono::nanoseconds>(*due - now(), context_.options.schedule_resync);
  if (has_open_backup(name, cancel)) {
    logger_.info("schedule \"{}\" is due, but a backup of it still runs", name);
    return context_.options.schedule_resync;
  }
  submit(*schedule, cancel);
  const auto following = cron.next(base_time(value, now()));
  if (!following) return std::nullopt;
  return std::clamp<std::chrono::nanoseconds>(*following - now(), std::chrono::milliseconds(1),
                                              context_.options.schedule_resync);
}

void ScheduleController::forget_metrics(const std::string& schedule) {
  remove_schedule_metrics(context_.metrics, schedule);
  context_.metrics.remove("velero_schedule_expected_interval_seconds", {{"schedule", schedule}});
}

bool ScheduleController::has_open_backup(const std::string& schedule, const base::CancelToken& cancel) {
  kube::ListOptions options;
  options.label_selector = std::string(velero::label::kScheduleName) + "=" + velero::label_value(schedule);
  bool open = false;
  BackupBriefReader reader;
  context_.client.list_raw(
      kBackups, context_.options.name_space, options,
      [&](std::string_view raw) {
        if (is_open(reader.read(raw).phase)) open = true;
      },
      [&] { open = false; }, cancel);
  return open;
}

void ScheduleController::submit(Stored<velero::Schedule>& schedule, const base::CancelToken& cancel) {
  const auto at = now();
  const auto backup = backup_of_schedule(schedule.value, at);
  try {
    context_.client.create(kBackups, backup.to_json(), cancel);
    logger_.info("schedule \"{}\" created backup \"{}\"", schedule.value.metadata.name(),
                 backup.metadata.name());
  } catch (const base::Error& error) {
    // Created by an attempt whose answer, or whose note in the schedule, was lost.
    if (error.code() != base::ErrorCode::kAlreadyExists) throw;
  }
  schedule.value.status.last_backup = at;
  schedule.save(context_.client, kSchedules, cancel);
}

}  // namespace salvor::server
