#include "cli/backup_files.h"

#include "cli/bucket_view.h"
#include "cli/names.h"
#include "velero/constants.h"

namespace salvor::cli {
namespace {

using codec::Json;
namespace target = velero::download_target;

template <typename T>
std::vector<T> list_of(const Json& document) {
  std::vector<T> list;
  if (!document.is_array()) return list;
  for (const Json& element : document) list.push_back(T::from_json(element));
  return list;
}

}  // namespace

BackupFiles::BackupFiles(CommandContext& context, DownloadOptions options)
    : context_(context), options_(std::move(options)) {
  if (!context.flags.bucket.empty()) store_.emplace(open_bucket_view(context));
}

std::vector<velero::Backup> BackupFiles::backups() {
  if (store_) return bucket_backups(context_, *store_, {});
  std::vector<velero::Backup> backups;
  for (const Json& object : select_objects(context_, velero::resources::kBackups, {}))
    backups.push_back(velero::Backup::from_json(object));
  return backups;
}

velero::Backup BackupFiles::backup(const std::string& name) {
  if (store_) return bucket_backups(context_, *store_, {name}).front();
  return velero::Backup::from_json(
      select_objects(context_, velero::resources::kBackups, {.names = {name}}).front());
}

velero::BackupContents BackupFiles::contents(const std::string& name) {
  if (store_) return store_->get_contents(name, {}, context_.cancel);
  const auto packed = download_packed(context_, target::kBackupContents, name, options_);
  return velero::BackupContents::read(*packed, {}, context_.cancel);
}

void BackupFiles::scan_contents(const std::string& name, const velero::ContentScan& scan) {
  if (store_) return velero::scan_contents(*store_, name, scan, context_.cancel);
  const auto packed = download_packed(context_, target::kBackupContents, name, options_);
  velero::scan_contents(*packed, scan, context_.cancel);
}

Json BackupFiles::linked_document(const char* kind, const std::string& name) {
  const auto text = download_text(context_, kind, name, options_);
  return text ? codec::parse_json(*text, fmt::format("{} of \"{}\"", kind, name)) : Json();
}

std::optional<velero::ResourceList> BackupFiles::resource_list(const std::string& name) {
  if (store_) return store_->get_resource_list(name, context_.cancel);
  const Json document = linked_document(target::kBackupResourceList, name);
  return document.is_null() ? std::nullopt : std::optional(velero::ResourceList::from_json(document));
}

std::vector<velero::NativeSnapshot> BackupFiles::volume_snapshots(const std::string& name) {
  if (store_) return store_->get_volume_snapshots(name, context_.cancel);
  return list_of<velero::NativeSnapshot>(linked_document(target::kBackupVolumeSnapshots, name));
}

// There is no link to this file; the server's sync puts what it holds into the cluster.
std::vector<velero::PodVolumeBackup> BackupFiles::pod_volume_backups(const std::string& name) {
  if (store_) return store_->get_pod_volume_backups(name, context_.cancel);
  std::vector<velero::PodVolumeBackup> backups;
  const kube::ListOptions of_backup{
      .label_selector = fmt::format("{}={}", velero::label::kBackupName, velero::label_value(name))};
  for (const Json& object : context_.client().list(velero::resources::kPodVolumeBackups,
                                                   context_.name_space(), of_backup, context_.cancel))
    backups.push_back(velero::PodVolumeBackup::from_json(object));
  return backups;
}

std::vector<velero::VolumeInfo> BackupFiles::volume_infos(const std::string& name) {
  if (store_) return store_->get_volume_info(name, context_.cancel);
  return list_of<velero::VolumeInfo>(linked_document(target::kBackupVolumeInfos, name));
}

}  // namespace salvor::cli
