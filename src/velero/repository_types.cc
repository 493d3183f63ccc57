#include "velero/repository_types.h"

#include "velero/field_codec.h"

namespace salvor::velero {

template <>
struct Fields<BackupRepositorySpec> {
  static void visit(auto& field, auto& value) {
    field.always("volumeNamespace", value.volume_namespace);
    field.always("backupStorageLocation", value.backup_storage_location);
    field.always("repositoryType", value.repository_type);
    field("resticIdentifier", value.restic_identifier);
    field.always("maintenanceFrequency", value.maintenance_frequency);
    field("repositoryConfig", value.repository_config);
  }
};

template <>
struct Fields<RepositoryMaintenance> {
  static void visit(auto& field, auto& value) {
    field("result", value.result);
    field("startTimestamp", value.start_timestamp);
    field("completeTimestamp", value.complete_timestamp);
    field("message", value.message);
  }
};

template <>
struct Fields<BackupRepositoryStatus> {
  static void visit(auto& field, auto& value) {
    field("phase", value.phase);
    field("message", value.message);
    field("lastMaintenanceTime", value.last_maintenance_time);
    field("recentMaintenance", value.recent_maintenance);
  }
};

BackupRepository BackupRepository::from_json(const Json& object) {
  return object_from_json<BackupRepository>(object, "BackupRepository");
}
Json BackupRepository::to_json() const {
  return object_to_json(*this, "BackupRepository");
}

}  // namespace salvor::velero
