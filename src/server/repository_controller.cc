#include "server/repository_controller.h"

#include "velero/schema_check.h"

namespace salvor::server {

using velero::resources::kBackupRepositories;
using velero::resources::kBackupStorageLocations;
namespace phase = velero::phase;

namespace {
constexpr auto kCheckEvery = std::chrono::minutes(5);
constexpr size_t kKeepRuns = 25;
constexpr base::Duration kDefaultFrequency = std::chrono::hours(168);
}  // namespace

std::vector<Controller::Watched> RepositoryController::watches() {
  auto repositories = names_of(kBackupRepositories);
  auto add = std::move(repositories.handle);
  repositories.handle = [this, add = std::move(add)](const kube::WatchEvent& event) {
    if (event.type == kube::WatchEvent::Type::kDeleted)
      for (const auto* metric :
           {"velero_repo_maintenance_success_total", "velero_repo_maintenance_failure_total"})
        context_.metrics.remove(metric, {{"repository_name", kube::name_of(event.object)}});
    add(event);
  };
  return {std::move(repositories)};
}

std::string RepositoryController::obstacle(const velero::BackupRepository& repository) const {
  const auto& spec = repository.spec;
  if (!spec.repository_type.empty() && spec.repository_type != "restic")
    return fmt::format("repositories of type {} are not supported, only restic", spec.repository_type);
  if (!spec.repository_config.empty())
    return "repositoryConfig is not supported: restic repositories have no such settings";
  if (spec.maintenance_frequency < base::Duration::zero()) return "maintenanceFrequency must not be negative";
  return "";
}

bool RepositoryController::connect(Repository& repository, const velero::BackupStorageLocation& location,
                                   const base::CancelToken& cancel) {
  auto& value = repository.value;
  const auto spec = codec::to_json(location.to_json()["spec"]);
  const auto name = value.metadata.name();
  const auto found = connected_.find(name);
  if (value.status.phase == phase::kReady && found != connected_.end() && found->second == spec) return true;
  try {
    volumes_.repository(value.spec.volume_namespace, location, cancel);
    value.status.phase = phase::kReady;
    value.status.message.clear();
    connected_[name] = spec;
  } catch (const base::Error& error) {
    cancel.check();
    value.status.phase = phase::kNotReady;
    value.status.message = error.message();
    connected_.erase(name);
  }
  save_and_announce(context_, repository, kBackupRepositories, cancel, value.status.message);
  return value.status.phase == phase::kReady;
}

void RepositoryController::maintain(Repository& repository, const velero::BackupStorageLocation& location,
                                    const base::CancelToken& cancel) {
  auto& value = repository.value;
  const auto name = value.metadata.name();
  const Metrics::Labels labels{{"repository_name", name}};
  velero::RepositoryMaintenance run;
  run.start_timestamp = now();
  try {
    logger_.info("maintaining repository \"{}\"", name);
    volumes_.maintain(value.spec.volume_namespace, location, cancel);
    run.result = "Succeeded";
    context_.metrics.add("velero_repo_maintenance_success_total", labels);
  } catch (const base::Error& error) {
    cancel.check();
    run.result = "Failed";
    run.message = error.message();
    logger_.error("cannot maintain repository \"{}\": {}", name, error.message());
    context_.events.record(repository.original, EventRecorder::Type::kWarning, "MaintenanceFailed",
                           error.message());
    context_.metrics.add("velero_repo_maintenance_failure_total", labels);
  }
  run.complete_timestamp = now();
  context_.metrics.observe(
      "velero_repo_maintenance_duration_seconds", labels,
      std::chrono::duration<double>(*run.complete_timestamp - *run.start_timestamp).count());
  // A failure waits for the next time too, so that a repository that is damaged is not read all day long.
  value.status.last_maintenance_time = run.complete_timestamp;
  value.status.message = run.message;
  auto& runs = value.status.recent_maintenance;
  runs.push_back(std::move(run));
  if (runs.size() > kKeepRuns) runs.erase(runs.begin(), runs.end() - kKeepRuns);
  save_surely(
      context_, [&] { repository.save(context_.client, kBackupRepositories); }, cancel);
}

Controller::Requeue RepositoryController::reconcile(const std::string& name,
                                                    const base::CancelToken& cancel) {
  auto repository = load_valid<velero::BackupRepository>(context_, kBackupRepositories, "BackupRepository",
                                                         object(name), cancel);
  if (!repository) {
    connected_.erase(name);
    return std::nullopt;
  }
  auto& value = repository->value;
  if (value.metadata.being_deleted()) return std::nullopt;
  const auto refuse = [&](const std::string& why) -> Requeue {
    value.status.phase = phase::kNotReady;
    value.status.message = why;
    save_and_announce(context_, *repository, kBackupRepositories, cancel, why);
    connected_.erase(name);
    return kCheckEvery;
  };
  if (const auto unknown = velero::describe_unknown_fields(repository->read, "BackupRepository");
      !unknown.empty())
    return refuse(unknown);
  if (const auto why = obstacle(value); !why.empty()) return refuse(why);
  const auto object_json =
      context_.client.get(kBackupStorageLocations, object(value.spec.backup_storage_location), cancel);
  if (!object_json)
    return refuse(fmt::format("backup storage location {} not found", value.spec.backup_storage_location));
  const auto location = velero::BackupStorageLocation::from_json(*object_json);
  if (!connect(*repository, location, cancel)) return kCheckEvery;
  if (location.read_only()) return kCheckEvery;

  const auto frequency = value.spec.maintenance_frequency > base::Duration::zero()
                             ? value.spec.maintenance_frequency
                             : kDefaultFrequency;
  const auto last =
      value.status.last_maintenance_time.value_or(value.metadata.creation_time().value_or(now()));
  const auto left = [&] { return value.status.last_maintenance_time.value_or(last) + frequency - now(); };
  if (left() <= base::Duration::zero()) maintain(*repository, location, cancel);
  return std::clamp<base::Duration>(left(), std::chrono::seconds(1), kCheckEvery);
}

}  // namespace salvor::server
