// Restore of velero.io/v1: spec, hooks and status. Values; from_json throws kInvalidArgument naming the
// field.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "velero/backup_types.h"

namespace salvor::velero {

struct ExecRestoreHook {
  std::string container;  // "": the pod's first
  std::vector<std::string> command;
  std::string on_error;            // "Continue", "Fail" or ""
  base::Duration exec_timeout{0};  // 0: 30 s
  base::Duration wait_timeout{0};  // 0: unlimited
  std::optional<bool> wait_for_ready;
};

struct InitRestoreHook {
  std::vector<Json> init_containers;  // corev1.Container, as given
  base::Duration timeout{0};
};

struct RestoreResourceHook {
  std::optional<ExecRestoreHook> exec;
  std::optional<InitRestoreHook> init;
};

struct RestoreResourceHookSpec {
  std::string name;
  std::vector<std::string> included_namespaces, excluded_namespaces;
  std::vector<std::string> included_resources, excluded_resources;
  std::optional<kube::LabelSelector> label_selector;
  std::vector<RestoreResourceHook> post_hooks;
};

struct RestoreHooks {
  std::vector<RestoreResourceHookSpec> resources;
};

struct RestoreStatusSpec {
  std::vector<std::string> included_resources, excluded_resources;
};

struct UploaderConfigForRestore {
  std::optional<bool> write_sparse_files;
  int parallel_files_download = 0;
};

struct RestoreSpec {
  std::string backup_name, schedule_name;
  std::vector<std::string> included_namespaces, excluded_namespaces;
  std::vector<std::string> included_resources, excluded_resources;
  std::map<std::string, std::string> namespace_mapping;
  std::optional<kube::LabelSelector> label_selector;
  std::vector<kube::LabelSelector> or_label_selectors;
  std::optional<bool> restore_pvs;
  std::optional<RestoreStatusSpec> restore_status;
  std::optional<bool> preserve_node_ports;
  std::optional<bool> include_cluster_resources;
  RestoreHooks hooks;
  std::string existing_resource_policy;  // "", "none", "update"
  base::Duration item_operation_timeout{0};
  std::optional<TypedReference> resource_modifier;
  std::optional<UploaderConfigForRestore> uploader_config;

  static RestoreSpec from_json(const Json& json, const std::string& path = "spec");
  Json to_json() const;
};

struct RestoreProgress {
  int total_items = 0;
  int items_restored = 0;
};

struct RestoreStatus {
  std::string phase;
  std::vector<std::string> validation_errors;
  int warnings = 0, errors = 0;
  std::string failure_reason;
  std::optional<base::Time> start_timestamp, completion_timestamp;
  std::optional<RestoreProgress> progress;
  int restore_item_operations_attempted = 0, restore_item_operations_completed = 0,
      restore_item_operations_failed = 0;
  std::optional<HookStatus> hook_status;
};

struct Restore {
  ObjectMeta metadata;
  RestoreSpec spec;
  RestoreStatus status;

  static Restore from_json(const Json& object);
  Json to_json() const;
};

bool is_finished(const RestoreStatus& status);
Json to_json(const RestoreStatus& status);

}  // namespace salvor::velero
