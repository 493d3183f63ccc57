#include "volumes/volume_path.h"

#include "base/error.h"
#include "kube/object.h"

namespace salvor::volumes {

namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;

std::string describe(const PodVolume& volume) {
  return fmt::format("volume \"{}\" of pod \"{}/{}\"", volume.volume, kube::namespace_of(volume.pod),
                     kube::name_of(volume.pod));
}

const Json* find_volume(const Json& pod, const std::string& name) {
  const Json* volumes = codec::find(pod, {"spec", "volumes"});
  if (volumes == nullptr || !volumes->is_array()) return nullptr;
  for (const Json& volume : *volumes) {
    if (codec::get_string(volume, {"name"}) == name) return &volume;
  }
  return nullptr;
}

void refuse_block_mode(const PodVolume& volume) {
  if (volume.persistent_volume &&
      codec::get_string(*volume.persistent_volume, {"spec", "volumeMode"}) == "Block") {
    base::fail(ErrorCode::kUnsupported, "{} is in block mode: only file systems can be backed up by files",
               describe(volume));
  }
}

class KubeletVolumePaths final : public VolumePathResolver {
 public:
  explicit KubeletVolumePaths(fs::path host_pods) : host_pods_(std::move(host_pods)) {}

  fs::path resolve(const PodVolume& volume) const override {
    refuse_block_mode(volume);
    const std::string uid = kube::uid_of(volume.pod);
    const std::string directory = directory_name(volume);
    for (const std::string& part : {uid, directory}) {
      if (part.empty() || part == "." || part == ".." || part.find('/') != std::string::npos) {
        base::fail(ErrorCode::kInvalidArgument, "{}: \"{}\" cannot be a directory's name", describe(volume),
                   part);
      }
    }
    const fs::path plugins = host_pods_ / uid / "volumes";
    std::vector<fs::path> found;
    std::error_code error;
    for (const auto& plugin : fs::directory_iterator(plugins, error)) {
      fs::path candidate = plugin.path() / directory;
      if (is_csi(volume)) candidate /= "mount";
      std::error_code ignored;
      if (fs::is_directory(candidate, ignored)) found.push_back(std::move(candidate));
    }
    if (error && error.value() != ENOENT && error.value() != ENOTDIR) {
      throw base::system_error(error.value(), fmt::format("list \"{}\"", plugins.string()));
    }
    if (found.size() != 1) {
      base::fail(found.empty() ? ErrorCode::kNotFound : ErrorCode::kConflict,
                 "cannot find {} on this node: expected one matching path, got {}: {}/*/{}{}",
                 describe(volume), found.size(), plugins.string(), directory, is_csi(volume) ? "/mount" : "");
    }
    return found.front();
  }

 private:
  static std::string directory_name(const PodVolume& volume) {
    return volume.persistent_volume ? kube::name_of(*volume.persistent_volume) : volume.volume;
  }
  static bool is_csi(const PodVolume& volume) {
    if (volume.persistent_volume) return codec::find(*volume.persistent_volume, {"spec", "csi"}) != nullptr;
    const Json* inline_volume = find_volume(volume.pod, volume.volume);
    return inline_volume != nullptr && inline_volume->contains("csi");
  }

  const fs::path host_pods_;
};

class PersistentVolumePaths final : public VolumePathResolver {
 public:
  fs::path resolve(const PodVolume& volume) const override {
    refuse_block_mode(volume);
    std::string path;
    if (volume.persistent_volume) {
      path = codec::get_string(*volume.persistent_volume, {"spec", "local", "path"});
      if (path.empty()) path = codec::get_string(*volume.persistent_volume, {"spec", "hostPath", "path"});
    }
    if (path.empty()) {
      base::fail(ErrorCode::kNotFound,
                 "cannot find {} on this node: it has no local or hostPath PersistentVolume",
                 describe(volume));
    }
    if (!fs::path(path).is_absolute() || !fs::is_directory(path)) {
      base::fail(ErrorCode::kNotFound, "cannot find {} on this node: \"{}\" is not a directory",
                 describe(volume), path);
    }
    return path;
  }
};

class FirstVolumePath final : public VolumePathResolver {
 public:
  explicit FirstVolumePath(std::vector<std::unique_ptr<VolumePathResolver>> resolvers)
      : resolvers_(std::move(resolvers)) {}

  fs::path resolve(const PodVolume& volume) const override {
    std::optional<Error> first;
    for (const auto& resolver : resolvers_) {
      try {
        return resolver->resolve(volume);
      } catch (const Error& error) {
        if (error.code() != ErrorCode::kNotFound) throw;
        if (!first) first = error;
      }
    }
    if (!first) base::fail(ErrorCode::kNotFound, "cannot find {} on this node", describe(volume));
    throw *first;
  }

 private:
  const std::vector<std::unique_ptr<VolumePathResolver>> resolvers_;
};

}  // namespace

PodVolume look_up_pod_volume(kube::Client& client, const Json& pod, const std::string& volume,
                             const base::CancelToken& cancel) {
  PodVolume found{pod, volume, std::nullopt};
  const Json* entry = find_volume(pod, volume);
  if (entry == nullptr) base::fail(ErrorCode::kNotFound, "{} is not in the pod's spec", describe(found));
  std::string claim_name = codec::get_string(*entry, {"persistentVolumeClaim", "claimName"});
  if (entry->contains("ephemeral")) claim_name = kube::name_of(pod) + "-" + volume;
  if (claim_name.empty()) return found;
  const Json claim =
      client.require(kube::resources::kPersistentVolumeClaims, {kube::namespace_of(pod), claim_name}, cancel);
  const std::string volume_name = codec::get_string(claim, {"spec", "volumeName"});
  if (volume_name.empty()) {
    base::fail(ErrorCode::kConflict, "{}: claim \"{}\" is not bound", describe(found), claim_name);
  }
  found.persistent_volume = client.require(kube::resources::kPersistentVolumes, {"", volume_name}, cancel);
  return found;
}

std::unique_ptr<VolumePathResolver> kubelet_volume_paths(fs::path host_pods) {
  return std::make_unique<KubeletVolumePaths>(std::move(host_pods));
}

std::unique_ptr<VolumePathResolver> persistent_volume_paths() {
  return std::make_unique<PersistentVolumePaths>();
}

std::unique_ptr<VolumePathResolver> first_volume_path(
    std::vector<std::unique_ptr<VolumePathResolver>> resolvers) {
  return std::make_unique<FirstVolumePath>(std::move(resolvers));
}

std::unique_ptr<VolumePathResolver> node_volume_paths(fs::path host_pods) {
  if (host_pods.empty()) host_pods = fs::is_directory("/host_pods") ? "/host_pods" : "/var/lib/kubelet/pods";
  std::vector<std::unique_ptr<VolumePathResolver>> resolvers;
  resolvers.push_back(kubelet_volume_paths(std::move(host_pods)));
  resolvers.push_back(persistent_volume_paths());
  return first_volume_path(std::move(resolvers));
}

}  // namespace salvor::volumes
