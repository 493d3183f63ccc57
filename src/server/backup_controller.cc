#include "server/backup_controller.h"

#include <algorithm>
#include <cmath>

#include "backup/backupper.h"
#include "kube/discovery.h"
#include "kube/selector.h"
#include "server/lookups.h"

namespace salvor::server {

using velero::resources::kBackups;
namespace phase = velero::phase;

namespace {

constexpr auto kOverlapDelay = std::chrono::seconds(5);

bool is_new(const std::string& phase) {
  return phase.empty() || phase == phase::kNew;
}

bool was_left_in_the_middle(const std::string& phase) {
  return phase == phase::kInProgress || phase == phase::kFinalizing ||
         phase == phase::kFinalizingPartiallyFailed || phase == phase::kWaitingForPluginOperations ||
         phase == phase::kWaitingForPluginOperationsPartiallyFailed;
}

bool covers_all(const std::vector<std::string>& namespaces) {
  return namespaces.empty() || std::any_of(namespaces.begin(), namespaces.end(), [](const std::string& name) {
           return name.find_first_of("*?[") != std::string::npos;
         });
}

bool overlap(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  if (covers_all(a) || covers_all(b)) return true;
  return std::any_of(a.begin(), a.end(),
                     [&](const std::string& name) { return std::find(b.begin(), b.end(), name) != b.end(); });
}

}  // namespace

// Holds the namespaces of a backup while it runs.
class BackupController::Running {
 public:
  Running(BackupController& controller, const std::vector<std::string>& namespaces)
      : controller_(controller) {
    std::lock_guard lock(controller_.mutex_);
    for (const auto& other : controller_.running_)
      if (overlap(namespaces, other)) return;
    entry_ = controller_.running_.insert(controller_.running_.end(), namespaces);
    admitted_ = true;
  }
  ~Running() {
    if (!admitted_) return;
    std::lock_guard lock(controller_.mutex_);
    controller_.running_.erase(entry_);
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  bool admitted() const { return admitted_; }

 private:
  BackupController& controller_;
  std::list<std::vector<std::string>>::iterator entry_;
  bool admitted_ = false;
};

std::vector<Controller::Watched> BackupController::watches() {
  return {names_of(kBackups, [](const Json& object) {
    return is_new(codec::get_string(object, {"status", "phase"}));
  })};
}

void BackupController::recover(const base::CancelToken& cancel) {
  std::vector<std::string> names;
  context_.client.list_raw(
      kBackups, context_.options.name_space, {},
      [&](std::string_view raw) {
        const auto object = codec::parse_json(raw, "backup");
        if (was_left_in_the_middle(codec::get_string(object, {"status", "phase"})))
          names.push_back(kube::name_of(object));
      },
      [&] { names.clear(); }, cancel);
  for (const auto& name : names)
    if (auto backup = load<velero::Backup>(context_.client, kBackups, object(name), cancel))
      recover_one(*backup, cancel);
}

void BackupController::recover_one(Stored<velero::Backup>& backup, const base::CancelToken& cancel) {
  auto& value = backup.value;
  const auto name = value.metadata.name();
  try {
    auto store =
        context_.stores.backup_store(context_.stores.location(value.spec.storage_location, cancel), cancel);
    if (store.backup_exists(name, cancel)) {
      const auto stored = store.get_backup(name, cancel);
      if (stored.metadata.uid() == value.metadata.uid() && velero::is_finished(stored.status)) {
        logger_.info("backup \"{}\" was whole in the store when the server ended", name);
        value.status = stored.status;
        backup.save(context_.client, kBackups, cancel);
        return;
      }
    } else {
      store.delete_backup(name, cancel);  // pieces without metadata, which nobody takes for a backup
    }
  } catch (const base::Error& error) {
    logger_.warning("cannot look into the store for backup \"{}\": {}", name, error.message());
  }
  value.status.failure_reason =
      fmt::format("found a backup with status \"{}\" during the server starting, mark it as \"Failed\"",
                  value.status.phase);
  value.status.phase = phase::kFailed;
  value.status.completion_timestamp = now();
  backup.save(context_.client, kBackups, cancel);
  logger_.warning("backup \"{}\": {}", name, value.status.failure_reason);
  count(value);
}

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

Controller::Requeue BackupController::reconcile(const std::string& name, const base::CancelToken& cancel) {
  auto backup = load<velero::Backup>(context_.client, kBackups, object(name), cancel);
  if (!backup || !is_new(backup->value.status.phase) || backup->value.metadata.being_deleted())
    return std::nullopt;
  const Running running(*this, backup->value.spec.included_namespaces);
  if (!running.admitted()) return kOverlapDelay;

  auto& value = backup->value;
  const Metrics::Labels labels{{"schedule", value.metadata.label(velero::label::kScheduleName)}};
  value.status.validation_errors = prepare(value, cancel);
  if (!value.status.validation_errors.empty()) {
    value.status.phase = phase::kFailedValidation;
    backup->save(context_.client, kBackups, cancel);
    logger_.error("backup \"{}\" is not valid: {}", name, fmt::join(value.status.validation_errors, "; "));
    context_.metrics.add("velero_backup_validation_failure_total", labels);
    context_.metrics.set("velero_backup_last_status", labels, 0);
    return std::nullopt;
  }
  value.status.phase = phase::kInProgress;
  value.status.start_timestamp = now();
  backup->save(context_.client, kBackups, cancel);
  context_.metrics.add("velero_backup_attempt_total", labels);
  run(*backup, cancel);
  return std::nullopt;
}

void BackupController::run(Stored<velero::Backup>& backup, const base::CancelToken& cancel) {
  auto& value = backup.value;
  const auto name = value.metadata.name();
  logger_.info("backup \"{}\" starts", name);
  try {
    value.status = run_engine(backup, cancel);
  } catch (const std::exception& error) {
    value.status.phase = phase::kFailed;
    value.status.failure_reason = base::describe(error);
    value.status.completion_timestamp = now();
  }
  save_surely(
      context_, [&] { backup.save(context_.client, kBackups); }, cancel);
  if (value.status.failure_reason.empty())
    logger_.info("backup \"{}\" ended: {}", name, value.status.phase);
  else
    logger_.error("backup \"{}\" ended: {}: {}", name, value.status.phase, value.status.failure_reason);
  count(value);
}

velero::BackupStatus BackupController::run_engine(Stored<velero::Backup>& backup,
                                                  const base::CancelToken& cancel) {
  auto& value = backup.value;
  const auto location = context_.stores.location(value.spec.storage_location, cancel);
  auto store = context_.stores.backup_store(location, cancel);
  kube::Discovery discovery(context_.client);
  discovery.refresh(cancel);

  backup::BackupOptions options;
  options.name_space = context_.options.name_space;
  options.pod_volume_timeout = context_.options.fs_backup_timeout;
  if (const auto& policy = value.spec.resource_policy)
    options.policies = velero::ResourcePolicies::from_config_map(
        context_.client.require(kube::resources::kConfigMaps, object(policy->name), cancel));

  backup::BackupServices services{
      context_.client,
      discovery,
      context_.clock,
      context_.random,
      store,
      logger_.with("backup", context_.options.name_space + "/" + value.metadata.name()),
      volumes_.snapshot_provider,
      nullptr,
      nullptr,
      nullptr};
  if (volumes_.repository)
    services.repository = [&](const std::string& name_space) {
      return volumes_.repository(name_space, location, cancel);
    };
  services.node_agent_runs = [&](const std::string& node) { return node_agent_runs(node, cancel); };
  services.progress = [&](const velero::BackupStatus& status) {
    value.status = status;
    try {
      backup.save(context_.client, kBackups, cancel);
    } catch (const base::Error& error) {
      logger_.warning("cannot record the progress of backup \"{}\": {}", value.metadata.name(),
                      error.message());
    }
  };
  const auto input = value;  // what the engine reads must not change under it
  return backup::run_backup(input, services, options, cancel);
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
  if (status.start_timestamp && status.completion_timestamp)
    metrics.observe("velero_backup_duration_seconds", labels,
                    seconds(*status.completion_timestamp - *status.start_timestamp));
}

}  // namespace salvor::server
