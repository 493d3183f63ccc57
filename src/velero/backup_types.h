// Backup of velero.io/v1: spec, hooks and status. Values; from_json throws kInvalidArgument naming the field,
// to_json writes what Velero's Go structs write. optional<bool> is Velero's tri-state: nullopt means
// "decide".
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "codec/json.h"
#include "kube/selector.h"
#include "velero/object_meta.h"
#include "velero/reference_types.h"

namespace salvor::velero {

struct ExecHook {
  std::string container;  // "": the pod's first
  std::vector<std::string> command;
  std::string on_error;       // "Continue", "Fail" or ""
  base::Duration timeout{0};  // 0: 30 s
};

struct BackupResourceHook {
  std::optional<ExecHook> exec;
};

struct BackupResourceHookSpec {
  std::string name;
  std::vector<std::string> included_namespaces, excluded_namespaces;
  std::vector<std::string> included_resources, excluded_resources;
  std::optional<kube::LabelSelector> label_selector;
  std::vector<BackupResourceHook> pre, post;
};

struct BackupHooks {
  std::vector<BackupResourceHookSpec> resources;
};

struct UploaderConfigForBackup {
  int parallel_files_upload = 0;  // 0: number of processors
};

// Labels that a Schedule gives to its backups.
struct TemplateMetadata {
  std::map<std::string, std::string> labels;
};

struct BackupSpec {
  TemplateMetadata metadata;
  std::vector<std::string> included_namespaces, excluded_namespaces;
  std::vector<std::string> included_resources, excluded_resources;
  std::vector<std::string> included_cluster_scoped_resources, excluded_cluster_scoped_resources;
  std::vector<std::string> included_namespace_scoped_resources, excluded_namespace_scoped_resources;
  std::optional<kube::LabelSelector> label_selector;
  std::vector<kube::LabelSelector> or_label_selectors;
  std::optional<bool> snapshot_volumes;
  base::Duration ttl{0};
  std::string volume_group_snapshot_label_key;
  std::optional<bool> include_cluster_resources;
  BackupHooks hooks;
  std::string storage_location;
  std::vector<std::string> volume_snapshot_locations;
  std::optional<bool> default_volumes_to_restic;  // the old name of the next
  std::optional<bool> default_volumes_to_fs_backup;
  std::map<std::string, std::string> ordered_resources;  // resource -> "ns/name,ns/name"
  base::Duration csi_snapshot_timeout{0};
  base::Duration item_operation_timeout{0};
  std::optional<TypedReference> resource_policy;
  std::optional<bool> snapshot_move_data;
  std::string data_mover;
  std::optional<UploaderConfigForBackup> uploader_config;

  static BackupSpec from_json(const Json& json, const std::string& path = "spec");
  Json to_json() const;
};

// Values of status.phase. Restore, DeleteBackupRequest and others share some of them.
namespace phase {
inline constexpr char kNew[] = "New";
inline constexpr char kQueued[] = "Queued";
inline constexpr char kReadyToStart[] = "ReadyToStart";
inline constexpr char kFailedValidation[] = "FailedValidation";
inline constexpr char kInProgress[] = "InProgress";
inline constexpr char kWaitingForPluginOperations[] = "WaitingForPluginOperations";
inline constexpr char kWaitingForPluginOperationsPartiallyFailed[] =
    "WaitingForPluginOperationsPartiallyFailed";
inline constexpr char kFinalizing[] = "Finalizing";
inline constexpr char kFinalizingPartiallyFailed[] = "FinalizingPartiallyFailed";
inline constexpr char kCompleted[] = "Completed";
inline constexpr char kPartiallyFailed[] = "PartiallyFailed";
inline constexpr char kFailed[] = "Failed";
inline constexpr char kDeleting[] = "Deleting";
inline constexpr char kEnabled[] = "Enabled";          // Schedule
inline constexpr char kAvailable[] = "Available";      // locations
inline constexpr char kUnavailable[] = "Unavailable";  // locations
inline constexpr char kProcessed[] = "Processed";      // requests
inline constexpr char kReady[] = "Ready";              // BackupRepository
inline constexpr char kNotReady[] = "NotReady";        // BackupRepository
inline constexpr char kAccepted[] = "Accepted";        // pod volume operations
inline constexpr char kPrepared[] = "Prepared";
inline constexpr char kCanceling[] = "Canceling";
inline constexpr char kCanceled[] = "Canceled";
}  // namespace phase

struct BackupProgress {
  int total_items = 0;
  int items_backed_up = 0;
};

struct BackupStatus {
  int version = 0;
  std::string format_version;
  std::optional<base::Time> expiration;
  std::string phase;
  int queue_position = 0;
  std::vector<std::string> validation_errors;
  std::optional<base::Time> start_timestamp, completion_timestamp;
  int volume_snapshots_attempted = 0, volume_snapshots_completed = 0;
  std::string failure_reason;
  int warnings = 0, errors = 0;
  std::optional<BackupProgress> progress;
  int csi_volume_snapshots_attempted = 0, csi_volume_snapshots_completed = 0;
  int backup_item_operations_attempted = 0, backup_item_operations_completed = 0,
      backup_item_operations_failed = 0;
  std::optional<HookStatus> hook_status;
};

struct Backup {
  ObjectMeta metadata;
  BackupSpec spec;
  BackupStatus status;

  static Backup from_json(const Json& object);
  Json to_json() const;
};

// Completed, PartiallyFailed, Failed, FailedValidation: nothing more will happen to it by itself.
bool is_finished(const BackupStatus& status);

// Alone, for merge patches: {"phase": ..., ...}.
Json to_json(const BackupStatus& status);

}  // namespace salvor::velero
