#include "restore/restorer.h"

#include <atomic>
#include <mutex>
#include <set>

#include "base/thread_pool.h"
#include "restore/item_action.h"
#include "restore/metadata.h"
#include "restore/object_applier.h"
#include "restore/pod_volume_restores.h"
#include "restore/resource_order.h"
#include "restore/restore_hooks.h"
#include "restore/selection.h"
#include "restore/target_namespaces.h"

namespace salvor::restore {
namespace {

constexpr const char* kDefinitions = "customresourcedefinitions.apiextensions.k8s.io";

bool is_mirror_pod(const Json& object) {
  return codec::find(object, {"metadata", "annotations", "kubernetes.io/config.mirror"}) != nullptr;
}

// Pods and jobs that have run to their end would run again.
bool is_complete(const std::string& group_resource, const Json& object) {
  if (group_resource == "pods") {
    const std::string phase = codec::get_string(object, {"status", "phase"});
    return phase == "Succeeded" || phase == "Failed";
  }
  return group_resource == "jobs.batch" && codec::find(object, {"status", "completionTime"}) != nullptr;
}

std::map<std::string, velero::NativeSnapshot> by_volume(
    const std::vector<velero::NativeSnapshot>& snapshots) {
  std::map<std::string, velero::NativeSnapshot> map;
  for (const auto& snapshot : snapshots) {
    if (snapshot.status.phase == velero::phase::kCompleted)
      map[snapshot.spec.persistent_volume_name] = snapshot;
  }
  return map;
}

// One restore while it runs.
class Restorer {
 public:
  Restorer(const RestoreInput& input, const RestoreServices& services, const RestoreOptions& options,
           const base::CancelToken& cancel)
      : input_(input),
        spec_(input.restore.spec),
        services_(services),
        options_(options),
        cancel_(cancel),
        logger_(services.logger),
        selection_(spec_, services.discovery),
        namespaces_(services.client, input.contents, options.terminating_resource_timeout, logger_),
        pod_volumes_(services.client, input.restore, options.name_space, input.backup.spec.storage_location,
                     input.pod_volume_backups, services.random, logger_),
        volumes_(services.client,
                 {.restore_pvs = spec_.restore_pvs,
                  .namespace_mapping = spec_.namespace_mapping,
                  .snapshots = by_volume(input.snapshots),
                  .claims_with_data = pod_volumes_.claims(),
                  .terminating_timeout = options.terminating_resource_timeout},
                 services.create_volume, services.random, logger_),
        applier_(services.client, spec_.existing_resource_policy == "update", logger_) {}

  RestoreOutcome run() {
    const auto order = plan();
    if (input_.contents.size() == 0) add_warning("", "zero items to be restored");
    bool definitions_done = false;
    for (const auto& group_resource : order) {
      if (group_resource != kDefinitions && !definitions_done) {
        wait_for_definitions();
        definitions_done = true;
      }
      restore_resource(group_resource);
    }
    wait_for_definitions();
    finish_volumes();
    run_hooks();
    outcome_.volume_info = pod_volumes_.volume_info();
    logger_.info("restored {} items", outcome_.progress.items_restored);
    return std::move(outcome_);
  }

 private:
  // The kinds to restore, in order; notes how many objects there will be.
  std::vector<std::string> plan() {
    std::vector<std::string> present;
    for (const auto& group_resource : input_.contents.group_resources()) {
      if (group_resource == "namespaces") continue;  // made when the first object needs one
      if (!selection_.takes_resource(group_resource)) {
        logger_.info("skipping {}: the restore excludes it", group_resource);
        continue;
      }
      present.push_back(group_resource);
    }
    const auto& priorities =
        options_.resource_priorities.empty() ? default_resource_priorities() : options_.resource_priorities;
    auto order = order_resources(priorities, std::move(present), [&](const std::string& entry) {
      const auto known = services_.discovery.find(entry);
      return known ? known->gvr.group_resource() : entry;
    });
    for (const auto& group_resource : order) {
      outcome_.progress.total_items += static_cast<int>(wanted_items(group_resource).size());
    }
    report_progress();
    return order;
  }

  std::vector<const velero::BackupContents::Item*> wanted_items(const std::string& group_resource) const {
    std::vector<const velero::BackupContents::Item*> wanted;
    for (const auto& item : input_.contents.items(group_resource)) {
      const bool takes = item.name_space.empty() ? selection_.takes_cluster_scoped()
                                                 : selection_.takes_namespace(item.name_space);
      if (takes) wanted.push_back(&item);
    }
    return wanted;
  }

  void restore_resource(const std::string& group_resource) {
    const auto items = wanted_items(group_resource);
    if (items.empty()) return;
    logger_.info("restoring {} objects of {}", items.size(), group_resource);
    const size_t threads = std::min<size_t>(options_.connections, items.size());
    if (threads <= 1) {
      for (const auto* item : items) restore_counted(group_resource, *item);
      return;
    }
    std::atomic<size_t> next = 0;
    base::ThreadPool pool(threads);
    std::vector<std::future<void>> workers;
    for (size_t i = 0; i < threads; ++i) {
      workers.push_back(pool.submit([&] {
        for (size_t at = next++; at < items.size(); at = next++) restore_counted(group_resource, *items[at]);
      }));
    }
    for (auto& worker : workers) worker.get();
  }

  void restore_counted(const std::string& group_resource, const velero::BackupContents::Item& item) {
    cancel_.check();
    const bool counted = restore_item(group_resource, item, false);
    std::lock_guard lock(mutex_);
    if (counted) {
      ++outcome_.progress.items_restored;
    } else {
      --outcome_.progress.total_items;
    }
    report_progress();
  }

  // False if the object is none of this restore's after all. Failures of the object are collected.
  bool restore_item(const std::string& group_resource, const velero::BackupContents::Item& item,
                    bool additional) {
    {
      std::lock_guard lock(mutex_);
      if (!done_.insert({group_resource, item.name_space, item.name}).second) return true;
    }
    const std::string target = item.name_space.empty() ? "" : map_namespace(item.name_space);
    try {
      const auto resource = services_.discovery.find(group_resource);
      if (!resource) {
        add_warning(target, fmt::format("could not restore {} \"{}\": the cluster has no such kind",
                                        group_resource, item.name));
        return false;
      }
      Json object = codec::parse_json(input_.contents.content(item),
                                      fmt::format("{} \"{}\" of the backup", group_resource, item.name));
      return restore_object(*resource, std::move(object), {item.name_space, item.name}, target, additional);
    } catch (const base::Error& error) {
      cancel_.check();
      add_error(target, fmt::format("error restoring {} {}: {}", group_resource, item.name, error.message()));
      return true;
    }
  }

  bool restore_object(const kube::ApiResource& resource, Json object, const kube::ObjectName& backed_up,
                      const std::string& target, bool additional) {
    const std::string group_resource = resource.gvr.group_resource();
    if (!selection_.takes_labels(object) && !additional) return false;
    if (kube::is_being_deleted(object) || is_mirror_pod(object) || is_complete(group_resource, object)) {
      logger_.info("{} {} is complete, deleted or a mirror: skipped", resource.kind, backed_up.to_string());
      return false;
    }
    if (!target.empty() && namespaces_.ensure(target, backed_up.name_space, cancel_)) {
      std::lock_guard lock(mutex_);
      outcome_.resources.add("v1", "Namespace", "", target, "created");
    }
    const Json status = object.contains("status") ? object["status"] : Json();
    const bool wants_status = selection_.restores_status(group_resource, object);
    reset_metadata(object);
    if (group_resource == "persistentvolumes" &&
        volumes_.prepare_volume(object, cancel_) == PersistentVolumes::Decision::kProvision) {
      note(resource, "", backed_up.name, "skipped");
      return true;
    }
    const auto actions = run_item_actions(group_resource, object, action_context());
    if (actions.skip) {
      logger_.info("{} {} skipped: {}", resource.kind, backed_up.to_string(), actions.skip_reason);
      note(resource, target, backed_up.name, "skipped");
      return true;
    }
    for (const auto& more : actions.additional) restore_additional(more, target);
    if (group_resource == "persistentvolumeclaims") volumes_.prepare_claim(object, backed_up);
    if (group_resource == "pods") add_init_hooks(object, spec_.hooks, target, services_.random);
    if (!target.empty()) object["metadata"]["namespace"] = target;
    add_restore_labels(object, spec_.backup_name, input_.restore.metadata.name());
    apply(resource, object, backed_up, wants_status ? &status : nullptr);
    return true;
  }

  void apply(const kube::ApiResource& resource, const Json& object, const kube::ObjectName& backed_up,
             const Json* status) {
    const std::string target = kube::namespace_of(object);
    const auto result = applier_.apply(resource, object, cancel_);
    if (!result.warning.empty()) add_warning(target, result.warning);
    if (!result.error.empty()) add_error(target, result.error);
    note(resource, target, kube::name_of(object), to_string(result.outcome));
    if (!result.created) return;
    if (status != nullptr && !status->is_null()) restore_status(resource, *result.created, *status);
    const std::string group_resource = resource.gvr.group_resource();
    if (group_resource == "pods") {
      pod_volumes_.start(backed_up, *result.created, cancel_);
      const auto hooks = post_hooks_of(*result.created, spec_.hooks, target);
      std::lock_guard lock(mutex_);
      hooks_.insert(hooks_.end(), hooks.begin(), hooks.end());
    }
    if (group_resource == kDefinitions) {
      std::lock_guard lock(mutex_);
      definitions_.push_back(kube::name_of(object));
    }
  }

  void restore_status(const kube::ApiResource& resource, const Json& created, const Json& status) {
    Json object = created;
    object["status"] = status;
    try {
      services_.client.update_status(resource.gvr, object, cancel_);
    } catch (const base::Error& error) {
      cancel_.check();
      add_warning(kube::namespace_of(created),
                  fmt::format("could not restore the status of {} {}: {}", resource.kind,
                              kube::name_of(created), error.message()));
    }
  }

  void restore_additional(const AdditionalItem& more, const std::string& needed_by) {
    if (!selection_.takes_additional(more.group_resource, more.name.name_space)) return;
    const auto* const item = input_.contents.find(more.group_resource, more.name.name_space, more.name.name);
    if (item == nullptr) {
      // A claim of a backup without its volume, say: the cluster may still have it.
      logger_.warning("unable to restore additional item {} {}: it is not in the backup", more.group_resource,
                      more.name.to_string());
      add_warning(needed_by,
                  fmt::format("unable to restore additional item {} {}: it is not in the backup",
                              more.group_resource, more.name.to_string()),
                  false);
      return;
    }
    restore_item(more.group_resource, *item, true);
  }

  // Custom resources can only be created once their definitions serve.
  void wait_for_definitions() {
    if (definitions_.empty()) return;
    const auto deadline = std::chrono::steady_clock::now() + options_.resource_timeout;
    for (const auto& name : definitions_) {
      for (;;) {
        const auto object =
            services_.client.get(kube::resources::kCustomResourceDefinitions, {"", name}, cancel_);
        if (!object || is_established(*object)) break;
        if (std::chrono::steady_clock::now() > deadline) {
          add_error("", fmt::format("custom resource definition {} is not established", name));
          break;
        }
        if (!cancel_.sleep(std::chrono::milliseconds(100))) cancel_.check();
      }
    }
    definitions_.clear();
    services_.discovery.refresh(cancel_);
  }

  static bool is_established(const Json& definition) {
    const Json* const conditions = codec::find(definition, {"status", "conditions"});
    if (conditions == nullptr || !conditions->is_array()) return false;
    return std::any_of(conditions->begin(), conditions->end(), [](const Json& condition) {
      return codec::get_string(condition, {"type"}) == "Established" &&
             codec::get_string(condition, {"status"}) == "True";
    });
  }

  void finish_volumes() {
    if (!pod_volumes_.any()) return;
    logger_.info("waiting for the pod volume restores");
    for (const auto& failure : pod_volumes_.wait(options_.pod_volume_timeout, cancel_)) {
      add_error(failure.pod.name_space, fmt::format("pod {}: {}", failure.pod.name, failure.message));
    }
  }

  void run_hooks() {
    auto hooks = run_post_hooks(services_.client, hooks_, logger_, cancel_);
    outcome_.hooks.hooks_attempted = hooks.attempted;
    outcome_.hooks.hooks_failed = hooks.failed;
    for (auto& [pod, message] : hooks.errors) outcome_.results.errors.add(pod.name_space, std::move(message));
  }

  ActionContext action_context() const {
    return {.namespace_mapping = spec_.namespace_mapping,
            .preserve_node_ports = spec_.preserve_node_ports,
            .volumes_with_data = [this](const kube::ObjectName& pod) { return pod_volumes_.volumes_of(pod); },
            .restore_uid = input_.restore.metadata.uid(),
            .helper_image = options_.helper_image};
  }

  std::string map_namespace(const std::string& name) const {
    const auto mapped = spec_.namespace_mapping.find(name);
    return mapped == spec_.namespace_mapping.end() ? name : mapped->second;
  }

  void note(const kube::ApiResource& resource, const std::string& name_space, const std::string& name,
            std::string_view outcome) {
    std::lock_guard lock(mutex_);
    outcome_.resources.add(resource.gvr.api_version(), resource.kind, name_space, name, outcome);
  }
  void add_warning(const std::string& name_space, std::string message, bool log = true) {
    if (log) logger_.warning("{}", message);
    std::lock_guard lock(mutex_);
    outcome_.results.warnings.add(name_space, std::move(message));
  }
  void add_error(const std::string& name_space, std::string message) {
    logger_.error("{}", message);
    std::lock_guard lock(mutex_);
    outcome_.results.errors.add(name_space, std::move(message));
  }
  // At most once a second: the receiver writes it into an object. What comes last is in the outcome.
  void report_progress() {
    const auto now = std::chrono::steady_clock::now();
    if (!services_.progress || now - reported_ < std::chrono::seconds(1)) return;
    reported_ = now;
    services_.progress(outcome_.progress);
  }

  const RestoreInput& input_;
  const velero::RestoreSpec& spec_;
  const RestoreServices& services_;
  const RestoreOptions& options_;
  const base::CancelToken& cancel_;
  const base::Logger logger_;
  const Selection selection_;
  TargetNamespaces namespaces_;
  PodVolumeRestores pod_volumes_;
  PersistentVolumes volumes_;
  const ObjectApplier applier_;

  std::mutex mutex_;  // guards what follows while a kind is being restored
  std::set<std::tuple<std::string, std::string, std::string>> done_;
  RestoreOutcome outcome_;
  std::chrono::steady_clock::time_point reported_{};
  std::vector<PostHook> hooks_;
  std::vector<std::string> definitions_;
};

}  // namespace

RestoreOutcome run_restore(const RestoreInput& input, const RestoreServices& services,
                           const RestoreOptions& options, const base::CancelToken& cancel) {
  return Restorer(input, services, options, cancel).run();
}

}  // namespace salvor::restore
