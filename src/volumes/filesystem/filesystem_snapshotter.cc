#include "volumes/filesystem/filesystem_snapshotter.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "volumes/filesystem/directory_copy.h"

namespace salvor::volumes {

namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;

constexpr std::string_view kSnapshotPrefix = "snap-";
constexpr std::string_view kTemporaryPrefix = ".salvor-";
constexpr std::chrono::hours kTemporaryLifetime{24};

bool is_snapshot_id(std::string_view id) {
  return id.starts_with(kSnapshotPrefix) && id.size() == kSnapshotPrefix.size() + 16 &&
         id.find_first_not_of("0123456789abcdef", kSnapshotPrefix.size()) == std::string_view::npos;
}

bool is_below(const fs::path& path, const fs::path& directory) {
  const fs::path relative = path.lexically_normal().lexically_relative(directory.lexically_normal());
  return !relative.empty() && *relative.begin() != "..";
}

void sync_file_system(const fs::path& directory) {
  const base::Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid() || ::syncfs(fd.get()) != 0) {
    throw base::system_error(errno, fmt::format("sync \"{}\"", directory.string()));
  }
}

// A directory under a temporary name, removed unless it was published.
class Draft {
 public:
  explicit Draft(fs::path path) : path_(std::move(path)) {}
  ~Draft() {
    if (path_.empty()) return;
    try {
      remove_directory(path_);
    } catch (const Error&) {
      // It goes with the next sweep.
    }
  }
  const fs::path& path() const { return path_; }
  void publish_as(const fs::path& name) {
    sync_file_system(path_);
    if (::rename(path_.c_str(), name.c_str()) != 0) {
      throw base::system_error(errno, fmt::format("rename \"{}\" to \"{}\"", path_.string(), name.string()));
    }
    path_.clear();
    sync_file_system(name.parent_path());
  }

 private:
  fs::path path_;
};

class FilesystemSnapshotter final : public VolumeSnapshotter {
 public:
  FilesystemSnapshotter(fs::path root, fs::path volumes, SnapshotterEnvironment environment)
      : root_(std::move(root)), volumes_(std::move(volumes)), environment_(std::move(environment)) {}

  std::string get_volume_id(const Json& persistent_volume) const override {
    const std::string local = codec::get_string(persistent_volume, {"spec", "local", "path"});
    return local.empty() ? codec::get_string(persistent_volume, {"spec", "hostPath", "path"}) : local;
  }

  VolumeFacts get_volume_info(const std::string& volume_id, const std::string&,
                              const base::CancelToken&) override {
    require_volume(volume_id);
    return {.type = "directory", .iops = std::nullopt};
  }

  std::string create_snapshot(const std::string& volume_id, const std::string& zone,
                              const std::map<std::string, std::string>& tags,
                              const base::CancelToken& cancel) override;
  std::string create_volume_from_snapshot(const std::string& snapshot_id, const std::string& type,
                                          const std::string& zone, std::optional<std::int64_t> iops,
                                          const base::CancelToken& cancel) override;
  void delete_snapshot(const std::string& snapshot_id, const base::CancelToken& cancel) override;

  Json set_volume_id(const Json& persistent_volume, const std::string& volume_id) const override {
    Json changed = persistent_volume;
    for (const char* kind : {"local", "hostPath"}) {
      if (codec::get_string(changed, {"spec", kind, "path"}).empty()) continue;
      changed["spec"][kind]["path"] = volume_id;
      return changed;
    }
    base::fail(ErrorCode::kInvalidArgument,
               "PersistentVolume \"{}\" has neither spec.local nor spec.hostPath",
               codec::get_string(persistent_volume, {"metadata", "name"}));
  }

 private:
  fs::path require_volume(const std::string& volume_id) const {
    const fs::path path(volume_id);
    if (!path.is_absolute()) {
      base::fail(ErrorCode::kInvalidArgument, "volume \"{}\" is not an absolute path", volume_id);
    }
    if (!fs::is_directory(path)) {
      base::fail(
          ErrorCode::kNotFound,
          "volume \"{}\" is not a directory of this machine\nhint: the filesystem provider works where the "
          "volumes' directories are mounted",
          volume_id);
    }
    return path;
  }

  fs::path snapshot_path(const std::string& snapshot_id) const {
    if (!is_snapshot_id(snapshot_id)) {
      base::fail(ErrorCode::kInvalidArgument, "\"{}\" is not the id of a filesystem snapshot", snapshot_id);
    }
    return root_ / snapshot_id;
  }

  std::string random_name() const { return fmt::format("{:016x}", environment_.random->next()); }
  void sweep(const fs::path& directory) const;

  const fs::path root_, volumes_;
  const SnapshotterEnvironment environment_;
};

// Removes what processes that were killed have left.
void FilesystemSnapshotter::sweep(const fs::path& directory) const {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory, ignored)) {
    if (!entry.path().filename().string().starts_with(kTemporaryPrefix)) continue;
    struct stat info {};
    if (::lstat(entry.path().c_str(), &info) != 0) continue;
    const base::Time changed{std::chrono::seconds(info.st_ctim.tv_sec)};
    if (changed + kTemporaryLifetime > environment_.clock.now()) continue;
    try {
      remove_directory(entry.path());
    } catch (const Error& error) {
      environment_.logger.warning("cannot remove what an interrupted snapshot left: {}", error.message());
    }
  }
}

std::string FilesystemSnapshotter::create_snapshot(const std::string& volume_id, const std::string& zone,
                                                   const std::map<std::string, std::string>& tags,
                                                   const base::CancelToken& cancel) {
  const fs::path volume = require_volume(volume_id);
  std::error_code error;
  fs::create_directories(root_, error);
  if (error) throw base::system_error(error.value(), fmt::format("create directory \"{}\"", root_.string()));
  if (is_below(fs::canonical(root_), fs::canonical(volume))) {
    base::fail(ErrorCode::kInvalidArgument,
               "cannot snapshot volume \"{}\": the snapshots' directory \"{}\" lies in it", volume_id,
               root_.string());
  }
  sweep(root_);
  const std::string id = std::string(kSnapshotPrefix) + random_name();
  Draft draft(root_ / (std::string(kTemporaryPrefix) + id));
  if (::mkdir(draft.path().c_str(), 0700) != 0) {
    throw base::system_error(errno, fmt::format("create directory \"{}\"", draft.path().string()));
  }
  try {
    const base::Time start = environment_.clock.now();
    const DirectoryCopy copy = copy_directory(volume, draft.path() / "data", cancel);
    for (const std::string& path : copy.left_out) {
      environment_.logger.debug("snapshot {}: \"{}\" went while the volume was copied", id, path);
    }
    Json manifest = {{"source", volume_id}, {"zone", zone},        {"created", base::format_rfc3339(start)},
                     {"files", copy.files}, {"bytes", copy.bytes}, {"sharedFiles", copy.shared_files}};
    manifest["tags"] = Json::object();
    for (const auto& [key, value] : tags) manifest["tags"][key] = value;
    base::write_file_atomic(draft.path() / "manifest.json", codec::to_json(manifest, 2) + "\n", 0600);
    draft.publish_as(root_ / id);
  } catch (Error& failure) {
    failure.add_context(fmt::format("cannot snapshot volume \"{}\"", volume_id));
    throw;
  }
  return id;
}

std::string FilesystemSnapshotter::create_volume_from_snapshot(const std::string& snapshot_id,
                                                               const std::string&, const std::string&,
                                                               std::optional<std::int64_t>,
                                                               const base::CancelToken& cancel) {
  const fs::path snapshot = snapshot_path(snapshot_id);
  const auto text = base::read_file_if_exists(snapshot / "manifest.json");
  if (!text)
    base::fail(ErrorCode::kNotFound, "snapshot \"{}\" not found in \"{}\"", snapshot_id, root_.string());
  const Json manifest = codec::parse_json(*text, fmt::format("manifest of snapshot \"{}\"", snapshot_id));
  const fs::path source = fs::path(codec::get_string(manifest, {"source"})).lexically_normal();
  if (!source.is_absolute()) {
    base::fail(ErrorCode::kCorrupt, "the manifest of snapshot \"{}\" names no source", snapshot_id);
  }
  // A name such as "/volumes/pg/" ends in a slash.
  const fs::path base_path = source.has_filename() ? source : source.parent_path();
  const fs::path directory = volumes_.empty() ? base_path.parent_path() : volumes_;
  std::error_code error;
  fs::create_directories(directory, error);
  if (error)
    throw base::system_error(error.value(), fmt::format("create directory \"{}\"", directory.string()));
  sweep(directory);
  const std::string unique = random_name();
  const fs::path volume = directory / fmt::format("{}-{}", base_path.filename().string(), unique);
  Draft draft(directory / (std::string(kTemporaryPrefix) + unique));
  try {
    copy_directory(snapshot / "data", draft.path(), cancel);
    draft.publish_as(volume);
  } catch (Error& failure) {
    failure.add_context(fmt::format("cannot make a volume from snapshot \"{}\"", snapshot_id));
    throw;
  }
  return volume.string();
}

void FilesystemSnapshotter::delete_snapshot(const std::string& snapshot_id, const base::CancelToken& cancel) {
  cancel.check();
  const fs::path snapshot = snapshot_path(snapshot_id);
  // First out of sight, so that a removal that is interrupted leaves no half snapshot.
  const fs::path doomed = root_ / fmt::format("{}{}", kTemporaryPrefix, random_name());
  if (::rename(snapshot.c_str(), doomed.c_str()) != 0) {
    if (errno == ENOENT) return;
    throw base::system_error(errno, fmt::format("remove snapshot \"{}\"", snapshot.string()));
  }
  remove_directory(doomed);
}

fs::path absolute_setting(const std::map<std::string, std::string>& config, const std::string& key) {
  const auto found = config.find(key);
  if (found == config.end() || found->second.empty()) return {};
  const fs::path path = fs::path(found->second).lexically_normal();
  if (!path.is_absolute()) {
    base::fail(ErrorCode::kInvalidArgument, "config key \"{}\" is \"{}\": not an absolute path", key,
               found->second);
  }
  return path.has_filename() ? path : path.parent_path();
}

}  // namespace

std::unique_ptr<VolumeSnapshotter> make_filesystem_snapshotter(
    const std::map<std::string, std::string>& config, const SnapshotterEnvironment& environment) {
  for (const auto& [key, value] : config) {
    if (key != "root" && key != "volumes") {
      base::fail(ErrorCode::kInvalidArgument,
                 "unknown config key \"{}\" for volume snapshot provider \"filesystem\"\nhint: it takes "
                 "root, volumes",
                 key);
    }
  }
  fs::path root = absolute_setting(config, "root");
  if (root.empty()) {
    base::fail(ErrorCode::kInvalidArgument,
               "config key \"root\" of volume snapshot provider \"filesystem\" is missing: the directory for "
               "snapshots");
  }
  return std::make_unique<FilesystemSnapshotter>(std::move(root), absolute_setting(config, "volumes"),
                                                 environment);
}

}  // namespace salvor::volumes
