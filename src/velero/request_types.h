// The requests of velero.io/v1 that the command line leaves for the server: DeleteBackupRequest,
// DownloadRequest, ServerStatusRequest. Values; from_json throws kInvalidArgument naming the field.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "codec/json.h"
#include "velero/object_meta.h"

namespace salvor::velero {

struct DeleteBackupRequestSpec {
  std::string backup_name;
};
struct DeleteBackupRequestStatus {
  std::string phase;  // New, InProgress, Processed
  std::vector<std::string> errors;
};
struct DeleteBackupRequest {
  ObjectMeta metadata;
  DeleteBackupRequestSpec spec;
  DeleteBackupRequestStatus status;
  static DeleteBackupRequest from_json(const Json& object);
  Json to_json() const;
};

// Values of DownloadTarget::kind.
namespace download_target {
inline constexpr char kBackupLog[] = "BackupLog";
inline constexpr char kBackupContents[] = "BackupContents";
inline constexpr char kBackupVolumeSnapshots[] = "BackupVolumeSnapshots";
inline constexpr char kBackupItemOperations[] = "BackupItemOperations";
inline constexpr char kBackupResourceList[] = "BackupResourceList";
inline constexpr char kBackupResults[] = "BackupResults";
inline constexpr char kBackupVolumeInfos[] = "BackupVolumeInfos";
inline constexpr char kCsiBackupVolumeSnapshots[] = "CSIBackupVolumeSnapshots";
inline constexpr char kCsiBackupVolumeSnapshotContents[] = "CSIBackupVolumeSnapshotContents";
inline constexpr char kRestoreLog[] = "RestoreLog";
inline constexpr char kRestoreResults[] = "RestoreResults";
inline constexpr char kRestoreResourceList[] = "RestoreResourceList";
inline constexpr char kRestoreItemOperations[] = "RestoreItemOperations";
inline constexpr char kRestoreVolumeInfo[] = "RestoreVolumeInfo";
}  // namespace download_target

struct DownloadTarget {
  std::string kind;
  std::string name;
};
struct DownloadRequestSpec {
  DownloadTarget target;
};
struct DownloadRequestStatus {
  std::string phase;  // New, Processed
  std::string download_url;
  std::optional<base::Time> expiration;
  std::string message;  // Salvor's own: why there is no URL
};
struct DownloadRequest {
  ObjectMeta metadata;
  DownloadRequestSpec spec;
  DownloadRequestStatus status;
  static DownloadRequest from_json(const Json& object);
  Json to_json() const;
};

struct PluginInfo {
  std::string name;
  std::string kind;
};
struct ServerStatusRequestSpec {};
struct ServerStatusRequestStatus {
  std::string phase;  // New, Processed
  std::optional<base::Time> processed_timestamp;
  std::string server_version;
  std::vector<PluginInfo> plugins;
  std::string message;  // Salvor's own: why nothing is told
};
struct ServerStatusRequest {
  ObjectMeta metadata;
  ServerStatusRequestSpec spec;
  ServerStatusRequestStatus status;
  static ServerStatusRequest from_json(const Json& object);
  Json to_json() const;
};

}  // namespace salvor::velero
