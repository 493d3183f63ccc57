#include "restore/restorer.h"

#include <mutex>
#include <set>

#include "restore/adaptive_workers.h"
#include "restore/csi_restores.h"
#include "restore/custom_definitions.h"
#include "restore/dynamic_volumes.h"
#include "restore/item_action.h"
#include "restore/kinds.h"
#include "restore/metadata.h"
#include "restore/modify.h"
#include "restore/object_applier.h"
#include "restore/patience.h"
#include "restore/plugin_configuration.h"
#include "restore/pod_volume_restores.h"
#include "restore/recorder.h"
#include "restore/resource_order.h"
#include "restore/restore_hooks.h"
#include "restore/selection.h"
#include "restore/target_namespaces.h"
#include "volumes/csi_objects.h"

namespace salvor::restore {
namespace {

using Item = velero::BackupContents::Item;

constexpr const char* kDefinitions = "customresourcedefinitions.apiextensions.k8s.io";

// Why an object is not to be restored whatever the filters say; "" if it is.
std::string reason_to_leave_out(const std::string& group_resource, const Json& object) {
  if (kube::is_being_deleted(object)) return "was being deleted";
  if (codec::find(object, {"metadata", "annotations", "kubernetes.io/config.mirror"}) != nullptr)
    return "is a mirror of a static pod";
  // Pods and jobs that have run to their end would run again.
  const std::string phase = codec::get_string(object, {"status", "phase"});
  if (group_resource == "pods" && (phase == "Succeeded" || phase == "Failed")) return "is complete";
  if (group_resource == "jobs.batch" && codec::find(object, {"status", "completionTime"}) != nullptr)
    return "is complete";
  return "";
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

PersistentVolumes::CreateVolume unchanged_volume() {
  return [](const velero::NativeSnapshot&, const Json& volume) { return volume; };
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
        recorder_(logger_, services.progress, options.dry_run),
        patience_(options.longest_outage, services.random, logger_),
        limit_(
            options.connections, options.most_connections, [this] { return services_.client.refusals(); },
            logger_),
        configuration_(load_plugin_configuration(services.client, options.name_space, cancel)),
        modifiers_(load_modifiers(services.client, options.name_space, spec_, cancel)),
        selection_(spec_, services.discovery),
        kinds_(services.discovery, options.dry_run ? &definitions_ : nullptr),
        namespaces_(services.client, input.contents, options.terminating_resource_timeout, options.dry_run,
                    logger_),
        pod_volumes_(services.client, input.restore, options.name_space, input.backup.spec.storage_location,
                     input.pod_volume_backups, services.random, logger_),
        csi_(
            services.client, input.restore, input.contents, input.volume_infos, selection_,
            [this](const std::string& group_resource) { return kinds_.serves(group_resource); }, logger_),
        volumes_(services.client,
                 {.restore_pvs = spec_.restore_pvs,
                  .namespace_mapping = spec_.namespace_mapping,
                  .snapshots = by_volume(input.snapshots),
                  .claims_with_data = claims_with_data(input.contents),
                  .terminating_timeout =
                      options.dry_run ? std::chrono::nanoseconds(0) : options.terminating_resource_timeout},
                 options.dry_run ? unchanged_volume() : services.create_volume, services.random, logger_),
        dynamic_volumes_(services.client, input.volume_infos, logger_),
        applier_(services.client,
                 {.update_existing = spec_.existing_resource_policy == "update", .preview = options.dry_run},
                 logger_) {}

  RestoreOutcome run() {
    const auto order = plan();
    if (input_.contents.size() == 0) recorder_.warning("", "zero items to be restored");
    for (const auto& group_resource : order) {
      // Definitions come first or not at all.
      if (group_resource != kDefinitions) wait_for_definitions();
      restore_resource(group_resource);
    }
    wait_for_definitions();
    if (!options_.dry_run) finish();
    logger_.info("restored {} items", recorder_.progress().items_restored);
    RestoreOutcome outcome;
    outcome.results = recorder_.take_results();
    outcome.resources = recorder_.take_resources();
    outcome.progress = recorder_.progress();
    outcome.hooks = hook_status_;
    outcome.volume_info = pod_volumes_.volume_info();
    for (auto& info : csi_.volume_info()) outcome.volume_info.push_back(std::move(info));
    outcome.plan = recorder_.take_plan();
    return outcome;
  }

 private:
  // The kinds to restore, in order; notes how many objects there will be.
  std::vector<std::string> plan() {
    std::vector<std::string> present;
    for (const auto& group_resource : input_.contents.group_resources()) {
      if (group_resource == "namespaces") continue;  // made when the first object needs one
      if (selection_.takes_resource(group_resource)) {
        present.push_back(group_resource);
      } else {
        leave_out(group_resource, input_.contents.items(group_resource).size(),
                  "the restore excludes the resource");
      }
    }
    const auto& priorities =
        options_.resource_priorities.empty() ? default_resource_priorities() : options_.resource_priorities;
    auto order = order_resources(priorities, std::move(present), [&](const std::string& entry) {
      const auto known = services_.discovery.find(entry);
      return known ? known->gvr.group_resource() : entry;
    });
    for (const auto& group_resource : order) {
      const size_t wanted = wanted_items(group_resource).size();
      recorder_.expect_items(wanted);
      if (const size_t others = input_.contents.items(group_resource).size() - wanted; others > 0)
        leave_out(group_resource, others,
                  "the restore does not include their namespaces or cluster-scoped objects");
    }
    return order;
  }

  void leave_out(const std::string& group_resource, size_t count, const std::string& why) {
    if (count == 0) return;
    logger_.info("leaving out {} objects of {}: {}", count, group_resource, why);
    PlannedObject entry;
    entry.group_resource = group_resource;
    entry.action = "skip";
    entry.reason = fmt::format("{} objects: {}", count, why);
    recorder_.note(std::move(entry), "");
  }

  std::vector<const Item*> wanted_items(const std::string& group_resource) const {
    std::vector<const Item*> wanted;
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
    if (!kinds_.serves(group_resource)) {
      recorder_.warning("", fmt::format("could not restore {} objects of {}: the cluster has no such kind",
                                        items.size(), group_resource));
      leave_out(group_resource, items.size(), "the cluster has no such kind");
      for (size_t i = 0; i < items.size(); ++i) recorder_.item_done(false);
      return;
    }
    logger_.info("restoring {} objects of {}", items.size(), group_resource);
    run_adaptively(
        limit_, options_.most_connections, items.size(),
        [&](size_t i) {
          cancel_.check();
          recorder_.item_done(restore_item(group_resource, *items[i], false));
        },
        cancel_);
  }

  // False if the object is none of this restore's after all. Failures of the object are collected; what may
  // be the API server's own failure is tried again.
  bool restore_item(const std::string& group_resource, const Item& item, bool additional) {
    {
      std::lock_guard lock(mutex_);
      if (!done_.insert({group_resource, item.name_space, item.name}).second) return true;
    }
    const std::string target = item.name_space.empty() ? "" : map_namespace(item.name_space);
    for (int attempt = 1;; ++attempt) {
      try {
        const bool counted = restore_once(group_resource, item, target, additional, attempt > 1 || resumed_);
        patience_.succeeded();
        return counted;
      } catch (const base::Error& error) {
        cancel_.check();
        if (patience_.wait(error, attempt, cancel_)) continue;
        fail_item(group_resource, item, target, error.message());
        return true;
      }
    }
  }

  void fail_item(const std::string& group_resource, const Item& item, const std::string& target,
                 const std::string& why) {
    recorder_.error(target, fmt::format("error restoring {} {}: {}", group_resource,
                                        kube::ObjectName{target, item.name}.to_string(), why));
    PlannedObject entry;
    entry.group_resource = group_resource;
    entry.from = {item.name_space, item.name};
    entry.to = {target, item.name};
    entry.action = "fail";
    entry.reason = why;
    recorder_.note(std::move(entry), "");
  }

  bool restore_once(const std::string& group_resource, const Item& item, const std::string& target,
                    bool additional, bool repeated) {
    Json object = codec::parse_json(input_.contents.content(item),
                                    fmt::format("{} \"{}\" of the backup", group_resource, item.name));
    const auto resource = kinds_.kind_of(group_resource, codec::get_string(object, {"apiVersion"}));
    return restore_object(resource, std::move(object), {item.name_space, item.name}, target, additional,
                          repeated);
  }

  bool restore_object(const kube::ApiResource& resource, Json object, const kube::ObjectName& backed_up,
                      const std::string& target, bool additional, bool repeated) {
    const std::string group_resource = resource.gvr.group_resource();
    const kube::ObjectName to{target, backed_up.name};
    if (!selection_.takes_labels(object) && !additional) {
      skip(resource, backed_up, to, "its labels do not match the selector", "");
      return false;
    }
    if (const auto why = reason_to_leave_out(group_resource, object); !why.empty()) {
      skip(resource, backed_up, to, why, "");
      return false;
    }
    ensure_namespace(target, backed_up.name_space);
    Json status = object.contains("status") ? std::move(object["status"]) : Json();
    // That of a snapshot is the controller's to find out.
    const bool wants_status =
        selection_.restores_status(group_resource, object) && resource.gvr.group != volumes::csi::kGroup;
    reset_metadata(object);
    const auto csi = csi_.prepare(group_resource, object, status, backed_up, cancel_);
    if (!csi.warning.empty()) recorder_.warning(target, csi.warning);
    if (!csi.skip_reason.empty()) {
      skip(resource, backed_up, to, csi.skip_reason, "skipped");
      return true;
    }
    for (const auto& more : csi.needed) restore_found(more);
    if (group_resource == "persistentvolumes" &&
        volumes_.prepare_volume(object, cancel_) == PersistentVolumes::Decision::kProvision) {
      skip(resource, backed_up, to, "its claim is provisioned dynamically", "skipped");
      return true;
    }
    const auto actions = run_item_actions(group_resource, object, action_context());
    if (actions.skip) {
      skip(resource, backed_up, to, actions.skip_reason, "skipped");
      return true;
    }
    for (const auto& more : actions.additional) restore_additional(more, target);
    if (group_resource == "persistentvolumeclaims") volumes_.prepare_claim(object, backed_up);
    std::optional<InitHook> init_hook;
    if (group_resource == "pods") init_hook = add_init_hooks(object, spec_.hooks, target, services_.random);
    for (auto& why : modify(modifiers_, group_resource, object)) recorder_.error(target, std::move(why));
    if (!target.empty()) object["metadata"]["namespace"] = target;
    add_restore_labels(object, spec_.backup_name, input_.restore.metadata.name());
    apply(resource, std::move(object), backed_up, wants_status && !status.is_null() ? &status : nullptr,
          init_hook, repeated);
    return true;
  }

  void ensure_namespace(const std::string& target, const std::string& source) {
    if (target.empty() || !namespaces_.ensure(target, source, cancel_)) return;
    recorder_.expect_items(1);
    recorder_.item_done(true);
    PlannedObject entry{"namespaces", "v1", "Namespace", {"", source}, {"", target}, "create", "", {}};
    recorder_.note(std::move(entry), "created");
  }

  void apply(const kube::ApiResource& resource, Json object, const kube::ObjectName& backed_up,
             const Json* status, const std::optional<InitHook>& init_hook, bool repeated) {
    const std::string group_resource = resource.gvr.group_resource();
    const kube::ObjectName to{kube::namespace_of(object), kube::name_of(object)};
    const bool is_pod = group_resource == "pods";
    const bool new_volume = group_resource == "persistentvolumeclaims" &&
                            codec::get_string(object, {"spec", "volumeName"}).empty();
    if (group_resource == kDefinitions) definitions_.add(object);
    auto result =
        applier_.apply(resource, std::move(object),
                       {.needs_created = is_pod || status != nullptr, .repeated = repeated}, cancel_);
    if (result.outcome == ApplyResult::Outcome::kCreated && !options_.dry_run) {
      if (status != nullptr) restore_status(resource, *result.created, *status);
      if (is_pod) follow_pod(backed_up, *result.created, init_hook);
      if (new_volume) dynamic_volumes_.add(backed_up, to);
    }
    if (is_pod) report_unreadable_volumes(backed_up, to.name_space);
    if (!result.warning.empty()) recorder_.warning(to.name_space, result.warning);
    if (!result.error.empty()) recorder_.error(to.name_space, result.error);
    note(resource, backed_up, to, std::move(result), is_pod ? pod_volumes_.volumes_of(backed_up).size() : 0);
  }

  // What a created pod brings with it.
  void follow_pod(const kube::ObjectName& backed_up, const Json& created,
                  const std::optional<InitHook>& init_hook) {
    pod_volumes_.start(backed_up, created, cancel_);
    auto hooks = post_hooks_of(created, spec_.hooks, kube::namespace_of(created));
    std::lock_guard lock(mutex_);
    if (init_hook) init_hooks_.push_back(*init_hook);
    for (auto& hook : hooks) {
      // "Unlimited" would keep a restore whose pod never runs in progress for ever.
      if (hook.exec.wait_timeout.count() == 0) hook.exec.wait_timeout = spec_.item_operation_timeout;
      post_hooks_.push_back(std::move(hook));
    }
  }

  void report_unreadable_volumes(const kube::ObjectName& backed_up, const std::string& target) {
    for (auto& text : pod_volumes_.unreadable_volumes_of(backed_up)) recorder_.error(target, std::move(text));
  }

  void restore_status(const kube::ApiResource& resource, Json object, const Json& status) {
    object["status"] = status;
    try {
      services_.client.update_status(resource.gvr, object, cancel_);
    } catch (const base::Error& error) {
      cancel_.check();
      recorder_.warning(kube::namespace_of(object),
                        fmt::format("could not restore the status of {} {}: {}", resource.kind,
                                    kube::name_of(object), error.message()));
    }
  }

  // False if the backup has no such object.
  bool restore_found(const AdditionalItem& more) {
    const auto* const item = input_.contents.find(more.group_resource, more.name.name_space, more.name.name);
    if (item != nullptr) restore_item(more.group_resource, *item, true);
    return item != nullptr;
  }

  void restore_additional(const AdditionalItem& more, const std::string& needed_by) {
    if (!selection_.takes_additional(more.group_resource, more.name.name_space)) return;
    if (restore_found(more)) return;
    // A claim of a backup without its volume, say: the cluster may still have it.
    std::lock_guard lock(mutex_);
    if (!missing_.insert({more.group_resource, more.name.to_string()}).second) return;
    recorder_.warning(needed_by,
                      fmt::format("unable to restore additional item {} {}: it is not in the backup",
                                  more.group_resource, more.name.to_string()));
  }

  void wait_for_definitions() {
    if (options_.dry_run) return;
    bool any = false;
    for (const auto& name : definitions_.wait(services_.client, options_.resource_timeout, any, cancel_)) {
      recorder_.error("", fmt::format("custom resource definition {} is not established", name));
    }
    if (any) kinds_.refresh(cancel_);
  }

  // What goes on after the last object was created.
  void finish() {
    if (pod_volumes_.any()) {
      logger_.info("waiting for the pod volume restores");
      for (const auto& failure : pod_volumes_.wait(options_.pod_volume_timeout, cancel_))
        recorder_.error(failure.pod.name_space, fmt::format("pod {}: {}", failure.pod.name, failure.message));
    }
    if (services_.finalizing) services_.finalizing(recorder_.errors());
    if (dynamic_volumes_.any()) {
      const auto why_unbound = [&](const kube::ObjectName& claim) {
        return csi_.why_unbound(claim, cancel_);
      };
      for (auto& failure : dynamic_volumes_.finish(options_.resource_timeout, why_unbound, cancel_))
        recorder_.error(failure.name_space, std::move(failure.message));
    }
    auto hooks =
        run_restore_hooks(services_.client, services_.random, init_hooks_, post_hooks_, logger_, cancel_);
    hook_status_ = {.hooks_attempted = hooks.attempted, .hooks_failed = hooks.failed};
    for (auto& [pod, message] : hooks.errors) recorder_.error(pod.name_space, std::move(message));
  }

  std::set<kube::ObjectName> claims_with_data(const velero::BackupContents& contents) const {
    auto claims = pod_volumes_.claims(contents);
    claims.merge(csi_.claims());
    return claims;
  }

  ActionContext action_context() {
    return {
        .namespace_mapping = spec_.namespace_mapping,
        .preserve_node_ports = spec_.preserve_node_ports,
        .volumes_with_data = [this](const kube::ObjectName& pod) { return pod_volumes_.volumes_of(pod); },
        .restore_uid = input_.restore.metadata.uid(),
        .helper_image = options_.helper_image,
        .configuration = &configuration_,
        .has_storage_class =
            [this](const std::string& name) {
              return services_.client.get(kube::resources::kStorageClasses, {"", name}, cancel_).has_value();
            }};
  }

  std::string map_namespace(const std::string& name) const {
    const auto mapped = spec_.namespace_mapping.find(name);
    return mapped == spec_.namespace_mapping.end() ? name : mapped->second;
  }

  void skip(const kube::ApiResource& resource, const kube::ObjectName& from, const kube::ObjectName& to,
            const std::string& why, std::string_view outcome) {
    logger_.info("{} {} is skipped: {}", resource.kind, from.to_string(), why);
    recorder_.note(
        {resource.gvr.group_resource(), resource.gvr.api_version(), resource.kind, from, to, "skip", why, {}},
        outcome);
  }

  void note(const kube::ApiResource& resource, const kube::ObjectName& from, const kube::ObjectName& to,
            ApplyResult result, size_t volumes) {
    using Outcome = ApplyResult::Outcome;
    PlannedObject entry{
        resource.gvr.group_resource(), resource.gvr.api_version(), resource.kind, from, to, "",
        std::move(result.reason),      std::move(result.changes)};
    kube::hide_secret_values(entry.kind, entry.changes);
    entry.action = result.outcome == Outcome::kCreated   ? "create"
                   : result.outcome == Outcome::kUpdated ? "update"
                   : !result.error.empty()               ? "fail"
                                                         : "skip";
    if (!result.error.empty()) entry.reason = result.error;
    if (result.outcome == Outcome::kCreated && volumes > 0)
      entry.reason = fmt::format("with the data of {} volumes", volumes);
    recorder_.note(std::move(entry), to_string(result.outcome));
  }

  const RestoreInput& input_;
  const velero::RestoreSpec& spec_;
  const RestoreServices& services_;
  const RestoreOptions& options_;
  const base::CancelToken& cancel_;
  const base::Logger logger_;
  Recorder recorder_;
  Patience patience_;
  AdaptiveLimit limit_;
  const PluginConfiguration configuration_;
  const velero::ResourceModifiers modifiers_;
  const Selection selection_;
  CustomDefinitions definitions_;
  Kinds kinds_;
  TargetNamespaces namespaces_;
  PodVolumeRestores pod_volumes_;
  CsiRestores csi_;
  PersistentVolumes volumes_;
  DynamicVolumes dynamic_volumes_;
  const ObjectApplier applier_;
  // A server that ended in the middle has created objects of this restore already.
  const bool resumed_ = input_.restore.metadata.has_annotation(velero::salvor_annotation::kRestarts);
  velero::HookStatus hook_status_;

  std::mutex mutex_;  // guards what follows while a kind is being restored
  std::set<std::tuple<std::string, std::string, std::string>> done_;
  std::set<std::pair<std::string, std::string>> missing_;  // additional items that were reported
  std::vector<InitHook> init_hooks_;
  std::vector<PostHook> post_hooks_;
};

}  // namespace

RestoreOutcome run_restore(const RestoreInput& input, const RestoreServices& services,
                           const RestoreOptions& options, const base::CancelToken& cancel) {
  return Restorer(input, services, options, cancel).run();
}

}  // namespace salvor::restore
