#include "cli/describe_backup.h"

#include "base/duration.h"
#include "cli/describe_text.h"
#include "cli/tab_writer.h"
#include "cli/time_text.h"
#include "velero/constants.h"
#include "velero/resource_list.h"

namespace salvor::cli {
namespace {

using codec::Json;

template <typename... Args>
void line(std::string& out, fmt::format_string<Args...> format, Args&&... args) {
  fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
  out += '\n';
}

std::string phase_of(const velero::BackupStatus& status) {
  return status.phase.empty() ? velero::phase::kNew : status.phase;
}

bool has_files(const velero::Backup& backup) {
  const std::string& phase = backup.status.phase;
  return phase == velero::phase::kCompleted || phase == velero::phase::kPartiallyFailed;
}

void describe_progress(std::string& out, const velero::BackupStatus& status) {
  const auto progress = status.progress.value_or(velero::BackupProgress{});
  const bool running = status.phase == velero::phase::kInProgress;
  line(out, "{}:\t{}", running ? "Estimated total items to be backed up" : "Total items to be backed up",
       progress.total_items);
  line(out, "{}:\t{}", running ? "Items backed up so far" : "Items backed up", progress.items_backed_up);
}

void describe_native(std::string& out, const std::vector<velero::VolumeInfo>& volumes, bool details) {
  std::vector<const velero::VolumeInfo*> native;
  for (const auto& volume : volumes) {
    if (volume.backup_method == "NativeSnapshot" && volume.native_snapshot_info) native.push_back(&volume);
  }
  if (native.empty()) {
    line(out, "  Velero-Native Snapshots: <none included>");
    return;
  }
  line(out, "  Velero-Native Snapshots:");
  for (const auto* volume : native) {
    const auto& info = *volume->native_snapshot_info;
    if (!details) {
      line(out, "    {}: specify --details for more information", volume->pv_name);
      continue;
    }
    line(out, "    {}:", volume->pv_name);
    line(out, "      Snapshot ID: {}", info.snapshot_handle);
    line(out, "      Type: {}", info.volume_type);
    line(out, "      Availability Zone: {}", info.volume_az);
    line(out, "      IOPS: {}", info.iops.empty() || info.iops == "0" ? "<N/A>" : info.iops);
    line(out, "      Result: {}", volume->result);
  }
}

std::string size_text(const Json& info) {
  const Json* size = codec::find(info, {"size"});
  return size && size->is_number() ? size->dump() : "0";
}

void describe_csi(std::string& out, const std::vector<velero::VolumeInfo>& volumes, bool details) {
  const auto is_csi = [](const velero::VolumeInfo& volume) { return volume.backup_method == "CSISnapshot"; };
  if (std::none_of(volumes.begin(), volumes.end(), is_csi)) {
    line(out, "  CSI Snapshots: <none included>");
    return;
  }
  line(out, "  CSI Snapshots:");
  for (const auto& volume : volumes) {
    if (!is_csi(volume)) continue;
    line(out, "    {}/{}:", volume.pvc_namespace, volume.pvc_name);
    const char* what = volume.snapshot_data_moved ? "Data Movement" : "Snapshot";
    if (!details) {
      line(out, "      {}: included, specify --details for more information", what);
      continue;
    }
    line(out, "      {}:", what);
    const Json& info =
        volume.snapshot_data_moved ? volume.snapshot_data_movement_info : volume.csi_snapshot_info;
    if (const auto id = codec::get_string(info, {"operationID"}); !id.empty())
      line(out, "        Operation ID: {}", id);
    if (volume.snapshot_data_moved) {
      line(out, "        Data Mover: {}", codec::get_string(info, {"dataMover"}));
      line(out, "        Uploader Type: {}", codec::get_string(info, {"uploaderType"}));
      line(out, "        Moved data Size (bytes): {}", size_text(info));
    } else {
      line(out, "        Snapshot Content Name: {}", codec::get_string(info, {"vscName"}));
      line(out, "        Storage Snapshot ID: {}", codec::get_string(info, {"snapshotHandle"}));
      line(out, "        Snapshot Size (bytes): {}", size_text(info));
      line(out, "        CSI Driver: {}", codec::get_string(info, {"driver"}));
    }
    line(out, "        Result: {}", volume.result);
  }
}

void describe_pod_volumes(std::string& out, const std::vector<velero::PodVolumeBackup>& backups,
                          bool details) {
  if (backups.empty()) {
    line(out, "  Pod Volume Backups: <none included>");
    return;
  }
  // Velero before 1.10 knew restic only and names no uploader.
  const std::string& uploader = backups.front().spec.uploader_type;
  line(out, "  Pod Volume Backups - {}{}:", uploader.empty() ? "restic" : uploader,
       details ? "" : " (specify --details for more information)");
  std::map<std::string, std::map<std::string, std::vector<std::string>>> by_phase;
  std::map<std::string, int> counts;
  for (const auto& backup : backups) {
    const std::string phase = backup.status.phase.empty() ? "New" : backup.status.phase;
    by_phase[phase][backup.spec.pod.name_space + "/" + backup.spec.pod.name].push_back(backup.spec.volume);
    ++counts[phase];
  }
  for (const char* phase : {"Completed", "Failed", "Canceled", "InProgress", "Prepared", "Accepted", "New"}) {
    if (!counts.contains(phase)) continue;
    const std::string shown = std::string_view(phase) == "InProgress" ? "In Progress" : phase;
    if (!details) {
      line(out, "    {}:\t{}", shown, counts[phase]);
      continue;
    }
    line(out, "    {}:", shown);
    for (const auto& [pod, volumes] : by_phase[phase])
      line(out, "      {}: {}", pod, fmt::join(volumes, ", "));
  }
}

void describe_volumes(std::string& out, const BackupDetails& extra, bool details) {
  line(out, "Backup Volumes:");
  if (!extra.volumes) {
    line(out, "  <error getting backup volume info: {}>", extra.volumes_error);
    return;
  }
  describe_native(out, *extra.volumes, details);
  line(out, "");
  describe_csi(out, *extra.volumes, details);
  line(out, "");
  describe_pod_volumes(out, extra.pod_volume_backups, details);
}

void describe_resource_list(std::string& out, const BackupDetails& extra) {
  line(out, "");
  if (!extra.resource_list) {
    line(out, "Resource List:\t<error getting backup resource list: {}>", extra.resource_list_error);
    return;
  }
  line(out, "Resource List:");
  for (const auto& [kind, names] : *extra.resource_list) {
    line(out, "  {}:", kind);
    for (const auto& name : names) line(out, "    - {}", name);
  }
}

void describe_status(std::string& out, const velero::Backup& backup, const BackupDetails& extra,
                     bool details) {
  const auto& status = backup.status;
  line(out, "Backup Format Version:\t{}",
       status.format_version.empty() ? std::to_string(status.version) : status.format_version);
  line(out, "");
  line(out, "Started:\t{}", time_text(status.start_timestamp, "<n/a>"));
  line(out, "Completed:\t{}", time_text(status.completion_timestamp, "<n/a>"));
  line(out, "");
  line(out, "Expiration:\t{}", time_text(status.expiration));
  line(out, "");
  describe_progress(out, status);
  if (details && has_files(backup)) describe_resource_list(out, extra);
  if (has_files(backup)) {
    line(out, "");
    describe_volumes(out, extra, details);
  }
  if (status.hook_status) {
    line(out, "");
    line(out, "HooksAttempted:\t{}", status.hook_status->hooks_attempted);
    line(out, "HooksFailed:\t{}", status.hook_status->hooks_failed);
  }
}

void describe_deletions(std::string& out, const std::vector<velero::DeleteBackupRequest>& requests) {
  if (requests.empty()) return;
  line(out, "");
  const auto failed =
      std::count_if(requests.begin(), requests.end(), [](const velero::DeleteBackupRequest& request) {
        return request.status.phase == velero::phase::kProcessed && !request.status.errors.empty();
      });
  line(out, "{}", failed > 0 ? fmt::format("Deletion Attempts ({} failed):", failed) : "Deletion Attempts:");
  for (const auto& request : requests) {
    line(out, "  {}: {}", time_text(request.metadata.creation_time()), request.status.phase);
    if (request.status.errors.empty()) continue;
    line(out, "  Errors:");
    for (const auto& error : request.status.errors) line(out, "    {}", error);
  }
}

Json result_json(const velero::Result& result) {
  return Json{{"velero", result.velero}, {"cluster", result.cluster}, {"namespace", result.namespaces}};
}

Json spec_json(const velero::BackupSpec& spec) {
  Json json{{"CSISnapshotTimeout", base::format_duration(spec.csi_snapshot_timeout)},
            {"TTL", base::format_duration(spec.ttl)},
            {"dataMover", spec.data_mover.empty() ? "<none>" : spec.data_mover},
            {"labelSelector", spec.label_selector ? spec.label_selector->to_string() : "<none>"},
            {"namespaces",
             {{"excluded", join_or(spec.excluded_namespaces, "<none>")},
              {"included", join_or(spec.included_namespaces, "*")}}},
            {"resources",
             {{"clusterScoped", tri_state(spec.include_cluster_resources, "included", "excluded")},
              {"excluded", join_or(spec.excluded_resources, "<none>")},
              {"included", join_or(spec.included_resources, "*")}}},
            {"storageLocation", spec.storage_location},
            {"veleroNativeSnapshotPVs", tri_state(spec.snapshot_volumes)},
            {"veleroSnapshotMoveData", tri_state(spec.snapshot_move_data)}};
  if (!spec.hooks.resources.empty()) json["hooks"] = *codec::find(spec.to_json(), {"hooks"});
  if (!spec.ordered_resources.empty()) json["orderedResources"] = spec.ordered_resources;
  return json;
}

Json csi_json(const velero::VolumeInfo& volume, bool details) {
  const char* key = volume.snapshot_data_moved ? "dataMovement" : "snapshot";
  if (!details) return {{key, "included, specify --details for more information"}};
  const Json& info =
      volume.snapshot_data_moved ? volume.snapshot_data_movement_info : volume.csi_snapshot_info;
  Json json = Json::object();
  if (const auto id = codec::get_string(info, {"operationID"}); !id.empty()) json["operationID"] = id;
  if (volume.snapshot_data_moved) {
    json["dataMover"] = codec::get_string(info, {"dataMover"});
    json["uploaderType"] = codec::get_string(info, {"uploaderType"});
  } else {
    json["snapshotContentName"] = codec::get_string(info, {"vscName"});
    json["storageSnapshotID"] = codec::get_string(info, {"snapshotHandle"});
    json["snapshotSize(bytes)"] = info.is_object() ? info.value("size", Json(0)) : Json(0);
    json["csiDriver"] = codec::get_string(info, {"driver"});
  }
  json["result"] = volume.result;
  return {{key, std::move(json)}};
}

Json volumes_json(const BackupDetails& extra, bool details) {
  Json native = Json::object(), pods = Json::object(), csi = Json::object();
  for (const auto& volume : *extra.volumes) {
    if (volume.backup_method == "CSISnapshot")
      csi[volume.pvc_namespace + "/" + volume.pvc_name] = csi_json(volume, details);
    if (volume.backup_method != "NativeSnapshot" || !volume.native_snapshot_info) continue;
    const auto& info = *volume.native_snapshot_info;
    native[volume.pv_name] = details ? Json{{"snapshotID", info.snapshot_handle},
                                            {"type", info.volume_type},
                                            {"availabilityZone", info.volume_az},
                                            {"IOPS", info.iops},
                                            {"result", volume.result}}
                                     : Json("specify --details for more information");
  }
  for (const auto& backup : extra.pod_volume_backups) {
    pods[backup.spec.pod.name_space + "/" + backup.spec.pod.name][backup.spec.volume] = backup.status.phase;
  }
  Json json{{"nativeSnapshots", native.empty() ? Json("<none included>") : native},
            {"csiSnapshots", csi.empty() ? Json("<none included>") : csi}};
  json["podVolumeBackups"] = extra.pod_volume_backups.empty()
                                 ? Json("<none included>")
                                 : Json{{"uploderType", extra.pod_volume_backups.front().spec.uploader_type},
                                        {"podVolumeBackupsDetails", pods}};
  return json;
}

Json status_json(const velero::Backup& backup, const BackupDetails& extra, bool details) {
  const auto& status = backup.status;
  const auto progress = status.progress.value_or(velero::BackupProgress{});
  const bool running = status.phase == velero::phase::kInProgress;
  Json json{{"backupFormatVersion", status.format_version},
            {"completed", time_text(status.completion_timestamp, "<n/a>")},
            {"expiration", time_text(status.expiration)},
            {"started", time_text(status.start_timestamp, "<n/a>")}};
  if (status.hook_status) {
    json["hooksAttempted"] = status.hook_status->hooks_attempted;
    json["hooksFailed"] = status.hook_status->hooks_failed;
  }
  json[running ? "itemsBackedUpSoFar" : "itemsBackedUp"] = progress.items_backed_up;
  json[running ? "estimatedTotalItemsToBeBackedUp" : "totalItemsToBeBackedUp"] = progress.total_items;
  if (details && has_files(backup)) {
    if (extra.resource_list) {
      json["resourceList"] = *extra.resource_list;
    } else {
      json["errorGettingResourceList"] =
          fmt::format("<error getting backup resource list: {}>", extra.resource_list_error);
    }
  }
  if (extra.volumes) json["backupVolumes"] = volumes_json(extra, details);
  // The object's own status, for scripts that read .status.phase and the like.
  const Json own = velero::to_json(status);
  for (const auto& [key, value] : own.items()) {
    if (!json.contains(key)) json[key] = value;
  }
  json["phase"] = phase_of(status);
  if (!codec::find(json, {"progress", "totalItems"})) {
    json["progress"] =
        Json{{"totalItems", progress.total_items}, {"itemsBackedUp", progress.items_backed_up}};
  }
  return json;
}

}  // namespace

std::vector<velero::VolumeInfo> volumes_of_snapshots(const std::vector<velero::NativeSnapshot>& snapshots) {
  std::vector<velero::VolumeInfo> volumes;
  for (const auto& snapshot : snapshots) {
    auto& info = volumes.emplace_back();
    info.pv_name = snapshot.spec.persistent_volume_name;
    info.backup_method = "NativeSnapshot";
    info.result = snapshot.status.phase == velero::phase::kCompleted ? "succeeded" : "failed";
    info.native_snapshot_info = velero::NativeSnapshotInfo{
        .snapshot_handle = snapshot.status.provider_snapshot_id,
        .volume_type = snapshot.spec.volume_type,
        .volume_az = snapshot.spec.volume_az,
        .iops = snapshot.spec.volume_iops ? std::to_string(*snapshot.spec.volume_iops) : "",
        .phase = snapshot.status.phase};
  }
  return volumes;
}

BackupDetails load_details(CommandContext& context, const velero::Backup& backup, bool details,
                           const DownloadOptions& options) {
  BackupDetails extra;
  const std::string name = backup.metadata.name();
  const kube::ListOptions of_backup{
      .label_selector = fmt::format("{}={}", velero::label::kBackupName, velero::label_value(name))};
  for (const auto& object : context.client().list(velero::resources::kDeleteBackupRequests,
                                                  context.name_space(), of_backup, context.cancel)) {
    extra.delete_requests.push_back(velero::DeleteBackupRequest::from_json(object));
  }
  for (const auto& object : context.client().list(velero::resources::kPodVolumeBackups, context.name_space(),
                                                  of_backup, context.cancel)) {
    extra.pod_volume_backups.push_back(velero::PodVolumeBackup::from_json(object));
  }
  if (!has_files(backup)) return extra;
  if (backup.status.warnings > 0 || backup.status.errors > 0) {
    extra.results_error =
        download_json(context, velero::download_target::kBackupResults, name, options,
                      [&](const Json& json) { extra.results = velero::Results::from_json(json); });
  }
  extra.volumes_error = download_json(context, velero::download_target::kBackupVolumeInfos, name, options,
                                      [&](const Json& json) {
                                        extra.volumes.emplace();
                                        for (const auto& element : json)
                                          extra.volumes->push_back(velero::VolumeInfo::from_json(element));
                                      });
  if (extra.volumes_error == "file not found") {
    extra.volumes_error = download_json(context, velero::download_target::kBackupVolumeSnapshots, name,
                                        options, [&](const Json& json) {
                                          std::vector<velero::NativeSnapshot> snapshots;
                                          for (const auto& element : json)
                                            snapshots.push_back(velero::NativeSnapshot::from_json(element));
                                          extra.volumes = volumes_of_snapshots(snapshots);
                                        });
  }
  if (details) {
    extra.resource_list_error = download_json(
        context, velero::download_target::kBackupResourceList, name, options,
        [&](const Json& json) { extra.resource_list = velero::ResourceList::from_json(json).entries(); });
  }
  return extra;
}

std::string describe_backup(const CommandContext& context, const velero::Backup& backup,
                            const BackupDetails& extra, bool details) {
  std::string out;
  describe_metadata(out, context, backup.metadata);
  const std::string phase = phase_of(backup.status);
  const bool look = phase == velero::phase::kFailed || phase == velero::phase::kPartiallyFailed;
  line(out, "");
  line(
      out, "Phase:\t{}{}", colored_phase(context, phase),
      look ? fmt::format(" (run `velero backup logs {}` for more information)", backup.metadata.name()) : "");
  if (!backup.status.failure_reason.empty()) line(out, "\nFailure reason:\t{}", backup.status.failure_reason);
  if (backup.spec.resource_policy) {
    line(out, "\nResource policies:\n  Type:\t{}\n  Name:\t{}", backup.spec.resource_policy->kind,
         backup.spec.resource_policy->name);
  }
  describe_validation_errors(out, backup.status.validation_errors);
  line(out, "");
  describe_results(out, extra.results, extra.results_error);
  line(out, "");
  describe_backup_spec(out, backup.spec);
  line(out, "");
  describe_status(out, backup, extra, details);
  describe_deletions(out, extra.delete_requests);
  return align_tabs(out);
}

Json describe_backup_json(const velero::Backup& backup, const BackupDetails& extra, bool details) {
  Json metadata{{"name", backup.metadata.name()}, {"namespace", backup.metadata.name_space()}};
  if (!backup.metadata.labels().empty()) metadata["labels"] = backup.metadata.labels();
  if (!backup.metadata.annotations().empty()) metadata["annotations"] = backup.metadata.annotations();
  Json json{{"metadata", metadata}, {"phase", phase_of(backup.status)}};
  if (backup.spec.resource_policy) {
    json["resourcePolicies"] =
        Json{{"type", backup.spec.resource_policy->kind}, {"name", backup.spec.resource_policy->name}};
  }
  if (!backup.status.validation_errors.empty()) json["validationErrors"] = backup.status.validation_errors;
  if (extra.results) {
    if (!extra.results->errors.empty()) json["errors"] = result_json(extra.results->errors);
    if (!extra.results->warnings.empty()) json["warnings"] = result_json(extra.results->warnings);
  }
  json["spec"] = spec_json(backup.spec);
  json["status"] = status_json(backup, extra, details);
  if (!extra.delete_requests.empty()) {
    Json requests = Json::array();
    for (const auto& request : extra.delete_requests) {
      requests.push_back({{"creationTimestamp", time_text(request.metadata.creation_time())},
                          {"phase", request.status.phase},
                          {"errors", request.status.errors}});
    }
    json["deletionAttempts"] = Json{{"deleteBackupRequests", requests}};
  }
  // Go sorts the members of maps; so does this document.
  return Json::parse(nlohmann::json::parse(json.dump()).dump());
}

}  // namespace salvor::cli
