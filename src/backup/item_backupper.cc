#include "backup/item_backupper.h"

#include "base/error.h"
#include "velero/bucket_layout.h"

namespace salvor::backup {
namespace {

constexpr char kDefinitions[] = "customresourcedefinitions.apiextensions.k8s.io";
const kube::GroupVersionResource kClusterRoleBindings{"rbac.authorization.k8s.io", "v1",
                                                      "clusterrolebindings"};
const kube::GroupVersionResource kPriorityClasses{"scheduling.k8s.io", "v1", "priorityclasses"};
const kube::GroupVersionResource kClusterRoles{"rbac.authorization.k8s.io", "v1", "clusterroles"};

// Kinds of which objects may be asked for after their list was worked through.
bool may_come_again(const std::string& group_resource) {
  static const std::set<std::string> kKinds = {"pods",
                                               "persistentvolumeclaims",
                                               "persistentvolumes",
                                               "namespaces",
                                               "volumesnapshotclasses.snapshot.storage.k8s.io",
                                               "priorityclasses.scheduling.k8s.io",
                                               "clusterroles.rbac.authorization.k8s.io",
                                               "clusterrolebindings.rbac.authorization.k8s.io",
                                               kDefinitions};
  return kKinds.contains(group_resource);
}

constexpr char kNotWanted[] = "not satisfy the criteria for VolumePolicy or the legacy snapshot way";

std::vector<kube::ObjectName> claims_of(const Json& pod) {
  std::vector<kube::ObjectName> claims;
  for (const PodVolume& volume : volumes_of(pod)) {
    if (!volume.claim.empty()) claims.push_back({kube::namespace_of(pod), volume.claim});
  }
  return claims;
}

bool is_cancelled(const base::Error& error) {
  return error.code() == base::ErrorCode::kCancelled;
}

// The member of a volume's spec that says where it comes from ("csi", "nfs", ...), among its other members.
std::string source_of_volume(const Json& volume) {
  static const std::set<std::string> kSources = {"awsElasticBlockStore",
                                                 "azureDisk",
                                                 "azureFile",
                                                 "cephfs",
                                                 "cinder",
                                                 "csi",
                                                 "fc",
                                                 "flexVolume",
                                                 "flocker",
                                                 "gcePersistentDisk",
                                                 "glusterfs",
                                                 "hostPath",
                                                 "iscsi",
                                                 "local",
                                                 "nfs",
                                                 "photonPersistentDisk",
                                                 "portworxVolume",
                                                 "quobyte",
                                                 "rbd",
                                                 "scaleIO",
                                                 "storageos",
                                                 "vsphereVolume"};
  const Json* spec = codec::find(volume, {"spec"});
  if (!spec || !spec->is_object()) return "";
  for (const auto& [key, value] : spec->items()) {
    if (kSources.contains(key)) return key;
  }
  return "";
}

}  // namespace

ItemBackupper::ItemBackupper(const velero::Backup& backup, const BackupServices& services,
                             const BackupOptions& options, const ResourceFilter& filter,
                             ContentsWriter& contents, CsiSnapshots* csi, base::Logger logger,
                             base::Logger item_logger, const base::CancelToken& cancel)
    : backup_(backup),
      services_(services),
      options_(options),
      filter_(filter),
      contents_(contents),
      csi_(csi),
      logger_(std::move(logger)),
      item_logger_(std::move(item_logger)),
      cancel_(cancel),
      hooks_(services.client, services.random, backup.spec.hooks, services.discovery),
      pod_volumes_(services.client, backup,
                   {.name_space = options.name_space,
                    .uploader_type = options.uploader_type,
                    .timeout = options.pod_volume_timeout}),
      snapshots_(backup, services.snapshot_provider) {}

// --- one object
// --------------------------------------------------------------------------------------------------

void ItemBackupper::back_up(const kube::ApiResource& resource, std::string_view raw) {
  cancel_.check();
  // A copy: what the object needs is read before it is written.
  const ObjectHead head = head_reader_.read(raw);
  if (resource.namespaced && !filter_.takes_namespace(head.name_space)) {
    --expected_;
    return;
  }
  back_up_checked(resource, head, raw);
}

void ItemBackupper::back_up_checked(const kube::ApiResource& resource, const ObjectHead& head,
                                    std::string_view raw) {
  auto item_log = [&](const base::Logger& logger) {
    return logger.with("resource", resource.gvr.resource)
        .with("namespace", head.name_space)
        .with("name", head.name);
  };
  if (head.excluded || head.deleting) {
    item_log(item_logger_)
        .info("{}", head.excluded ? "Excluding item because it has label velero.io/exclude-from-backup=true"
                                  : "Skipping item because it's being deleted.");
    --expected_;
    return;
  }
  if (!mark_done(resource.gvr, head)) {
    --expected_;
    return;
  }
  try {
    if (resource.gvr.group.empty() && resource.gvr.resource == "pods") {
      back_up_pod(resource, head, raw, item_log(logger_));
      return;
    }
    std::string changed;
    if (resource.gvr.group.empty() && resource.gvr.resource == "persistentvolumeclaims")
      changed = back_up_claim(raw, item_log(logger_));
    if (resource.gvr.group.empty() && resource.gvr.resource == "persistentvolumes")
      back_up_volume(raw, item_log(logger_));
    if (resource.gvr.group.empty() && resource.gvr.resource == "serviceaccounts")
      back_up_service_account(head, item_log(logger_));
    write(resource, head, changed.empty() ? raw : std::string_view(changed));
  } catch (const base::Error& error) {
    if (is_cancelled(error)) throw;
    item_log(logger_).with("error", error.message()).error("Error backing up item");
  }
}

void ItemBackupper::add_version(const kube::ApiResource& resource, std::string_view raw) {
  cancel_.check();
  const ObjectHead& head = head_reader_.read(raw);
  const auto written = written_.find(resource.gvr.group_resource());
  if (written == written_.end() || !written->second.contains(head.name_space + "/" + head.name)) return;
  try {
    contents_.add_version(resource.gvr, head.name_space, head.name, raw);
  } catch (const base::Error& error) {
    if (is_cancelled(error)) throw;
    throw StoreFailure{error};
  }
}

bool ItemBackupper::mark_done(const kube::GroupVersionResource& gvr, const ObjectHead& head) {
  std::string key = head.name_space;
  key.append("/").append(head.name);
  return done_[gvr.group_resource()].insert(std::move(key)).second;
}

void ItemBackupper::forget(const kube::GroupVersionResource& gvr) {
  const std::string group_resource = gvr.group_resource();
  if (!may_come_again(group_resource)) done_.erase(group_resource);
}

void ItemBackupper::write(const kube::ApiResource& resource, const ObjectHead& head, std::string_view raw) {
  try {
    contents_.add(resource.gvr, head.name_space, head.name, raw);
  } catch (const base::Error& error) {
    if (is_cancelled(error)) throw;
    throw StoreFailure{error};
  }
  if (options_.all_versions)
    written_[resource.gvr.group_resource()].insert(head.name_space + "/" + head.name);
  list_.add(resource.gvr.api_version(), head.kind, head.name_space, head.name);
  if (!head.name_space.empty() && !namespaces_.contains(head.name_space)) namespaces_.insert(head.name_space);
  ++done_count_;
  log_written(resource, head);
  report_progress();
}

// Once for every object, hence one copy of the fields and not one per field.
void ItemBackupper::log_written(const kube::ApiResource& resource, const ObjectHead& head) {
  if (!item_logger_.sink()) return;
  base::LogFields fields = item_logger_.fields();
  fields["resource"] = resource.gvr.resource;
  fields["namespace"] = head.name_space;
  fields["name"] = head.name;
  item_logger_.sink()->log(
      base::LogLevel::kInfo,
      fmt::format(
          "Backed up {} items out of an estimated total of {} (estimate will change throughout the backup)",
          done_count_, std::max(done_count_, expected_)),
      fields);
}

void ItemBackupper::expect(int items) {
  expected_ += items;
}

velero::BackupProgress ItemBackupper::progress() const {
  return {.total_items = std::max(done_count_, expected_), .items_backed_up = done_count_};
}

void ItemBackupper::report_progress() {
  const auto now = std::chrono::steady_clock::now();
  if (!services_.progress || now - last_report_ < std::chrono::seconds(1)) return;
  last_report_ = now;
  velero::BackupStatus status = backup_.status;
  status.phase = velero::phase::kInProgress;
  status.progress = progress();
  services_.progress(status);
}

// --- what an object needs
// ----------------------------------------------------------------------------------------

void ItemBackupper::back_up_additional(const kube::GroupVersionResource& gvr, const std::string& name_space,
                                       const std::string& name, const base::Logger& logger) {
  auto resource = services_.discovery.find_resource(gvr);
  if (!resource) {
    logger.warning("the API server does not serve {}", gvr.group_resource());
    return;
  }
  if (!filter_.takes_additional(*resource, name_space)) return;
  if (auto done = done_.find(gvr.group_resource());
      done != done_.end() && done->second.contains(name_space + "/" + name))
    return;
  fetch_and_back_up(*resource, {name_space, name}, logger, true);
}

void ItemBackupper::fetch_and_back_up(const kube::ApiResource& resource, const kube::ObjectName& name,
                                      const base::Logger& logger, bool must_exist) {
  std::string raw;
  try {
    raw = services_.client.raw("GET", kube::object_path(resource.gvr, name), {}, "application/json", cancel_);
  } catch (const base::Error& error) {
    if (is_cancelled(error)) throw;
    const bool missing = error.code() == base::ErrorCode::kNotFound;
    const base::Logger log = logger.with("error", error.message());
    if (missing && must_exist)
      log.warning("Additional item {} {} was not found in Kubernetes API, can't back it up",
                  resource.gvr.resource, name.to_string());
    if (!missing) log.error("Error getting additional item {} {}", resource.gvr.resource, name.to_string());
    return;
  }
  while (!raw.empty() && raw.back() == '\n') raw.pop_back();
  ++expected_;
  try {
    const ObjectHead head = head_reader_.read(raw);
    back_up_checked(resource, head, raw);
  } catch (const base::Error& error) {
    if (is_cancelled(error)) throw;
    logger.with("error", error.message())
        .error("Error backing up additional item {} {}", resource.gvr.resource, name.to_string());
  }
}

void ItemBackupper::back_up_definition(const kube::GroupVersionResource& gvr) {
  // Built-in groups either have no dot or have no definition by that name.
  if (gvr.group.find('.') == std::string::npos || !filter_.takes_definitions()) return;
  auto resource = services_.discovery.find(kDefinitions);
  if (!resource || done_[kDefinitions].contains("/" + gvr.group_resource())) return;
  fetch_and_back_up(*resource, {"", gvr.group_resource()}, logger_, false);
}

// Returns the claim as it is to be stored, "" for unchanged.
std::string ItemBackupper::back_up_claim(std::string_view raw, const base::Logger& logger) {
  Json claim = codec::parse_json(raw, "persistentvolumeclaim");
  const std::string volume = codec::get_string(claim, {"spec", "volumeName"});
  if (volume.empty() || codec::get_string(claim, {"status", "phase"}) != "Bound") return "";
  back_up_additional(kube::resources::kPersistentVolumes, "", volume, logger);
  const std::string snapshot = csi_ ? snapshot_claim(claim, volume, logger) : "";
  if (!snapshot.empty()) {
    Json& metadata = claim["metadata"];
    metadata["annotations"][volumes::csi::kSnapshotName] = snapshot;
    metadata["labels"][volumes::csi::kSnapshotName] = snapshot;
    metadata["labels"][velero::label::kBackupName] = velero::label_value(backup_.metadata.name());
  }
  // A bound claim is restored with its data, so where that came from once must not bind the restored claim.
  Json& spec = claim["spec"];
  size_t removed = spec.erase("dataSource") + spec.erase("dataSourceRef");
  if (!codec::find(spec, {"storageClassName"}) || !codec::get_string(spec, {"storageClassName"}).empty())
    removed += spec.erase("selector");
  return removed || !snapshot.empty() ? codec::to_json(claim, 0, false) : "";
}

void ItemBackupper::back_up_service_account(const ObjectHead& head, const base::Logger& logger) {
  if (!cluster_roles_) {
    cluster_roles_.emplace();
    auto resource = services_.discovery.find_resource(kClusterRoleBindings);
    if (!resource || !filter_.takes_additional(*resource, "")) return;
    services_.client.list_raw(
        kClusterRoleBindings, "", {},
        [&](std::string_view raw) {
          const Json binding = codec::parse_json(raw, "clusterrolebinding");
          const Json* subjects = codec::find(binding, {"subjects"});
          if (!subjects || !subjects->is_array()) return;
          for (const Json& subject : *subjects) {
            if (codec::get_string(subject, {"kind"}) != "ServiceAccount") continue;
            const bool role = codec::get_string(binding, {"roleRef", "kind"}) == "ClusterRole";
            cluster_roles_->emplace(kube::ObjectName{codec::get_string(subject, {"namespace"}),
                                                     codec::get_string(subject, {"name"})},
                                    RoleBinding{kube::name_of(binding),
                                                role ? codec::get_string(binding, {"roleRef", "name"}) : ""});
          }
        },
        [&] { cluster_roles_->clear(); }, cancel_);
  }
  const auto [first, last] = cluster_roles_->equal_range({head.name_space, head.name});
  for (auto entry = first; entry != last; ++entry) {
    back_up_additional(kClusterRoleBindings, "", entry->second.name, logger);
    if (!entry->second.role.empty()) back_up_additional(kClusterRoles, "", entry->second.role, logger);
  }
}

// --- volumes
// -----------------------------------------------------------------------------------------------------

std::optional<velero::VolumeAction> ItemBackupper::policy_for(const Json* claim, const Json* volume,
                                                              const std::string& source,
                                                              const Json& source_spec) const {
  if (options_.policies.empty()) return std::nullopt;
  velero::PolicyVolume facts;
  facts.source = source;
  facts.source_spec = source_spec;
  if (volume) {
    facts.source = source_of_volume(*volume);
    if (const Json* spec = codec::find(*volume, {"spec", facts.source})) facts.source_spec = *spec;
    facts.capacity = velero::parse_quantity(codec::get_string(*volume, {"spec", "capacity", "storage"}));
    facts.storage_class = codec::get_string(*volume, {"spec", "storageClassName"});
  }
  if (claim) {
    facts.claim_labels = kube::labels_of(*claim);
    facts.claim_phase = codec::get_string(*claim, {"status", "phase"});
    if (!facts.capacity)
      facts.capacity =
          velero::parse_quantity(codec::get_string(*claim, {"spec", "resources", "requests", "storage"}));
    if (facts.storage_class.empty())
      facts.storage_class = codec::get_string(*claim, {"spec", "storageClassName"});
  }
  return options_.policies.action_for(facts);
}

std::string ItemBackupper::why_no_snapshot(const Json& volume, const base::Logger& logger) {
  const kube::ObjectName claim_name{codec::get_string(volume, {"spec", "claimRef", "namespace"}),
                                    codec::get_string(volume, {"spec", "claimRef", "name"})};
  if (tracker_.is_taken(claim_name)) return "the volume's files are backed up with a pod";
  if (auto reason = tracker_.why_withheld(claim_name); !reason.empty()) return reason;
  std::optional<Json> claim;
  if (!options_.policies.empty() && !claim_name.name.empty())
    claim = services_.client.get(kube::resources::kPersistentVolumeClaims, claim_name, cancel_);
  const auto action = policy_for(claim ? &*claim : nullptr, &volume, "", Json());
  if (action == velero::VolumeAction::kSkip) return "skipped due to policy";
  if (!wants_snapshot(action) || !services_.snapshot_provider) return kNotWanted;
  if (csi_ && !volumes::csi::driver_of(volume).empty()) return "CSI volumes have CSI snapshots";
  return snapshots_.take(volume, logger, cancel_);
}

bool ItemBackupper::wants_snapshot(std::optional<velero::VolumeAction> action) const {
  return action ? action == velero::VolumeAction::kSnapshot : backup_.spec.snapshot_volumes != false;
}

std::string ItemBackupper::why_no_csi_snapshot(const Json& claim, const Json& volume) {
  const kube::ObjectName name{kube::namespace_of(claim), kube::name_of(claim)};
  if (auto reason = tracker_.why_withheld(name); !reason.empty()) return reason;
  const auto action = policy_for(&claim, &volume, "", Json());
  if (action == velero::VolumeAction::kSkip) return "skipped due to policy";
  return wants_snapshot(action) ? "" : kNotWanted;
}

// Begins a CSI snapshot of a bound claim, if it is to have one, and returns its name; else "".
std::string ItemBackupper::snapshot_claim(const Json& claim, const std::string& volume_name,
                                          const base::Logger& logger) {
  const kube::ObjectName name{kube::namespace_of(claim), kube::name_of(claim)};
  if (tracker_.is_taken(name)) return "";
  // Also when the backup takes no PersistentVolumes.
  const auto volume = services_.client.get(kube::resources::kPersistentVolumes, {"", volume_name}, cancel_);
  if (!volume || volumes::csi::driver_of(*volume).empty()) return "";
  std::string reason = why_no_csi_snapshot(claim, *volume);
  const bool wanted = reason.empty();
  if (!wanted) item_logger_.info("no CSI snapshot of claim {}: {}", name.to_string(), reason);
  tracker_.volume_seen(*volume, std::move(reason));
  return wanted ? csi_->begin(claim, *volume, logger, cancel_) : "";
}

// What describes snapshots is taken whatever the filters say: without it there is nothing to restore from.
void ItemBackupper::write_additional(const kube::GroupVersionResource& gvr, const Json& object) {
  const auto resource = services_.discovery.find_resource(gvr);
  if (!resource) return;
  ObjectHead head;
  head.api_version = gvr.api_version();
  head.kind = resource->kind;
  head.name_space = kube::namespace_of(object);
  head.name = kube::name_of(object);
  if (!mark_done(gvr, head)) return;
  ++expected_;
  write(*resource, head, codec::to_json(object, 0, false));
}

void ItemBackupper::finish_snapshots() {
  if (!csi_ || !csi_->any()) return;
  csi_->wait_until_ready(cancel_);
  csi_->retain(cancel_);
  for (const Json& object : csi_->classes()) write_additional(volumes::csi::kClasses, object);
  for (const Json& object : csi_->contents()) write_additional(volumes::csi::kContents, object);
  for (const Json& object : csi_->snapshots()) write_additional(volumes::csi::kSnapshots, object);
}

void ItemBackupper::back_up_volume(std::string_view raw, const base::Logger& logger) {
  const Json volume = codec::parse_json(raw, "persistentvolume");
  const size_t before = snapshots_.all().size();
  std::string reason = why_no_snapshot(volume, logger);
  if (snapshot_taken_ && snapshots_.all().size() > before) snapshot_taken_(snapshots_.all());
  if (!reason.empty())
    item_logger_.info("no snapshot of PersistentVolume {}: {}", kube::name_of(volume), reason);
  tracker_.volume_seen(volume, std::move(reason));
}

std::vector<velero::VolumeInfo> ItemBackupper::volume_info() const {
  std::vector<velero::VolumeInfo> snapshots;
  if (csi_) {
    for (const auto& snapshot : csi_->all()) snapshots.push_back(csi_->volume_info(snapshot));
  }
  return tracker_.finish(std::move(snapshots), snapshots_.all(), pod_volumes_.all());
}

// --- pods
// --------------------------------------------------------------------------------------------------------

std::optional<velero::VolumeAction> ItemBackupper::policy_for_pod_volume(const std::string& name_space,
                                                                         const PodVolume& volume) const {
  if (options_.policies.empty()) return std::nullopt;
  if (volume.claim.empty()) return policy_for(nullptr, nullptr, volume.source, Json());
  auto claim =
      services_.client.get(kube::resources::kPersistentVolumeClaims, {name_space, volume.claim}, cancel_);
  std::optional<Json> bound;
  const std::string name = claim ? codec::get_string(*claim, {"spec", "volumeName"}) : "";
  if (!name.empty()) bound = services_.client.get(kube::resources::kPersistentVolumes, {"", name}, cancel_);
  return policy_for(claim ? &*claim : nullptr, bound ? &*bound : nullptr, volume.source, Json());
}

// Why this pod's volumes cannot be taken now although they were asked for; "" if they can.
std::string ItemBackupper::why_no_pod_volumes(const Json& pod, const base::Logger& logger) {
  const std::string node = codec::get_string(pod, {"spec", "nodeName"});
  if (codec::get_string(pod, {"status", "phase"}) != "Running" || node.empty()) {
    logger.warning("Skip pod volumes: pod {} is not running", kube::name_of(pod));
    return "the pod is not running";
  }
  if (!services_.repository) {
    logger.error("this server has no repository for the volumes of pods");
    return "no repository";
  }
  if (services_.node_agent_runs && !services_.node_agent_runs(node)) {
    logger.error("node-agent is not running in node {}", node);
    return "node-agent is not running in node " + node;
  }
  return "";
}

// Looks up what is needed of the claim; returns why the volume cannot be taken, "" if it can.
std::string ItemBackupper::why_unfit(const std::string& name_space, ClaimedVolume& volume) {
  if (volume.volume.claim.empty()) return "";
  const kube::ObjectName claim_name{name_space, volume.volume.claim};
  if (tracker_.is_taken(claim_name)) return "taken with another pod";
  if (auto reason = tracker_.why_withheld(claim_name); !reason.empty()) return reason;
  auto claim = services_.client.get(kube::resources::kPersistentVolumeClaims, claim_name, cancel_);
  if (!claim) return "its claim does not exist";
  volume.claim_uid = kube::uid_of(*claim);
  if (codec::get_string(*claim, {"spec", "volumeMode"}) == "Block") return "block volumes have no files";
  const std::string bound = codec::get_string(*claim, {"spec", "volumeName"});
  if (bound.empty()) return "its claim is not bound";
  auto persistent_volume = services_.client.get(kube::resources::kPersistentVolumes, {"", bound}, cancel_);
  if (persistent_volume && codec::find(*persistent_volume, {"spec", "hostPath"}))
    return "hostPath volumes are not backed up";
  return "";
}

std::vector<ClaimedVolume> ItemBackupper::select_volumes(const Json& pod, const base::Logger& logger) {
  const std::string name_space = kube::namespace_of(pod);
  VolumeSelection selection =
      select_pod_volumes(pod, backup_.spec.default_volumes_to_fs_backup.value_or(false),
                         [&](const PodVolume& volume) { return policy_for_pod_volume(name_space, volume); });
  const std::string obstacle = selection.chosen.empty() ? "" : why_no_pod_volumes(pod, logger);
  std::vector<ClaimedVolume> fit;
  for (const PodVolume& chosen : selection.chosen) {
    ClaimedVolume volume{chosen, ""};
    const std::string reason = obstacle.empty() ? why_unfit(name_space, volume) : obstacle;
    if (!reason.empty()) {
      if (obstacle.empty()) logger.warning("Skip pod volume {}: {}", chosen.name, reason);
      selection.skipped[chosen.name] = reason;
      continue;
    }
    if (!chosen.claim.empty()) tracker_.pod_volume_taken({name_space, chosen.claim});
    fit.push_back(std::move(volume));
  }
  for (const PodVolume& volume : volumes_of(pod)) {
    if (volume.claim.empty()) continue;
    if (auto reason = selection.skipped.find(volume.name); reason != selection.skipped.end())
      tracker_.pod_volume_skipped({name_space, volume.claim}, reason->second);
  }
  return fit;
}

void ItemBackupper::back_up_pod(const kube::ApiResource& resource, const ObjectHead& head,
                                std::string_view raw, const base::Logger& logger) {
  const Json pod = codec::parse_json(raw, "pod");
  const auto before = hooks_.run(pod, HookPhase::kPre, logger, cancel_);
  if (!before.succeeded) {
    // What an earlier one of them froze must not stay frozen.
    if (before.done > 0) hooks_.run(pod, HookPhase::kPost, logger, cancel_);
    logger.info("the pod and the data of its volumes are not backed up, because a hook failed before it");
    for (const PodVolume& volume : volumes_of(pod)) {
      if (!volume.claim.empty())
        tracker_.withhold({head.name_space, volume.claim},
                          fmt::format("a hook failed before the backup of pod {}", head.name));
    }
    --expected_;
    return;
  }
  // What a hook has frozen must not stay frozen, whatever happens in between, cancellation included.
  try {
    const auto volumes = select_volumes(pod, logger);
    if (const auto priority = codec::get_string(pod, {"spec", "priorityClassName"}); !priority.empty())
      back_up_additional(kPriorityClasses, "", priority, logger);
    for (const PodVolume& volume : volumes_of(pod)) {
      if (!volume.claim.empty())
        back_up_additional(kube::resources::kPersistentVolumeClaims, head.name_space, volume.claim, logger);
    }
    if (!volumes.empty())
      pod_volumes_.back_up(pod, volumes, services_.repository(head.name_space), logger, cancel_);
    // What a hook has frozen stays so until the storage has it.
    if (csi_) csi_->wait_for_cut(claims_of(pod), cancel_);
  } catch (const StoreFailure&) {
    hooks_.run(pod, HookPhase::kPost, logger, {});
    throw;
  } catch (const base::Error& error) {
    if (is_cancelled(error)) {
      hooks_.run(pod, HookPhase::kPost, logger, {});
      throw;
    }
    logger.with("error", error.message()).error("Error backing up item");
  }
  hooks_.run(pod, HookPhase::kPost, logger, cancel_);
  write(resource, head, raw);
}

}  // namespace salvor::backup
