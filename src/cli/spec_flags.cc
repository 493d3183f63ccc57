#include "cli/spec_flags.h"

#include "base/error.h"

namespace salvor::cli {

void BackupSpecFlags::add_to(CLI::App& command, const std::string& what) {
  add_filters(command);
  const auto text = [&](const char* flag, std::string& into, const char* type, const std::string& help) {
    command.add_option(flag, into, help)->type_name(type);
  };
  text("--labels", labels_, "mapStringString", fmt::format("Labels to apply to the {}.", what));
  text("--annotations", annotations_, "mapStringString",
       fmt::format("Annotations to apply to the {}.", what));
  text("--ttl", ttl_, "duration", "How long before the backup can be garbage collected.");
  text("--storage-location", storage_location_, "string", "Location in which to store the backup.");
  add_list(command, "volume-snapshot-locations", snapshot_locations_,
           "List of locations (at most one per provider) where volume snapshots should be stored.");
  text("--ordered-resources", ordered_resources_, "string",
       "Kinds and the order in which to back up objects of them, as "
       "'pods=ns1/pod1,ns1/pod2;persistentvolumeclaims=ns1/pvc4'. Cluster-scoped objects have no namespace.");
  text("--csi-snapshot-timeout", csi_snapshot_timeout_, "duration",
       "How long to wait for CSI snapshot creation before timeout.");
  text("--item-operation-timeout", item_operation_timeout_, "duration",
       "How long to wait for asynchronous operations before timeout.");
  text("--resource-policies-configmap", resource_policies_, "string",
       "Config map with the resource policies that the backup should use.");
  text("--data-mover", data_mover_, "string",
       "Data mover to be used by the backup. If not set or 'velero', the built-in one is used.");
  command
      .add_option("--parallel-files-upload", parallel_files_,
                  "Number of files that are uploaded at the same time.")
      ->type_name("int");
  snapshot_volumes_.add_to(
      command, "snapshot-volumes",
      "Take snapshots of PersistentVolumes as part of the backup. If not set, they are taken.");
  snapshot_move_data_.add_to(command, "snapshot-move-data", "Specify whether snapshot data should be moved.");
  include_cluster_resources_.add_to(
      command, "include-cluster-resources",
      "Include cluster-scoped resources in the backup. Cannot work with the scoped "
      "include and exclude flags.");
  default_fs_backup_.add_to(command, "default-volumes-to-fs-backup",
                            "Use pod volume file system backup by default for volumes.");
}

void BackupSpecFlags::add_filters(CLI::App& command) {
  add_list(command, "include-namespaces", include_namespaces_,
           "Namespaces to include in the backup (use '*' for all namespaces). (default *)");
  add_list(command, "exclude-namespaces", exclude_namespaces_, "Namespaces to exclude from the backup.");
  add_list(command, "include-resources", include_resources_,
           "Resources to include in the backup, formatted as resource.group, such as "
           "storageclasses.storage.k8s.io "
           "(use '*' for all resources). Cannot work with the scoped include and exclude flags.");
  add_list(command, "exclude-resources", exclude_resources_,
           "Resources to exclude from the backup, formatted as resource.group. Cannot work with the scoped "
           "include "
           "and exclude flags.");
  constexpr const char* kScoped =
      ", formatted as resource.group (use '*' for all resources). Cannot work with include-resources, "
      "exclude-resources and include-cluster-resources.";
  add_list(command, "include-cluster-scoped-resources", include_cluster_,
           std::string("Cluster-scoped resources to include in the backup") + kScoped);
  add_list(command, "exclude-cluster-scoped-resources", exclude_cluster_,
           std::string("Cluster-scoped resources to exclude from the backup") + kScoped);
  add_list(command, "include-namespace-scoped-resources", include_namespaced_,
           std::string("Namespaced resources to include in the backup") + kScoped);
  add_list(command, "exclude-namespace-scoped-resources", exclude_namespaced_,
           std::string("Namespaced resources to exclude from the backup") + kScoped);
  command.add_option("-l,--selector", selector_, "Only back up resources matching this label selector.")
      ->type_name("labelSelector");
  command
      .add_option(
          "--or-selector", or_selector_,
          "Back up resources matching at least one of the label selectors, which are separated by ' or ': "
          "foo=bar or app=nginx")
      ->type_name("orLabelSelector");
}

velero::BackupSpec BackupSpecFlags::spec() const {
  velero::BackupSpec spec;
  const bool old_filters =
      !include_resources_.empty() || !exclude_resources_.empty() || include_cluster_resources_.given();
  const bool new_filters = !include_cluster_.empty() || !exclude_cluster_.empty() ||
                           !include_namespaced_.empty() || !exclude_namespaced_.empty();
  if (old_filters && new_filters) {
    base::fail(
        base::ErrorCode::kInvalidArgument,
        "include-resources, exclude-resources and include-cluster-resources are old filter parameters\n"
        "include-cluster-scoped-resources, exclude-cluster-scoped-resources, "
        "include-namespace-scoped-resources "
        "and exclude-namespace-scoped-resources are new filter parameters\nthey cannot be used together");
  }
  if (!selector_.empty() && !or_selector_.empty()) {
    base::fail(base::ErrorCode::kInvalidArgument,
               "either a 'selector' or an 'or-selector' can be specified, but not both");
  }
  spec.included_namespaces =
      include_namespaces_.empty() ? std::vector<std::string>{"*"} : include_namespaces_;
  spec.excluded_namespaces = exclude_namespaces_;
  spec.included_resources = include_resources_;
  spec.excluded_resources = exclude_resources_;
  spec.included_cluster_scoped_resources = include_cluster_;
  spec.excluded_cluster_scoped_resources = exclude_cluster_;
  spec.included_namespace_scoped_resources = include_namespaced_;
  spec.excluded_namespace_scoped_resources = exclude_namespaced_;
  spec.snapshot_volumes = snapshot_volumes_.value();
  spec.snapshot_move_data = snapshot_move_data_.value();
  spec.include_cluster_resources = include_cluster_resources_.value();
  spec.default_volumes_to_fs_backup = default_fs_backup_.value();
  if (!selector_.empty()) spec.label_selector = parse_selector("-l, --selector", selector_);
  if (!or_selector_.empty()) spec.or_label_selectors = parse_or_selectors(or_selector_);
  if (!ttl_.empty()) spec.ttl = parse_duration_flag("ttl", ttl_);
  spec.storage_location = storage_location_;
  spec.volume_snapshot_locations = snapshot_locations_;
  if (!ordered_resources_.empty()) spec.ordered_resources = parse_ordered_resources(ordered_resources_);
  if (!csi_snapshot_timeout_.empty()) {
    spec.csi_snapshot_timeout = parse_duration_flag("csi-snapshot-timeout", csi_snapshot_timeout_);
  }
  if (!item_operation_timeout_.empty()) {
    spec.item_operation_timeout = parse_duration_flag("item-operation-timeout", item_operation_timeout_);
  }
  if (!resource_policies_.empty()) {
    spec.resource_policy =
        velero::TypedReference{.api_group = std::nullopt, .kind = "configmap", .name = resource_policies_};
  }
  spec.data_mover = data_mover_;
  if (parallel_files_ > 0) spec.uploader_config = velero::UploaderConfigForBackup{parallel_files_};
  return spec;
}

std::map<std::string, std::string> BackupSpecFlags::labels() const {
  return parse_map("labels", labels_);
}
std::map<std::string, std::string> BackupSpecFlags::annotations() const {
  return parse_map("annotations", annotations_);
}

}  // namespace salvor::cli
