// The keys of Velero's bucket layout, below the location's prefix. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace salvor::velero {

inline constexpr char kBackupsDirectory[] = "backups/";
inline constexpr char kRestoresDirectory[] = "restores/";
inline constexpr char kMetadataFile[] = "velero-backup.json";

// backups/<name>/...
namespace backup_key {
std::string directory(std::string_view backup);  // "backups/<name>/"
std::string metadata(std::string_view backup);   // velero-backup.json: the backup exists when this does
std::string contents(std::string_view backup);   // <name>.tar.gz
std::string log(std::string_view backup);        // <name>-logs.gz
std::string pod_volume_backups(std::string_view backup);
std::string volume_snapshots(std::string_view backup);
std::string item_operations(std::string_view backup);
std::string resource_list(std::string_view backup);
std::string results(std::string_view backup);
std::string volume_info(std::string_view backup);
std::string csi_volume_snapshots(std::string_view backup);
std::string csi_volume_snapshot_contents(std::string_view backup);
std::string csi_volume_snapshot_classes(std::string_view backup);
}  // namespace backup_key

// restores/<name>/...
namespace restore_key {
std::string directory(std::string_view restore);
std::string log(std::string_view restore);  // restore-<name>-logs.gz
std::string results(std::string_view restore);
std::string resource_list(std::string_view restore);
std::string item_operations(std::string_view restore);
std::string volume_info(std::string_view restore);  // <name>-volumeinfo.json.gz
}  // namespace restore_key

// The object of a DownloadRequest's target (download_target in request_types.h). Throws kInvalidArgument for
// an unknown kind.
std::string download_key(std::string_view target_kind, std::string_view name);

// Top-level directories that may lie in a location: backups restores restic metadata plugins kopia.
bool is_known_top_level_directory(std::string_view name);

// A path inside the tarball: "resources/pods/namespaces/ns/name.json", "resources/nodes/cluster/name.json".
// version_directory: "" or e.g. "v1-preferredversion".
std::string contents_path(std::string_view group_resource, std::string_view version_directory,
                          std::string_view name_space, std::string_view name);
inline constexpr char kVersionPath[] = "metadata/version";

}  // namespace salvor::velero
