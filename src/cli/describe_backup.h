// `backup describe`: one backup as text or as JSON.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/command_context.h"
#include "cli/download.h"
#include "velero/results.h"
#include "velero/types.h"
#include "velero/volume_info.h"

namespace salvor::cli {

// What belongs to a backup beside its object; fetched from the store when the backup is finished.
struct BackupDetails {
  std::vector<velero::DeleteBackupRequest> delete_requests;
  std::vector<velero::PodVolumeBackup> pod_volume_backups;
  std::optional<velero::Results> results;
  std::optional<std::vector<velero::VolumeInfo>> volumes;
  std::optional<std::map<std::string, std::vector<std::string>>> resource_list;  // with --details
  // Why they are missing; empty if nobody asked for them.
  std::string results_error, volumes_error, resource_list_error;
};

// What backups before Velero 1.13 say about volumes in place of a volume info.
std::vector<velero::VolumeInfo> volumes_of_snapshots(const std::vector<velero::NativeSnapshot>& snapshots);

BackupDetails load_details(CommandContext& context, const velero::Backup& backup, bool details,
                           const DownloadOptions& options);

std::string describe_backup(const CommandContext& context, const velero::Backup& backup,
                            const BackupDetails& extra, bool details);

// Velero's shape, and the object's own status beside it where the names do not clash: phase,
// completionTimestamp, startTimestamp, progress, warnings, errors.
codec::Json describe_backup_json(const velero::Backup& backup, const BackupDetails& extra, bool details);

}  // namespace salvor::cli
