#include "cli/spec_flags.h"

#include "base/error.h"

namespace salvor::cli {

void BackupSpecFlags::add_to(CLI::App& command) {
  add_list(command, "include-namespaces", include_namespaces_,
           "Namespaces to include in the backup ('*' for all)");
  add_list(command, "exclude-namespaces", exclude_namespaces_, "Namespaces to exclude from the backup");
  add_list(command, "include-resources", include_resources_,
           "Resources to include, formatted as resource.group, such as storageclasses.storage.k8s.io ('*' "
           "for all)");
  add_list(command, "exclude-resources", exclude_resources_,
           "Resources to exclude, formatted as resource.group");
  add_list(command, "include-cluster-scoped-resources", include_cluster_,
           "Cluster-scoped resources to include");
  add_list(command, "exclude-cluster-scoped-resources", exclude_cluster_,
           "Cluster-scoped resources to exclude");
  add_list(command, "include-namespace-scoped-resources", include_namespaced_,
           "Namespaced resources to include");
  add_list(command, "exclude-namespace-scoped-resources", exclude_namespaced_,
           "Namespaced resources to exclude");
  command.add_option("--labels", labels_, "Labels to apply, as key=value,key=value");
  command.add_option("--annotations", annotations_, "Annotations to apply, as key=value,key=value");
  command.add_option("--ttl", ttl_, "How long before the backup can be garbage collected, as 720h0m0s");
  command.add_option("--storage-location", storage_location_, "Location in which to store the backup");
  add_list(command, "volume-snapshot-locations", snapshot_locations_,
           "Locations (at most one per provider) where volume snapshots are stored");
  command.add_option("-l,--selector", selector_, "Only back up resources matching this label selector");
  command.add_option("--or-selector", or_selector_,
                     "Back up resources matching at least one of these selectors: \"a=b or c=d\"");
  command.add_option(
      "--ordered-resources", ordered_resources_,
      "Kinds and the order of their objects: \"pods=ns1/p1,ns1/p2;persistentvolumeclaims=ns1/c1\"");
  command.add_option("--csi-snapshot-timeout", csi_snapshot_timeout_,
                     "How long to wait for CSI snapshot creation");
  command.add_option("--item-operation-timeout", item_operation_timeout_,
                     "How long to wait for asynchronous operations");
  command.add_option("--resource-policies-configmap", resource_policies_,
                     "Config map with resource policies");
  command.add_option("--data-mover", data_mover_, "Data mover to use; 'velero' or unset is the built-in one");
  command.add_option("--parallel-files-upload", parallel_files_,
                     "Files uploaded at the same time by the data mover");
  snapshot_volumes_.add_to(command, "snapshot-volumes",
                           "Take snapshots of PersistentVolumes as part of the backup");
  snapshot_move_data_.add_to(command, "snapshot-move-data",
                             "Move snapshot data to the backup storage location");
  include_cluster_resources_.add_to(command, "include-cluster-resources", "Include cluster-scoped resources");
  default_fs_backup_.add_to(command, "default-volumes-to-fs-backup",
                            "Back up the files of all pod volumes into the repository");
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

const std::map<std::string, std::string> BackupSpecFlags::labels() const {
  return parse_map("labels", labels_);
}
const std::map<std::string, std::string> BackupSpecFlags::annotations() const {
  return parse_map("annotations", annotations_);
}

}  // namespace salvor::cli
