// The files of backups for commands that look into them: from the bucket of --bucket, without a cluster, or
// else by the links that the server of the cluster gives out. One thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/command_context.h"
#include "cli/download.h"
#include "velero/backup_contents.h"
#include "velero/backup_store.h"
#include "velero/contents_scan.h"
#include "velero/resource_list.h"
#include "velero/types.h"

namespace salvor::cli {

class BackupFiles {
 public:
  // Opens the bucket if context.flags.bucket is set. The context outlives this.
  BackupFiles(CommandContext& context, DownloadOptions options);

  bool from_bucket() const { return store_.has_value(); }
  // All backups, sorted by name.
  std::vector<velero::Backup> backups();
  // kNotFound.
  velero::Backup backup(const std::string& name);
  velero::BackupContents contents(const std::string& name);
  void scan_contents(const std::string& name, const velero::ContentScan& scan);
  // nullopt if the backup has none.
  std::optional<velero::ResourceList> resource_list(const std::string& name);
  std::vector<velero::NativeSnapshot> volume_snapshots(const std::string& name);
  std::vector<velero::PodVolumeBackup> pod_volume_backups(const std::string& name);
  std::vector<velero::VolumeInfo> volume_infos(const std::string& name);

 private:
  // A JSON document of the server's links; null if there is no such file.
  codec::Json linked_document(const char* kind, const std::string& name);

  CommandContext& context_;
  const DownloadOptions options_;
  std::optional<velero::BackupStore> store_;
};

}  // namespace salvor::cli
