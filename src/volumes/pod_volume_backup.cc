#include "volumes/pod_volume_backup.h"

#include <sys/stat.h>

#include "archive/directory_backup.h"
#include "archive/directory_restore.h"
#include "base/error.h"
#include "base/file.h"
#include "kube/object.h"

namespace salvor::volumes {

namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;

constexpr char kHost[] = "velero";
constexpr char kMarkerDirectory[] = ".velero";
constexpr size_t kErrorsShown = 5;
constexpr unsigned kMostParallel = 64;  // files, whatever is asked for

std::string describe(const PodVolume& volume) {
  return fmt::format("volume \"{}\" of pod \"{}/{}\"", volume.volume, kube::namespace_of(volume.pod),
                     kube::name_of(volume.pod));
}

// As archive reports a file that was in its directory's listing and then gone.
bool says_vanished(const std::string& message) {
  return message.ends_with("No such file or directory") || message.ends_with("no such file or directory");
}

[[noreturn]] void fail_for_files(const std::vector<std::string>& errors) {
  std::string text = errors.front();
  for (size_t i = 1; i < std::min(errors.size(), kErrorsShown); ++i) text += "; " + errors[i];
  if (errors.size() > kErrorsShown) text += fmt::format("; and {} more", errors.size() - kErrorsShown);
  base::fail(ErrorCode::kInternal, "{} {} failed: {}", errors.size(), errors.size() == 1 ? "file" : "files",
             text);
}

// The parent's id if it is still there: backups, and with them their snapshots, are deleted at any time.
std::optional<repository::SnapshotId> find_parent(repository::Repository& repository,
                                                  const std::string& given, const base::Logger& logger,
                                                  const base::CancelToken& cancel) {
  if (given.empty()) return std::nullopt;
  try {
    return repository.find_snapshot(given, cancel).id;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound && error.code() != ErrorCode::kInvalidArgument) throw;
    logger.warning("parent snapshot {} is not in the repository: all files are read", given);
    return std::nullopt;
  }
}

VolumeBackupResult back_up(RepositoryAccess& repositories, const RepositoryTarget& target,
                           const fs::path& path, const VolumeBackupRequest& request,
                           const VolumeProgress& progress, const base::Logger& logger,
                           const base::CancelToken& cancel) {
  VolumeBackupResult result;
  result.path = path.string();
  if (fs::is_empty(path)) {
    result.message = kEmptyVolumeMessage;
    return result;
  }
  const auto lease = repositories.open_or_init(target, cancel);
  archive::BackupRequest backup;
  backup.targets = {"."};
  backup.relative_root = path;
  backup.hostname = kHost;
  backup.paths_override = {path.string()};
  for (const auto& [key, value] : request.tags) backup.tags.push_back(key + "=" + value);
  if (request.parallel_files > 0) backup.read_concurrency = std::min(request.parallel_files, kMostParallel);
  backup.parent = find_parent(lease.repository(), request.parent_snapshot, logger, cancel);
  const auto report = archive::backup_directories(
      lease.repository(), backup,
      [&](const archive::BackupProgress& now) {
        if (progress) progress(now.bytes_done, now.bytes_total);
      },
      logger, lease.token());
  std::vector<std::string> failed;
  for (const std::string& error : report.errors)
    (says_vanished(error) ? result.vanished : failed).push_back(error);
  for (const std::string& error : result.vanished) logger.warning("left out: {}", error);
  if (!failed.empty()) {
    if (report.snapshot) lease.repository().remove_snapshot(*report.snapshot, lease.token());
    fail_for_files(failed);
  }
  if (report.snapshot) result.snapshot_id = report.snapshot->hex();
  result.bytes = report.summary.total_bytes_processed;
  result.bytes_added = report.summary.data_added_packed;
  if (progress) progress(result.bytes, result.bytes);
  return result;
}

// The restore-wait container polls for the marker and then removes the directory; it may run as any user.
void write_marker(const fs::path& volume, const std::string& restore_uid) {
  const fs::path directory = volume / kMarkerDirectory;
  // Open to all, so that the container's user can remove what lies in it.
  if ((::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST) || ::chmod(directory.c_str(), 0777) != 0) {
    throw base::system_error(errno, fmt::format("create directory \"{}\"", directory.string()));
  }
  base::write_file_atomic(directory / restore_uid, "", 0644);
}

void check_marker_name(const std::string& restore_uid) {
  if (restore_uid.find('/') != std::string::npos || restore_uid.starts_with('.')) {
    base::fail(ErrorCode::kInvalidArgument, "\"{}\" cannot be the uid of a restore", restore_uid);
  }
}

}  // namespace

VolumeBackupResult back_up_volume(RepositoryAccess& repositories, const RepositoryTarget& target,
                                  const VolumePathResolver& paths, const VolumeBackupRequest& request,
                                  const VolumeProgress& progress, base::Logger logger,
                                  const base::CancelToken& cancel) {
  const fs::path path = paths.resolve(request.volume);
  try {
    return back_up(repositories, target, path, request, progress, logger, cancel);
  } catch (Error& error) {
    error.add_context(fmt::format("cannot back up {}", describe(request.volume)));
    throw;
  }
}

VolumeRestoreResult restore_volume(RepositoryAccess& repositories, const RepositoryTarget& target,
                                   const VolumePathResolver& paths, const VolumeRestoreRequest& request,
                                   const VolumeProgress& progress, base::Logger logger,
                                   const base::CancelToken& cancel) {
  check_marker_name(request.restore_uid);
  const fs::path path = paths.resolve(request.volume);
  try {
    const auto lease = repositories.open(target, cancel);
    const auto snapshot = lease.repository().find_snapshot(request.snapshot_id, cancel);
    // A marker of the volume's last restore must not tell of this one.
    fs::remove_all(path / kMarkerDirectory);
    archive::RestoreRequest restore;
    restore.target = path;
    restore.sparse = request.sparse;
    restore.threads = std::min(request.parallel_files, kMostParallel);
    restore.excludes = {std::string("/") + kMarkerDirectory};
    const auto report = archive::restore_snapshot(
        lease.repository(), snapshot, restore,
        [&](const archive::RestoreProgress& now) {
          if (progress) progress(now.bytes_done, now.bytes_total);
        },
        logger, lease.token());
    if (!report.errors.empty()) fail_for_files(report.errors);
    if (!request.restore_uid.empty()) write_marker(path, request.restore_uid);
    if (progress) progress(report.bytes, report.bytes);
    return {path.string(), report.files, report.bytes};
  } catch (Error& error) {
    error.add_context(fmt::format("cannot restore {}", describe(request.volume)));
    throw;
  } catch (const fs::filesystem_error& error) {
    throw base::system_error(error.code().value(), fmt::format("restore {}", describe(request.volume)));
  }
}

}  // namespace salvor::volumes
