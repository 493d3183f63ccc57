// Defaults and validation of Backup, Schedule and Restore as Velero's server applies them before it runs
// them. What needs the cluster comes in as functions. Results are texts for status.validationErrors; nothing
// is thrown for invalid input. Errors thrown by a lookup pass through.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kube/client.h"
#include "velero/types.h"

namespace salvor::velero {

// --storage-location and the like: what a server fills in where a Backup is silent.
struct ServerDefaults {
  base::Duration backup_ttl = std::chrono::hours(720);
  base::Duration csi_snapshot_timeout = std::chrono::minutes(10);
  base::Duration item_operation_timeout = std::chrono::hours(4);
  base::Duration resource_timeout = std::chrono::minutes(10);
  bool volumes_to_fs_backup = false;
  bool snapshot_move_data = false;
  std::string storage_location = "default";               // when no location has spec.default
  std::map<std::string, std::string> snapshot_locations;  // provider -> VolumeSnapshotLocation
  std::string volume_group_snapshot_label_key = "velero.io/volume-group";
};

// Cluster state, read when needed.
struct ValidationLookups {
  std::function<std::vector<BackupStorageLocation>()> storage_locations;
  std::function<std::vector<VolumeSnapshotLocation>()> snapshot_locations;
  // A config map of the server's namespace, for resource policies and modifiers; nullopt if absent.
  std::function<std::optional<Json>(const std::string& name)> config_map;
  // For restores: all Backups of the server's namespace.
  std::function<std::vector<Backup>()> backups;
};

// Fills what is unset: ttl, expiration, storage location and its label, timeouts, tri-states, version
// annotations, VolumeSnapshotLocations, excluded namespaces and the CSI kinds; then returns all validation
// errors. Also sets status.version, formatVersion. `excluded_namespaces`: those labelled
// velero.io/exclude-from-backup=true.
std::vector<std::string> prepare_backup(Backup& backup, const ServerDefaults& defaults,
                                        const ValidationLookups& lookups,
                                        const std::vector<std::string>& excluded_namespaces,
                                        const kube::Client::Version& cluster_version, base::Time now);

// The part of it that looks at the spec alone; for clients and tests.
std::vector<std::string> validate_backup_spec(const BackupSpec& spec);

// Empty, or one text ("invalid schedule: ...").
std::vector<std::string> validate_schedule(const ScheduleSpec& spec);

// Adds the kinds that are never restored to excludedResources, fills itemOperationTimeout,
// resolves scheduleName to the newest Completed backup, or fills scheduleName from the label of the backup;
// then returns all validation errors.
std::vector<std::string> prepare_restore(Restore& restore, const ServerDefaults& defaults,
                                         const ValidationLookups& lookups);

// nodes, events, backups.velero.io, ...: in the order in which Velero appends them.
const std::vector<std::string>& non_restorable_resources();

}  // namespace salvor::velero
