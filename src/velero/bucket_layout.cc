#include "velero/bucket_layout.h"

#include <array>

#include "base/error.h"
#include "velero/request_types.h"

namespace salvor::velero {

namespace backup_key {
namespace {
std::string file(std::string_view backup, std::string_view suffix) {
  return fmt::format("backups/{0}/{0}-{1}", backup, suffix);
}
}  // namespace
std::string directory(std::string_view backup) {
  return fmt::format("backups/{}/", backup);
}
std::string metadata(std::string_view backup) {
  return directory(backup) + kMetadataFile;
}
std::string contents(std::string_view backup) {
  return fmt::format("backups/{0}/{0}.tar.gz", backup);
}
std::string log(std::string_view backup) {
  return file(backup, "logs.gz");
}
std::string pod_volume_backups(std::string_view backup) {
  return file(backup, "podvolumebackups.json.gz");
}
std::string volume_snapshots(std::string_view backup) {
  return file(backup, "volumesnapshots.json.gz");
}
std::string item_operations(std::string_view backup) {
  return file(backup, "itemoperations.json.gz");
}
std::string resource_list(std::string_view backup) {
  return file(backup, "resource-list.json.gz");
}
std::string results(std::string_view backup) {
  return file(backup, "results.gz");
}
std::string volume_info(std::string_view backup) {
  return file(backup, "volumeinfo.json.gz");
}
std::string csi_volume_snapshots(std::string_view backup) {
  return file(backup, "csi-volumesnapshots.json.gz");
}
std::string csi_volume_snapshot_contents(std::string_view backup) {
  return file(backup, "csi-volumesnapshotcontents.json.gz");
}
std::string csi_volume_snapshot_classes(std::string_view backup) {
  return file(backup, "csi-volumesnapshotclasses.json.gz");
}
}  // namespace backup_key

namespace restore_key {
namespace {
std::string file(std::string_view restore, std::string_view suffix) {
  return fmt::format("restores/{0}/restore-{0}-{1}", restore, suffix);
}
}  // namespace
std::string directory(std::string_view restore) {
  return fmt::format("restores/{}/", restore);
}
std::string log(std::string_view restore) {
  return file(restore, "logs.gz");
}
std::string results(std::string_view restore) {
  return file(restore, "results.gz");
}
std::string resource_list(std::string_view restore) {
  return file(restore, "resource-list.json.gz");
}
std::string item_operations(std::string_view restore) {
  return file(restore, "itemoperations.json.gz");
}
std::string volume_info(std::string_view restore) {
  return fmt::format("restores/{0}/{0}-volumeinfo.json.gz", restore);
}
}  // namespace restore_key

std::string download_key(std::string_view target_kind, std::string_view name) {
  using KeyFunction = std::string (*)(std::string_view);
  static const std::map<std::string_view, KeyFunction> kKeys = {
      {download_target::kBackupLog, backup_key::log},
      {download_target::kBackupContents, backup_key::contents},
      {download_target::kBackupVolumeSnapshots, backup_key::volume_snapshots},
      {download_target::kBackupItemOperations, backup_key::item_operations},
      {download_target::kBackupResourceList, backup_key::resource_list},
      {download_target::kBackupResults, backup_key::results},
      {download_target::kBackupVolumeInfos, backup_key::volume_info},
      {download_target::kCsiBackupVolumeSnapshots, backup_key::csi_volume_snapshots},
      {download_target::kCsiBackupVolumeSnapshotContents, backup_key::csi_volume_snapshot_contents},
      {download_target::kRestoreLog, restore_key::log},
      {download_target::kRestoreResults, restore_key::results},
      {download_target::kRestoreResourceList, restore_key::resource_list},
      {download_target::kRestoreItemOperations, restore_key::item_operations},
      {download_target::kRestoreVolumeInfo, restore_key::volume_info},
  };
  auto found = kKeys.find(target_kind);
  if (found == kKeys.end())
    base::fail(base::ErrorCode::kInvalidArgument, "unsupported download target kind \"{}\"", target_kind);
  return found->second(name);
}

bool is_known_top_level_directory(std::string_view name) {
  constexpr std::array<std::string_view, 6> kKnown = {"backups",  "restores", "restic",
                                                      "metadata", "plugins",  "kopia"};
  return std::find(kKnown.begin(), kKnown.end(), name) != kKnown.end();
}

std::string contents_path(std::string_view group_resource, std::string_view version_directory,
                          std::string_view name_space, std::string_view name) {
  std::string path;
  path.reserve(group_resource.size() + version_directory.size() + name_space.size() + name.size() + 40);
  path.append("resources/").append(group_resource).append("/");
  if (!version_directory.empty()) path.append(version_directory).append("/");
  if (name_space.empty()) {
    path.append("cluster/");
  } else {
    path.append("namespaces/").append(name_space).append("/");
  }
  path.append(name).append(".json");
  return path;
}

}  // namespace salvor::velero
