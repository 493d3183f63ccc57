#include "velero/crds.h"

#include <string>

namespace salvor::velero {
namespace {

using codec::Json;

// --- schema pieces
// -----------------------------------------------------------------------------------------------

Json text() {
  return {{"type", "string"}};
}
Json boolean() {
  return {{"type", "boolean"}};
}
Json tri_state() {
  return {{"type", "boolean"}, {"nullable", true}};
}
Json integer() {
  return {{"type", "integer"}};
}
Json large_integer() {
  return {{"type", "integer"}, {"format", "int64"}};
}
Json time() {
  return {{"type", "string"}, {"format", "date-time"}, {"nullable", true}};
}
Json texts() {
  return {{"type", "array"}, {"items", text()}, {"nullable", true}};
}
Json text_map() {
  return {{"type", "object"}, {"additionalProperties", text()}, {"nullable", true}};
}
Json choice(std::vector<std::string> values) {
  return {{"type", "string"}, {"enum", std::move(values)}};
}
Json anything() {
  return {{"type", "object"}, {"x-kubernetes-preserve-unknown-fields", true}};
}
Json nullable(Json schema) {
  schema["nullable"] = true;
  return schema;
}
Json list_of(Json items) {
  return {{"type", "array"}, {"items", std::move(items)}, {"nullable", true}};
}

Json object(Json properties, std::vector<std::string> required = {}) {
  Json schema = {{"type", "object"}, {"properties", std::move(properties)}};
  if (!required.empty()) schema["required"] = std::move(required);
  schema["x-kubernetes-preserve-unknown-fields"] = true;
  return schema;
}

Json secret_key() {
  return object({{"key", text()}, {"name", text()}, {"optional", boolean()}}, {"key"});
}
Json local_reference() {
  return object({{"apiGroup", nullable(text())}, {"kind", text()}, {"name", text()}}, {"kind", "name"});
}
Json hook_status() {
  return object({{"hooksAttempted", integer()}, {"hooksFailed", integer()}});
}
Json data_progress() {
  return object({{"totalBytes", large_integer()}, {"bytesDone", large_integer()}});
}
Json object_reference() {
  return object({{"apiVersion", text()},
                 {"fieldPath", text()},
                 {"kind", text()},
                 {"name", text()},
                 {"namespace", text()},
                 {"resourceVersion", text()},
                 {"uid", text()}});
}
Json selector() {
  return object(
      {{"matchLabels", {{"type", "object"}, {"additionalProperties", text()}}},
       {"matchExpressions",
        {{"type", "array"},
         {"items",
          object({{"key", text()}, {"operator", text()}, {"values", {{"type", "array"}, {"items", text()}}}},
                 {"key", "operator"})}}}});
}

// --- definitions
// -------------------------------------------------------------------------------------------------

struct Kind {
  std::string kind, plural, singular;
  std::vector<std::string> short_names;
  Json spec, status;
  Json columns = Json::array();
  std::string version = "v1";
};

Json column(const char* name, const char* path, const char* type = "string", int priority = 0) {
  Json result = {{"name", name}, {"type", type}, {"jsonPath", path}};
  if (priority) result["priority"] = priority;
  return result;
}
Json age() {
  return column("Age", ".metadata.creationTimestamp", "date");
}

Json definition(const Kind& kind) {
  Json names = {{"kind", kind.kind},
                {"listKind", kind.kind + "List"},
                {"plural", kind.plural},
                {"singular", kind.singular}};
  if (!kind.short_names.empty()) names["shortNames"] = kind.short_names;
  Json version = {{"name", kind.version},
                  {"served", true},
                  {"storage", true},
                  {"schema",
                   {{"openAPIV3Schema",
                     {{"type", "object"},
                      {"properties",
                       {{"apiVersion", text()},
                        {"kind", text()},
                        {"metadata", {{"type", "object"}}},
                        {"spec", kind.spec},
                        {"status", kind.status}}}}}}}};
  if (!kind.columns.empty()) version["additionalPrinterColumns"] = kind.columns;
  return {{"apiVersion", "apiextensions.k8s.io/v1"},
          {"kind", "CustomResourceDefinition"},
          {"metadata", {{"name", kind.plural + ".velero.io"}, {"labels", {{"component", "velero"}}}}},
          {"spec",
           {{"group", "velero.io"},
            {"names", std::move(names)},
            {"scope", "Namespaced"},
            {"versions", Json::array({std::move(version)})}}}};
}

Json exec_hook() {
  return object({{"command", {{"type", "array"}, {"items", text()}, {"minItems", 1}}},
                 {"container", text()},
                 {"onError", choice({"Continue", "Fail"})},
                 {"timeout", text()}},
                {"command"});
}

Json backup_spec() {
  const Json hooks = {{"type", "array"}, {"items", object({{"exec", exec_hook()}}, {"exec"})}};
  const Json hook_resource = object({{"name", text()},
                                     {"includedNamespaces", texts()},
                                     {"excludedNamespaces", texts()},
                                     {"includedResources", texts()},
                                     {"excludedResources", texts()},
                                     {"labelSelector", nullable(selector())},
                                     {"pre", hooks},
                                     {"post", hooks}},
                                    {"name"});
  return object({{"metadata", object({{"labels", text_map()}})},
                 {"includedNamespaces", texts()},
                 {"excludedNamespaces", texts()},
                 {"includedResources", texts()},
                 {"excludedResources", texts()},
                 {"includedClusterScopedResources", texts()},
                 {"excludedClusterScopedResources", texts()},
                 {"includedNamespaceScopedResources", texts()},
                 {"excludedNamespaceScopedResources", texts()},
                 {"includeClusterResources", tri_state()},
                 {"labelSelector", nullable(selector())},
                 {"orLabelSelectors", list_of(selector())},
                 {"snapshotVolumes", tri_state()},
                 {"snapshotMoveData", tri_state()},
                 {"datamover", text()},
                 {"ttl", text()},
                 {"volumeGroupSnapshotLabelKey", text()},
                 {"hooks", object({{"resources", list_of(hook_resource)}})},
                 {"storageLocation", text()},
                 {"volumeSnapshotLocations", texts()},
                 {"defaultVolumesToRestic", tri_state()},
                 {"defaultVolumesToFsBackup", tri_state()},
                 {"orderedResources", text_map()},
                 {"csiSnapshotTimeout", text()},
                 {"itemOperationTimeout", text()},
                 {"resourcePolicy", local_reference()},
                 {"uploaderConfig", nullable(object({{"parallelFilesUpload", integer()}}))}});
}

Kind backup() {
  Json status =
      object({{"version", integer()},
              {"formatVersion", text()},
              {"expiration", time()},
              {"phase", choice({"New", "Queued", "ReadyToStart", "FailedValidation", "InProgress",
                                "WaitingForPluginOperations", "WaitingForPluginOperationsPartiallyFailed",
                                "Finalizing", "FinalizingPartiallyFailed", "Completed", "PartiallyFailed",
                                "Failed", "Deleting"})},
              {"queuePosition", integer()},
              {"validationErrors", texts()},
              {"startTimestamp", time()},
              {"completionTimestamp", time()},
              {"volumeSnapshotsAttempted", integer()},
              {"volumeSnapshotsCompleted", integer()},
              {"csiVolumeSnapshotsAttempted", integer()},
              {"csiVolumeSnapshotsCompleted", integer()},
              {"backupItemOperationsAttempted", integer()},
              {"backupItemOperationsCompleted", integer()},
              {"backupItemOperationsFailed", integer()},
              {"failureReason", text()},
              {"warnings", integer()},
              {"errors", integer()},
              {"progress", nullable(object({{"totalItems", integer()}, {"itemsBackedUp", integer()}}))},
              {"hookStatus", nullable(hook_status())}});
  return {"Backup", "backups", "backup", {}, backup_spec(), std::move(status)};
}

Kind schedule() {
  return {"Schedule",
          "schedules",
          "schedule",
          {},
          object({{"template", backup_spec()},
                  {"schedule", text()},
                  {"useOwnerReferencesInBackup", tri_state()},
                  {"paused", boolean()},
                  {"skipImmediately", tri_state()}},
                 {"schedule", "template"}),
          object({{"phase", choice({"New", "Enabled", "FailedValidation"})},
                  {"lastBackup", time()},
                  {"lastSkipped", time()},
                  {"validationErrors", texts()}}),
          Json::array({column("Status", ".status.phase"), column("Schedule", ".spec.schedule"),
                       column("LastBackup", ".status.lastBackup", "date"), age(),
                       column("Paused", ".spec.paused", "boolean")})};
}

Kind restore() {
  const Json post_hook =
      object({{"exec", nullable(object({{"command", {{"type", "array"}, {"items", text()}, {"minItems", 1}}},
                                        {"container", text()},
                                        {"onError", choice({"Continue", "Fail"})},
                                        {"execTimeout", text()},
                                        {"waitTimeout", text()},
                                        {"waitForReady", tri_state()}},
                                       {"command"}))},
              {"init", nullable(object({{"initContainers", {{"type", "array"}, {"items", anything()}}},
                                        {"timeout", text()}}))}});
  const Json hook_resource = object({{"name", text()},
                                     {"includedNamespaces", texts()},
                                     {"excludedNamespaces", texts()},
                                     {"includedResources", texts()},
                                     {"excludedResources", texts()},
                                     {"labelSelector", nullable(selector())},
                                     {"postHooks", list_of(post_hook)}},
                                    {"name"});
  Json spec = object(
      {{"backupName", text()},
       {"scheduleName", text()},
       {"includedNamespaces", texts()},
       {"excludedNamespaces", texts()},
       {"includedResources", texts()},
       {"excludedResources", texts()},
       {"namespaceMapping", text_map()},
       {"labelSelector", nullable(selector())},
       {"orLabelSelectors", list_of(selector())},
       {"restorePVs", tri_state()},
       {"restoreStatus", nullable(object({{"includedResources", texts()}, {"excludedResources", texts()}}))},
       {"preserveNodePorts", tri_state()},
       {"includeClusterResources", tri_state()},
       {"hooks", object({{"resources", list_of(hook_resource)}})},
       {"existingResourcePolicy", text()},
       {"itemOperationTimeout", text()},
       {"resourceModifier", nullable(local_reference())},
       {"uploaderConfig",
        nullable(object({{"writeSparseFiles", tri_state()}, {"parallelFilesDownload", integer()}}))}});
  Json status =
      object({{"phase", choice({"New", "FailedValidation", "InProgress", "WaitingForPluginOperations",
                                "WaitingForPluginOperationsPartiallyFailed", "Completed", "PartiallyFailed",
                                "Failed", "Finalizing", "FinalizingPartiallyFailed"})},
              {"validationErrors", texts()},
              {"warnings", integer()},
              {"errors", integer()},
              {"failureReason", text()},
              {"startTimestamp", time()},
              {"completionTimestamp", time()},
              {"progress", nullable(object({{"totalItems", integer()}, {"itemsRestored", integer()}}))},
              {"restoreItemOperationsAttempted", integer()},
              {"restoreItemOperationsCompleted", integer()},
              {"restoreItemOperationsFailed", integer()},
              {"hookStatus", nullable(hook_status())}});
  return {"Restore", "restores", "restore", {}, std::move(spec), std::move(status)};
}

Kind backup_storage_location() {
  Json spec = object({{"provider", text()},
                      {"config", text_map()},
                      {"credential", secret_key()},
                      {"objectStorage", object({{"bucket", text()},
                                                {"prefix", text()},
                                                {"caCert", {{"type", "string"}, {"format", "byte"}}},
                                                {"caCertRef", secret_key()}},
                                               {"bucket"})},
                      {"default", boolean()},
                      {"accessMode", choice({"ReadOnly", "ReadWrite"})},
                      {"backupSyncPeriod", nullable(text())},
                      {"validationFrequency", nullable(text())}},
                     {"objectStorage", "provider"});
  Json status = object({{"phase", choice({"Available", "Unavailable"})},
                        {"message", text()},
                        {"lastSyncedTime", time()},
                        {"lastValidationTime", time()},
                        {"lastSyncedRevision", text()},
                        {"accessMode", choice({"ReadOnly", "ReadWrite"})}});
  return {"BackupStorageLocation",
          "backupstoragelocations",
          "backupstoragelocation",
          {"bsl"},
          std::move(spec),
          std::move(status),
          Json::array({column("Phase", ".status.phase"),
                       column("Last Validated", ".status.lastValidationTime", "date"), age(),
                       column("Default", ".spec.default", "boolean")})};
}

Kind volume_snapshot_location() {
  return {"VolumeSnapshotLocation",
          "volumesnapshotlocations",
          "volumesnapshotlocation",
          {"vsl"},
          object({{"provider", text()}, {"config", text_map()}, {"credential", secret_key()}}, {"provider"}),
          object({{"phase", choice({"Available", "Unavailable"})}})};
}

Kind delete_backup_request() {
  return {"DeleteBackupRequest",
          "deletebackuprequests",
          "deletebackuprequest",
          {},
          object({{"backupName", text()}}, {"backupName"}),
          object({{"phase", choice({"New", "InProgress", "Processed"})}, {"errors", texts()}}),
          Json::array({column("BackupName", ".spec.backupName"), column("Status", ".status.phase")})};
}

Kind download_request() {
  Json target =
      object({{"kind", choice({"BackupLog", "BackupContents", "BackupVolumeSnapshots", "BackupItemOperations",
                               "BackupResourceList", "BackupResults", "RestoreLog", "RestoreResults",
                               "RestoreResourceList", "RestoreItemOperations", "CSIBackupVolumeSnapshots",
                               "CSIBackupVolumeSnapshotContents", "BackupVolumeInfos", "RestoreVolumeInfo"})},
              {"name", text()}},
             {"kind", "name"});
  return {"DownloadRequest",
          "downloadrequests",
          "downloadrequest",
          {},
          object({{"target", std::move(target)}}, {"target"}),
          object({{"phase", choice({"New", "Processed"})},
                  {"downloadURL", text()},
                  {"expiration", time()},
                  {"message", text()}})};
}

Json pod_volume_phases() {
  return choice(
      {"New", "Accepted", "Prepared", "InProgress", "Canceling", "Canceled", "Completed", "Failed"});
}

Kind pod_volume_backup() {
  Json spec = object({{"node", text()},
                      {"pod", object_reference()},
                      {"volume", text()},
                      {"backupStorageLocation", text()},
                      {"repoIdentifier", text()},
                      {"uploaderType", choice({"kopia", "restic", ""})},
                      {"tags", text_map()},
                      {"uploaderSettings", text_map()},
                      {"cancel", boolean()}},
                     {"backupStorageLocation", "node", "pod", "repoIdentifier", "volume"});
  Json status = object({{"phase", pod_volume_phases()},
                        {"path", text()},
                        {"snapshotID", text()},
                        {"message", text()},
                        {"startTimestamp", time()},
                        {"completionTimestamp", time()},
                        {"acceptedTimestamp", time()},
                        {"progress", data_progress()},
                        {"incrementalBytes", large_integer()}});
  return {"PodVolumeBackup",
          "podvolumebackups",
          "podvolumebackup",
          {},
          std::move(spec),
          std::move(status),
          Json::array({column("Status", ".status.phase"), column("Started", ".status.startTimestamp", "date"),
                       column("Bytes Done", ".status.progress.bytesDone", "integer"),
                       column("Total Bytes", ".status.progress.totalBytes", "integer"),
                       column("Storage Location", ".spec.backupStorageLocation"), age(),
                       column("Node", ".spec.node"), column("Uploader", ".spec.uploaderType")})};
}

Kind pod_volume_restore() {
  Json spec =
      object({{"pod", object_reference()},
              {"volume", text()},
              {"backupStorageLocation", text()},
              {"repoIdentifier", text()},
              {"uploaderType", choice({"kopia", "restic", ""})},
              {"snapshotID", text()},
              {"sourceNamespace", text()},
              {"uploaderSettings", text_map()},
              {"cancel", boolean()},
              {"snapshotSize", large_integer()}},
             {"backupStorageLocation", "pod", "repoIdentifier", "snapshotID", "sourceNamespace", "volume"});
  Json status = object({{"phase", pod_volume_phases()},
                        {"message", text()},
                        {"startTimestamp", time()},
                        {"completionTimestamp", time()},
                        {"acceptedTimestamp", time()},
                        {"progress", data_progress()},
                        {"node", text()}});
  return {"PodVolumeRestore",
          "podvolumerestores",
          "podvolumerestore",
          {},
          std::move(spec),
          std::move(status),
          Json::array({column("Status", ".status.phase"), column("Started", ".status.startTimestamp", "date"),
                       column("Bytes Done", ".status.progress.bytesDone", "integer"),
                       column("Total Bytes", ".status.progress.totalBytes", "integer"),
                       column("Storage Location", ".spec.backupStorageLocation"), age(),
                       column("Node", ".status.node"), column("Uploader Type", ".spec.uploaderType")})};
}

Kind backup_repository() {
  Json spec = object({{"volumeNamespace", text()},
                      {"backupStorageLocation", text()},
                      {"repositoryType", choice({"kopia", "restic", ""})},
                      {"resticIdentifier", text()},
                      {"maintenanceFrequency", text()},
                      {"repositoryConfig", text_map()}},
                     {"backupStorageLocation", "maintenanceFrequency", "volumeNamespace"});
  Json maintenance = object({{"result", choice({"Succeeded", "Failed"})},
                             {"startTimestamp", time()},
                             {"completeTimestamp", time()},
                             {"message", text()}});
  Json status = object({{"phase", choice({"New", "Ready", "NotReady"})},
                        {"message", text()},
                        {"lastMaintenanceTime", time()},
                        {"recentMaintenance", list_of(std::move(maintenance))}});
  return {"BackupRepository",
          "backuprepositories",
          "backuprepository",
          {},
          std::move(spec),
          std::move(status),
          Json::array({age(), column("Repository Type", ".spec.repositoryType")})};
}

Kind server_status_request() {
  return {"ServerStatusRequest",
          "serverstatusrequests",
          "serverstatusrequest",
          {"ssr"},
          object(Json::object()),
          object({{"phase", choice({"New", "Processed"})},
                  {"processedTimestamp", time()},
                  {"serverVersion", text()},
                  {"message", text()},
                  {"plugins", list_of(object({{"kind", text()}, {"name", text()}}, {"kind", "name"}))}})};
}

Json data_phases() {
  return choice(
      {"New", "Accepted", "Prepared", "InProgress", "Canceling", "Canceled", "Completed", "Failed"});
}

Json data_columns() {
  return Json::array({column("Status", ".status.phase"), column("Started", ".status.startTimestamp", "date"),
                      column("Bytes Done", ".status.progress.bytesDone", "integer"),
                      column("Total Bytes", ".status.progress.totalBytes", "integer"),
                      column("Storage Location", ".spec.backupStorageLocation"), age(),
                      column("Node", ".status.node")});
}

Json data_status() {
  return object({{"phase", data_phases()},
                 {"path", text()},
                 {"snapshotID", text()},
                 {"message", text()},
                 {"dataMoverResult", text_map()},
                 {"startTimestamp", time()},
                 {"completionTimestamp", time()},
                 {"acceptedTimestamp", time()},
                 {"progress", data_progress()},
                 {"node", text()}});
}

Kind data_upload() {
  Json spec =
      object({{"snapshotType", text()},
              {"csiSnapshot", nullable(anything())},
              {"sourcePVC", text()},
              {"datamover", text()},
              {"backupStorageLocation", text()},
              {"sourceNamespace", text()},
              {"dataMoverConfig", text_map()},
              {"cancel", boolean()},
              {"operationTimeout", text()}},
             {"backupStorageLocation", "operationTimeout", "snapshotType", "sourceNamespace", "sourcePVC"});
  return {"DataUpload",    "datauploads", "dataupload",   {},
          std::move(spec), data_status(), data_columns(), "v2alpha1"};
}

Kind data_download() {
  Json spec =
      object({{"targetVolume", anything()},
              {"backupStorageLocation", text()},
              {"datamover", text()},
              {"snapshotID", text()},
              {"sourceNamespace", text()},
              {"dataMoverConfig", text_map()},
              {"cancel", boolean()},
              {"operationTimeout", text()}},
             {"backupStorageLocation", "operationTimeout", "snapshotID", "sourceNamespace", "targetVolume"});
  return {"DataDownload",  "datadownloads", "datadownload", {},
          std::move(spec), data_status(),   data_columns(), "v2alpha1"};
}

}  // namespace

std::vector<codec::Json> custom_resource_definitions() {
  std::vector<codec::Json> result;
  for (const Kind& kind :
       {backup_repository(), backup(), backup_storage_location(), data_download(), data_upload(),
        delete_backup_request(), download_request(), pod_volume_backup(), pod_volume_restore(), restore(),
        schedule(), server_status_request(), volume_snapshot_location()})
    result.push_back(definition(kind));
  return result;
}

}  // namespace salvor::velero
