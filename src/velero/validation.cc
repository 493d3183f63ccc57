#include "velero/validation.h"

#include "base/duration.h"
#include "base/error.h"
#include "base/text.h"
#include "velero/constants.h"
#include "velero/cron.h"
#include "velero/includes_excludes.h"
#include "velero/resource_modifiers.h"
#include "velero/resource_policies.h"

namespace salvor::velero {
namespace {

using Texts = std::vector<std::string>;

void append(Texts& to, std::string_view prefix, const Texts& from) {
  for (const std::string& text : from) to.push_back(std::string(prefix) + text);
}

void add_missing(std::vector<std::string>& list, std::string_view item) {
  if (std::find(list.begin(), list.end(), item) == list.end()) list.emplace_back(item);
}

bool uses_old_filters(const BackupSpec& spec) {
  return spec.include_cluster_resources || !spec.included_resources.empty() ||
         !spec.excluded_resources.empty();
}

bool uses_new_filters(const BackupSpec& spec) {
  return !spec.included_cluster_scoped_resources.empty() || !spec.excluded_cluster_scoped_resources.empty() ||
         !spec.included_namespace_scoped_resources.empty() ||
         !spec.excluded_namespace_scoped_resources.empty();
}

void fill_spec(Backup& backup, const ServerDefaults& defaults) {
  BackupSpec& spec = backup.spec;
  if (spec.ttl <= base::Duration::zero()) spec.ttl = defaults.backup_ttl;
  if (spec.csi_snapshot_timeout <= base::Duration::zero())
    spec.csi_snapshot_timeout = defaults.csi_snapshot_timeout;
  if (spec.item_operation_timeout <= base::Duration::zero())
    spec.item_operation_timeout = defaults.item_operation_timeout;
  if (!spec.default_volumes_to_fs_backup)
    spec.default_volumes_to_fs_backup =
        spec.default_volumes_to_restic.value_or(defaults.volumes_to_fs_backup);
  if (!spec.snapshot_move_data) spec.snapshot_move_data = defaults.snapshot_move_data;
  if (spec.volume_group_snapshot_label_key.empty())
    spec.volume_group_snapshot_label_key = defaults.volume_group_snapshot_label_key;
  if (spec.included_namespaces.empty()) spec.included_namespaces = {"*"};
}

// CSI snapshots in the cluster are made by backups and restored through their own records.
void exclude_csi_snapshots(BackupSpec& spec) {
  constexpr char kSnapshots[] = "volumesnapshots.snapshot.storage.k8s.io";
  constexpr char kContents[] = "volumesnapshotcontents.snapshot.storage.k8s.io";
  if (uses_old_filters(spec)) {
    add_missing(spec.excluded_resources, kSnapshots);
    add_missing(spec.excluded_resources, kContents);
    return;
  }
  if (spec.excluded_cluster_scoped_resources != Texts{"*"})
    add_missing(spec.excluded_cluster_scoped_resources, kContents);
  if (spec.excluded_namespace_scoped_resources != Texts{"*"})
    add_missing(spec.excluded_namespace_scoped_resources, kSnapshots);
}

void resolve_storage_location(Backup& backup, const ServerDefaults& defaults,
                              const ValidationLookups& lookups, Texts& errors) {
  const auto locations = lookups.storage_locations();
  std::string& name = backup.spec.storage_location;
  const bool given = !name.empty();
  if (!given) {
    name = defaults.storage_location;
    for (const auto& location : locations) {
      if (location.spec.is_default) name = location.metadata.name();
    }
  }
  backup.metadata.set_label(label::kStorageLocation, label_value(name));
  auto found = std::find_if(locations.begin(), locations.end(),
                            [&](const auto& location) { return location.metadata.name() == name; });
  if (found == locations.end()) {
    errors.push_back(
        given ? fmt::format(
                    "a BackupStorageLocation CRD with the name specified in the backup spec needs to be "
                    "created before this backup can be executed. Error: "
                    "backupstoragelocations.velero.io \"{}\" not found",
                    name)
              : fmt::format(
                    "an existing backup storage location wasn't specified at backup creation time and the "
                    "default '{0}' wasn't found. Please address this issue (see `velero backup-location -h` "
                    "for options) and create a new backup. Error: "
                    "backupstoragelocations.velero.io \"{0}\" not found",
                    name));
    return;
  }
  if (found->read_only())
    errors.push_back(fmt::format(
        "backup can't be created because backup storage location {} is currently in read-only mode", name));
  if (found->status.phase == phase::kUnavailable)
    errors.push_back(fmt::format(
        "backup can't be created because BackupStorageLocation {} is in Unavailable status.", name));
}

// Exactly one location per provider: those named, else the only one, else the server's default.
void resolve_snapshot_locations(Backup& backup, const ServerDefaults& defaults,
                                const ValidationLookups& lookups, Texts& errors) {
  std::map<std::string, VolumeSnapshotLocation> by_name;
  std::map<std::string, Texts> by_provider;
  for (auto& location : lookups.snapshot_locations()) {
    by_provider[location.spec.provider].push_back(location.metadata.name());
    by_name.emplace(location.metadata.name(), location);
  }
  std::map<std::string, std::string> chosen;
  Texts names;
  const size_t errors_before = errors.size();
  for (const std::string& name : backup.spec.volume_snapshot_locations) {
    auto found = by_name.find(name);
    if (found == by_name.end()) {
      errors.push_back(
          fmt::format("a VolumeSnapshotLocation CRD for the location {} with the name specified in the "
                      "backup spec needs to be created before this snapshot can be executed. Error: "
                      "volumesnapshotlocations.velero.io \"{}\" not found",
                      name, name));
      continue;
    }
    const std::string& provider = found->second.spec.provider;
    auto [earlier, inserted] = chosen.emplace(provider, name);
    if (inserted) {
      names.push_back(name);
    } else if (earlier->second != name) {
      errors.push_back(fmt::format(
          "more than one VolumeSnapshotLocation name specified for provider {}: {}; unexpected name was {}",
          provider, name, earlier->second));
    }
  }
  for (const auto& [provider, available] : by_provider) {
    if (chosen.contains(provider)) continue;
    std::string name = available[0];
    if (available.size() > 1) {
      auto found = defaults.snapshot_locations.find(provider);
      if (found == defaults.snapshot_locations.end()) {
        errors.push_back(
            fmt::format("provider {} has more than one possible volume snapshot location, but none were "
                        "specified explicitly or as a default",
                        provider));
        continue;
      }
      name = found->second;
    }
    names.push_back(name);
  }
  if (errors.size() == errors_before) backup.spec.volume_snapshot_locations = names;
}

void check_config_map_reference(const TypedReference& reference, std::string_view what,
                                const ValidationLookups& lookups, Texts& errors,
                                const std::function<void(const Json&)>& check) {
  if (base::to_lower(reference.kind) != "configmap") {
    errors.push_back(fmt::format("{} must refer to a configmap, not to a {}", what, reference.kind));
    return;
  }
  auto config_map = lookups.config_map(reference.name);
  if (!config_map) {
    errors.push_back(fmt::format("{} configmaps \"{}\" not found", what, reference.name));
    return;
  }
  try {
    check(*config_map);
  } catch (const base::Error& error) {
    errors.push_back(fmt::format("{} in configmap {}: {}", what, reference.name, error.message()));
  }
}

void check_durations(const BackupSpec& spec, Texts& errors) {
  if (spec.ttl < base::Duration::zero()) errors.push_back("ttl must not be negative");
  if (spec.csi_snapshot_timeout < base::Duration::zero())
    errors.push_back("csiSnapshotTimeout must not be negative");
  if (spec.item_operation_timeout < base::Duration::zero())
    errors.push_back("itemOperationTimeout must not be negative");
}

// What is well-formed but would not be done must not look as if it had been.
void check_supported(const BackupSpec& spec, Texts& errors) {
  if (spec.snapshot_move_data.value_or(false))
    errors.push_back("snapshotMoveData is not supported: there is no data mover for CSI snapshots");
  if (!spec.data_mover.empty() && spec.data_mover != "velero")
    errors.push_back(
        fmt::format("datamover \"{}\" is not supported: there is only the built-in one", spec.data_mover));
  if (!spec.volume_group_snapshot_label_key.empty() &&
      spec.volume_group_snapshot_label_key != label::kVolumeGroup)
    errors.push_back("volumeGroupSnapshotLabelKey is not supported: volumes are snapshotted one by one");
  if (spec.uploader_config && spec.uploader_config->parallel_files_upload < 0)
    errors.push_back("uploaderConfig.parallelFilesUpload must not be negative");
  for (const auto& [kind, names] : spec.ordered_resources) {
    if (kind.empty() || names.empty())
      errors.push_back("orderedResources needs a kind and names in each entry");
  }
}

void check_exec_hooks(const BackupHooks& hooks, Texts& errors) {
  for (const auto& entry : hooks.resources) {
    if (entry.name.empty()) errors.push_back("hooks.resources: an entry has no name");
    append(errors, fmt::format("hook \"{}\": invalid included/excluded namespace lists: ", entry.name),
           validate_namespace_includes_excludes(entry.included_namespaces, entry.excluded_namespaces));
    append(errors, fmt::format("hook \"{}\": invalid included/excluded resource lists: ", entry.name),
           validate_includes_excludes(entry.included_resources, entry.excluded_resources));
    for (const auto* list : {&entry.pre, &entry.post}) {
      for (const auto& hook : *list) {
        if (!hook.exec || hook.exec->command.empty())
          errors.push_back(fmt::format("hook \"{}\" has no command", entry.name));
        if (!hook.exec) continue;
        const std::string& on_error = hook.exec->on_error;
        if (!on_error.empty() && on_error != "Fail" && on_error != "Continue")
          errors.push_back(
              fmt::format("hook \"{}\": onError is Fail or Continue, not \"{}\"", entry.name, on_error));
        if (hook.exec->timeout < base::Duration::zero())
          errors.push_back(fmt::format("hook \"{}\": timeout must not be negative", entry.name));
      }
    }
  }
}

}  // namespace

std::vector<std::string> validate_backup_spec(const BackupSpec& spec) {
  Texts errors;
  if (uses_old_filters(spec) && uses_new_filters(spec))
    errors.push_back(
        "include-resources, exclude-resources and include-cluster-resources are old filter parameters.\n"
        "include-cluster-scoped-resources, exclude-cluster-scoped-resources, "
        "include-namespace-scoped-resources and "
        "exclude-namespace-scoped-resources are new filter parameters.\nThey cannot be used together");
  append(errors, "Invalid included/excluded resource lists: ",
         validate_includes_excludes(spec.included_resources, spec.excluded_resources));
  append(errors, "Invalid included/excluded cluster-scoped resource lists: ",
         validate_scoped_includes_excludes(spec.included_cluster_scoped_resources,
                                           spec.excluded_cluster_scoped_resources));
  append(errors, "Invalid included/excluded namespace-scoped resource lists: ",
         validate_scoped_includes_excludes(spec.included_namespace_scoped_resources,
                                           spec.excluded_namespace_scoped_resources));
  append(errors, "Invalid included/excluded namespace lists: ",
         validate_namespace_includes_excludes(spec.included_namespaces, spec.excluded_namespaces));
  if (spec.label_selector && !spec.or_label_selectors.empty())
    errors.push_back(
        "encountered labelSelector as well as orLabelSelectors in backup spec, only one can be specified");
  check_durations(spec, errors);
  check_supported(spec, errors);
  check_exec_hooks(spec.hooks, errors);
  return errors;
}

std::vector<std::string> prepare_backup(Backup& backup, const ServerDefaults& defaults,
                                        const ValidationLookups& lookups,
                                        const std::vector<std::string>& excluded_namespaces,
                                        const kube::Client::Version& cluster_version, base::Time now) {
  Texts errors;
  BackupSpec& spec = backup.spec;
  check_durations(spec, errors);  // the defaults replace what is negative
  fill_spec(backup, defaults);
  for (const auto& [key, value] : spec.metadata.labels) {
    if (!backup.metadata.has_label(key)) backup.metadata.set_label(key, value);
  }
  backup.status.version = kBackupVersion;
  backup.status.format_version = kBackupFormatVersion;
  backup.status.expiration = now + spec.ttl;
  resolve_storage_location(backup, defaults, lookups, errors);
  backup.metadata.set_annotation(annotation::kSourceClusterGitVersion, cluster_version.git_version);
  backup.metadata.set_annotation(annotation::kSourceClusterMajorVersion, cluster_version.major);
  backup.metadata.set_annotation(annotation::kSourceClusterMinorVersion, cluster_version.minor);
  backup.metadata.set_annotation(annotation::kResourceTimeout,
                                 base::format_duration(defaults.resource_timeout));
  for (const std::string& name : excluded_namespaces) add_missing(spec.excluded_namespaces, name);
  resolve_snapshot_locations(backup, defaults, lookups, errors);
  append(errors, "", validate_backup_spec(spec));
  exclude_csi_snapshots(spec);
  if (spec.resource_policy)
    check_config_map_reference(*spec.resource_policy, "resource policies", lookups, errors,
                               [&](const Json& object) {
                                 if (ResourcePolicies::from_config_map(object).has_include_exclude_policy() &&
                                     uses_old_filters(spec))
                                   errors.push_back(
                                       "include-resources, exclude-resources and include-cluster-resources "
                                       "are old filter parameters.\n"
                                       "They cannot be used with include-exclude policies.");
                               });
  return errors;
}

std::vector<std::string> validate_schedule(const ScheduleSpec& spec) {
  if (spec.schedule.empty()) return {"Schedule must be a non-empty valid Cron expression"};
  try {
    CronSchedule::parse(spec.schedule);
    return {};
  } catch (const base::Error& error) {
    return {"invalid schedule: " + error.message()};
  }
}

const std::vector<std::string>& non_restorable_resources() {
  static const Texts kResources = {"nodes",
                                   "events",
                                   "events.events.k8s.io",
                                   "backups.velero.io",
                                   "restores.velero.io",
                                   "resticrepositories.velero.io",
                                   "csinodes.storage.k8s.io",
                                   "volumeattachments.storage.k8s.io",
                                   "backuprepositories.velero.io"};
  return kResources;
}

namespace {

void check_init_containers(const RestoreHooks& hooks, Texts& errors) {
  for (const auto& resource : hooks.resources) {
    for (const auto& hook : resource.post_hooks) {
      if (!hook.init) continue;
      for (const Json& container : hook.init->init_containers) {
        const Json* command = codec::find(container, {"command"});
        for (const char* field : {"name", "image"}) {
          if (codec::get_string(container, {field}).empty())
            errors.push_back(
                fmt::format("invalid InitContainer in restore hook \"{}\", it doesn't have {} field",
                            resource.name, field));
        }
        if (!command || !command->is_array() || command->empty())
          errors.push_back(fmt::format(
              "invalid InitContainer in restore hook \"{}\", it doesn't have command field", resource.name));
      }
    }
  }
}

void check_exec_hooks(const RestoreHooks& hooks, Texts& errors) {
  for (const auto& resource : hooks.resources) {
    for (const auto& hook : resource.post_hooks) {
      if (hook.exec.has_value() == hook.init.has_value())
        errors.push_back(fmt::format(
            "invalid postHook in restore hook \"{}\", it must have either exec or init", resource.name));
      if (!hook.exec) continue;
      if (hook.exec->command.empty())
        errors.push_back(fmt::format("invalid exec hook in restore hook \"{}\", it doesn't have a command",
                                     resource.name));
      const std::string& on_error = hook.exec->on_error;
      if (!on_error.empty() && on_error != "Continue" && on_error != "Fail")
        errors.push_back(
            fmt::format("invalid onError \"{}\" in restore hook \"{}\", it must be Continue or Fail",
                        on_error, resource.name));
    }
  }
}

void check_namespace_mapping(const std::map<std::string, std::string>& mapping, Texts& errors) {
  for (const auto& [from, to] : mapping) {
    if (from.empty()) errors.push_back("Invalid namespace mapping: the source namespace is empty");
    for (const std::string& why : dns_label_errors(to))
      errors.push_back(fmt::format("Invalid namespace mapping \"{}:{}\": {}", from, to, why));
  }
}

const Backup* newest_completed(const std::vector<Backup>& backups, const std::string& schedule,
                               Texts& errors) {
  const Backup* newest = nullptr;
  bool any = false;
  for (const Backup& backup : backups) {
    if (backup.metadata.label(label::kScheduleName) != label_value(schedule)) continue;
    any = true;
    if (backup.status.phase != phase::kCompleted) continue;
    if (!newest || backup.status.start_timestamp > newest->status.start_timestamp) newest = &backup;
  }
  if (!newest)
    errors.push_back(any ? "No completed backups found for schedule" : "No backups found for schedule");
  return newest;
}

void resolve_backup(Restore& restore, const ValidationLookups& lookups, Texts& errors) {
  RestoreSpec& spec = restore.spec;
  const auto backups = lookups.backups();
  const Backup* backup = nullptr;
  if (!spec.schedule_name.empty()) {
    backup = newest_completed(backups, spec.schedule_name, errors);
    if (!backup) return;
    spec.backup_name = backup->metadata.name();
  } else {
    for (const Backup& candidate : backups) {
      if (candidate.metadata.name() == spec.backup_name) backup = &candidate;
    }
    if (!backup) {
      errors.push_back(
          fmt::format("Error retrieving backup: backups.velero.io \"{}\" not found", spec.backup_name));
      return;
    }
    spec.schedule_name = backup->metadata.label(label::kScheduleName);
  }
  const std::string& location = backup->spec.storage_location;
  for (const auto& candidate : lookups.storage_locations()) {
    if (candidate.metadata.name() != location) continue;
    if (candidate.status.phase == phase::kUnavailable)
      errors.push_back(
          fmt::format("Error retrieving backup: the BackupStorageLocation {} is unavailable", location));
    return;
  }
  errors.push_back(
      fmt::format("Error retrieving backup: backupstoragelocations.velero.io \"{}\" not found", location));
}

}  // namespace

std::vector<std::string> prepare_restore(Restore& restore, const ServerDefaults& defaults,
                                         const ValidationLookups& lookups) {
  Texts errors;
  RestoreSpec& spec = restore.spec;
  for (const std::string& resource : non_restorable_resources())
    add_missing(spec.excluded_resources, resource);
  if (spec.item_operation_timeout <= base::Duration::zero())
    spec.item_operation_timeout = defaults.item_operation_timeout;
  for (const std::string& resource : spec.included_resources) {
    const auto& never = non_restorable_resources();
    if (std::find(never.begin(), never.end(), resource) != never.end())
      errors.push_back(resource + " are non-restorable resources");
  }
  append(errors, "Invalid included/excluded resource lists: ",
         validate_includes_excludes(spec.included_resources, spec.excluded_resources));
  append(errors, "Invalid included/excluded namespace lists: ",
         validate_namespace_includes_excludes(spec.included_namespaces, spec.excluded_namespaces));
  if (spec.label_selector && !spec.or_label_selectors.empty())
    errors.push_back(
        "encountered labelSelector as well as orLabelSelectors in restore spec, only one can be specified");
  check_init_containers(spec.hooks, errors);
  check_exec_hooks(spec.hooks, errors);
  check_namespace_mapping(spec.namespace_mapping, errors);
  if (spec.restore_status)
    append(errors, "Invalid included/excluded resource lists of restoreStatus: ",
           validate_includes_excludes(spec.restore_status->included_resources,
                                      spec.restore_status->excluded_resources));
  if (spec.uploader_config && spec.uploader_config->parallel_files_download < 0)
    errors.push_back("Invalid uploaderConfig: parallelFilesDownload must not be negative");
  const std::string& policy = spec.existing_resource_policy;
  if (!policy.empty() && policy != "none" && policy != "update")
    errors.push_back("Invalid ExistingResourcePolicy: " + policy);
  if (spec.backup_name.empty() == spec.schedule_name.empty()) {
    errors.push_back(
        "Either a backup or schedule must be specified as a source for the restore, but not both");
    return errors;
  }
  resolve_backup(restore, lookups, errors);
  if (spec.resource_modifier)
    check_config_map_reference(*spec.resource_modifier, "resource modifiers", lookups, errors,
                               [](const Json& object) { ResourceModifiers::from_config_map(object); });
  return errors;
}

}  // namespace salvor::velero
