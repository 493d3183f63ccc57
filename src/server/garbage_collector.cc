#include "server/garbage_collector.h"

#include <algorithm>

namespace salvor::server {

using velero::resources::kBackups;
using velero::resources::kDeleteBackupRequests;

namespace {
constexpr char kSchedulePrefix[] = "schedule/";  // no object's name has a slash

bool keeps_by_number(const std::map<std::string, std::string>& annotations) {
  const std::string prefix = velero::salvor_annotation::kKeepPrefix;
  return std::any_of(annotations.begin(), annotations.end(), [&](const auto& entry) {
    return entry.first.starts_with(prefix) && entry.first != velero::salvor_annotation::kKeepLastGood;
  });
}
}  // namespace

std::vector<Controller::Watched> GarbageCollector::watches() {
  return {{kBackups, "", [this](const kube::WatchEvent& event) {
             if (event.type == kube::WatchEvent::Type::kDeleted ||
                 event.type == kube::WatchEvent::Type::kBookmark)
               return;
             if (const auto phase = codec::get_string(event.object, {"status", "phase"});
                 !codec::get_string(event.object, {"status", "expiration"}).empty() &&
                 phase != velero::phase::kInProgress && phase != velero::phase::kDeleting)
               queue().add(kube::name_of(event.object));
             // A new good backup is what makes older ones dispensable.
             const auto labels = kube::labels_of(event.object);
             const auto schedule = labels.find(velero::label::kScheduleName);
             if (schedule != labels.end() &&
                 codec::get_string(event.object, {"status", "phase"}) == velero::phase::kCompleted)
               queue().add(kSchedulePrefix + schedule->second);
           }}};
}

Controller::Requeue GarbageCollector::reconcile(const std::string& name, const base::CancelToken& cancel) {
  if (name.starts_with(kSchedulePrefix))
    return reconcile_schedule(name.substr(std::string_view(kSchedulePrefix).size()), cancel);
  return reconcile_backup(name, cancel);
}

std::vector<BackupBrief> GarbageCollector::backups_of(const std::string& schedule,
                                                      const base::CancelToken& cancel) {
  kube::ListOptions options;
  options.label_selector = std::string(velero::label::kScheduleName) + "=" + schedule;
  std::vector<BackupBrief> result;
  BackupBriefReader reader;
  context_.client.list_raw(
      kBackups, context_.options.name_space, options,
      [&](std::string_view raw) { result.push_back(reader.read(raw)); }, [&] { result.clear(); }, cancel);
  return result;
}

// The Schedule's word counts as long as it is there; its backups carry copies of its annotations, which hold
// when it is not, or in a cluster that found the backups in a bucket.
RetentionPolicy GarbageCollector::policy_of(const velero::Backup& backup, const base::CancelToken& cancel) {
  auto annotations = backup.metadata.annotations();
  const auto stamp = backup.metadata.name().rfind('-');
  const auto schedule = backup.metadata.name().substr(0, stamp);
  if (stamp != std::string::npos &&
      velero::label_value(schedule) == backup.metadata.label(velero::label::kScheduleName))
    if (const auto object_json = context_.client.get(velero::resources::kSchedules, object(schedule), cancel))
      annotations = kube::annotations_of(*object_json);
  try {
    return retention_policy(annotations);
  } catch (const base::Error& error) {
    logger_.error("backup \"{}\": {}: nothing of its schedule is removed but by its time to live",
                  backup.metadata.name(), error.message());
    return {};
  }
}

Controller::Requeue GarbageCollector::reconcile_schedule(const std::string& schedule,
                                                         const base::CancelToken& cancel) {
  // Most schedules keep by time alone, and then there is no reason to look at all of their backups.
  if (const auto object_json = context_.client.get(velero::resources::kSchedules, object(schedule), cancel);
      object_json && !keeps_by_number(kube::annotations_of(*object_json)))
    return std::nullopt;
  const auto backups = backups_of(schedule, cancel);
  const auto* good = last_good(backups);
  if (!good) return std::nullopt;
  const auto newest = load<velero::Backup>(context_.client, kBackups, object(good->name), cancel);
  if (!newest) return std::nullopt;
  const auto policy = policy_of(newest->value, cancel);
  for (const auto& name : superseded(backups, policy, now())) {
    auto backup = load<velero::Backup>(context_.client, kBackups, object(name), cancel);
    if (backup && !backup->value.metadata.being_deleted())
      request_deletion(*backup, fmt::format("schedule \"{}\" keeps it no longer", schedule), cancel);
  }
  // keep-within removes what grows old without any event.
  if (policy.keep.within.is_zero()) return std::nullopt;
  return context_.options.garbage_collection_frequency;
}

Controller::Requeue GarbageCollector::reconcile_backup(const std::string& name,
                                                       const base::CancelToken& cancel) {
  auto backup = load_valid<velero::Backup>(context_, kBackups, "Backup", object(name), cancel);
  if (!backup) return std::nullopt;
  auto& value = backup->value;
  if (!value.status.expiration || value.metadata.being_deleted() ||
      value.status.phase == velero::phase::kDeleting)
    return std::nullopt;
  const auto left = *value.status.expiration - now();
  const std::chrono::nanoseconds again = context_.options.garbage_collection_frequency;
  if (left > std::chrono::nanoseconds(0)) return std::min(left, again);
  if (!velero::is_finished(value.status) || is_held(value, cancel)) return again;
  request_deletion(*backup, "it is expired", cancel);
  return again;
}

bool GarbageCollector::is_held(const velero::Backup& backup, const base::CancelToken& cancel) {
  const auto schedule = backup.metadata.label(velero::label::kScheduleName);
  if (schedule.empty() || backup.status.phase != velero::phase::kCompleted) return false;
  const auto name = backup.metadata.name();
  const auto policy = policy_of(backup, cancel);
  if (!policy.keep.is_empty()) return true;  // reconcile_schedule decides
  if (!policy.keep_last_good) return false;
  const auto backups = backups_of(schedule, cancel);
  const auto* good = last_good(backups);
  const bool held = good && good->name == name;
  if (held && held_.insert(name).second) {
    const auto text = fmt::format(
        "backup \"{}\" is expired but stays: it is the last good one of schedule \"{}\" (annotation {})",
        name, schedule, velero::salvor_annotation::kKeepLastGood);
    logger_.warning("{}", text);
    context_.events.record(backup.to_json(), EventRecorder::Type::kWarning, "ExpirationHeld", text);
  }
  if (!held) held_.erase(name);
  return held;
}

void GarbageCollector::request_deletion(Stored<velero::Backup>& backup, const std::string& why,
                                        const base::CancelToken& cancel) {
  auto& value = backup.value;
  const auto name = value.metadata.name();
  const auto failure = failure_of(value, cancel);
  if (!failure.empty())
    value.metadata.set_label(velero::label::kGcFailure, failure);
  else
    value.metadata.remove_label(velero::label::kGcFailure);
  backup.save(context_.client, kBackups, cancel);
  if (!failure.empty()) {
    logger_.warning("backup \"{}\" should go, because {}, but cannot be deleted: {}", name, why, failure);
    return;
  }
  if (is_requested(name, cancel)) return;
  logger_.info("backup \"{}\" is deleted: {}", name, why);
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

void ObjectCounts::note_success(const Json& backup) {
  if (codec::get_string(backup, {"status", "phase"}) != velero::phase::kCompleted) return;
  const auto completed = base::parse_rfc3339(codec::get_string(backup, {"status", "completionTimestamp"}));
  if (!completed) return;
  const auto labels = kube::labels_of(backup);
  const auto schedule = labels.find(velero::label::kScheduleName);
  const Metrics::Labels series{{"schedule", schedule == labels.end() ? "" : schedule->second}};
  const auto seconds =
      static_cast<double>(std::chrono::floor<std::chrono::seconds>(*completed).time_since_epoch().count());
  constexpr char kMetric[] = "velero_backup_last_successful_timestamp";
  if (seconds > context_.metrics.value(kMetric, series)) context_.metrics.set(kMetric, series, seconds);
}

std::vector<Controller::Watched> ObjectCounts::watches() {
  const auto counted = [this](const kube::GroupVersionResource& gvr, const std::string& metric) {
    return Watched{gvr, "", [this, metric](const kube::WatchEvent& event) {
                     using Type = kube::WatchEvent::Type;
                     if (event.type == Type::kBookmark) return;
                     if (event.type != Type::kDeleted) note_success(event.object);
                     std::lock_guard lock(mutex_);
                     auto& names = names_[metric];
                     if (event.type == Type::kDeleted)
                       names.erase(kube::name_of(event.object));
                     else
                       names.insert(kube::name_of(event.object));
                     context_.metrics.set(metric, {}, static_cast<double>(names.size()));
                   }};
  };
  return {counted(kBackups, "velero_backup_total"),
          counted(velero::resources::kRestores, "velero_restore_total")};
}

}  // namespace salvor::server
