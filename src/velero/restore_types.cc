#include "velero/restore_types.h"

#include "velero/reference_fields.h"

namespace salvor::velero {

template <>
struct Fields<ExecRestoreHook> {
  static void visit(auto& field, auto& value) {
    field("container", value.container);
    field.always("command", value.command);
    field("onError", value.on_error);
    field("execTimeout", value.exec_timeout);
    field("waitTimeout", value.wait_timeout);
    field("waitForReady", value.wait_for_ready);
  }
};

template <>
struct Fields<InitRestoreHook> {
  static void visit(auto& field, auto& value) {
    field.always("initContainers", value.init_containers);
    field("timeout", value.timeout);
  }
};

template <>
struct Fields<RestoreResourceHook> {
  static void visit(auto& field, auto& value) {
    field("exec", value.exec);
    field("init", value.init);
  }
};

template <>
struct Fields<RestoreResourceHookSpec> {
  static void visit(auto& field, auto& value) {
    field.always("name", value.name);
    field("includedNamespaces", value.included_namespaces);
    field("excludedNamespaces", value.excluded_namespaces);
    field("includedResources", value.included_resources);
    field("excludedResources", value.excluded_resources);
    field("labelSelector", value.label_selector);
    field("postHooks", value.post_hooks);
  }
};

template <>
struct Fields<RestoreHooks> {
  static void visit(auto& field, auto& value) { field("resources", value.resources); }
};

template <>
struct Fields<RestoreStatusSpec> {
  static void visit(auto& field, auto& value) {
    field("includedResources", value.included_resources);
    field("excludedResources", value.excluded_resources);
  }
};

template <>
struct Fields<UploaderConfigForRestore> {
  static void visit(auto& field, auto& value) {
    field("writeSparseFiles", value.write_sparse_files);
    field("parallelFilesDownload", value.parallel_files_download);
  }
};

template <>
struct Fields<RestoreSpec> {
  static void visit(auto& field, auto& value) {
    field("backupName", value.backup_name);
    field("scheduleName", value.schedule_name);
    field("includedNamespaces", value.included_namespaces);
    field("excludedNamespaces", value.excluded_namespaces);
    field("includedResources", value.included_resources);
    field("excludedResources", value.excluded_resources);
    field("namespaceMapping", value.namespace_mapping);
    field("labelSelector", value.label_selector);
    field("orLabelSelectors", value.or_label_selectors);
    field("restorePVs", value.restore_pvs);
    field("restoreStatus", value.restore_status);
    field("preserveNodePorts", value.preserve_node_ports);
    field("includeClusterResources", value.include_cluster_resources);
    field("hooks", value.hooks);
    field("existingResourcePolicy", value.existing_resource_policy);
    field("itemOperationTimeout", value.item_operation_timeout);
    field("resourceModifier", value.resource_modifier);
    field("uploaderConfig", value.uploader_config);
  }
};

template <>
struct Fields<RestoreProgress> {
  static void visit(auto& field, auto& value) {
    field("totalItems", value.total_items);
    field("itemsRestored", value.items_restored);
  }
};

template <>
struct Fields<RestoreStatus> {
  static void visit(auto& field, auto& value) {
    field("phase", value.phase);
    field("validationErrors", value.validation_errors);
    field("warnings", value.warnings);
    field("errors", value.errors);
    field("failureReason", value.failure_reason);
    field("startTimestamp", value.start_timestamp);
    field("completionTimestamp", value.completion_timestamp);
    field("progress", value.progress);
    field("restoreItemOperationsAttempted", value.restore_item_operations_attempted);
    field("restoreItemOperationsCompleted", value.restore_item_operations_completed);
    field("restoreItemOperationsFailed", value.restore_item_operations_failed);
    field("hookStatus", value.hook_status);
  }
};

RestoreSpec RestoreSpec::from_json(const Json& json, const std::string& path) {
  RestoreSpec result;
  FieldReader reader(json, path);
  Fields<RestoreSpec>::visit(reader, result);
  return result;
}

Json RestoreSpec::to_json() const {
  FieldWriter writer;
  Fields<RestoreSpec>::visit(writer, *this);
  return writer.take();
}

Restore Restore::from_json(const Json& object) {
  return object_from_json<Restore>(object, "Restore");
}
Json Restore::to_json() const {
  return object_to_json(*this, "Restore");
}
Json to_json(const RestoreStatus& status) {
  return write_value(status);
}

bool is_finished(const RestoreStatus& status) {
  return status.phase == phase::kCompleted || status.phase == phase::kPartiallyFailed ||
         status.phase == phase::kFailed || status.phase == phase::kFailedValidation;
}

}  // namespace salvor::velero
