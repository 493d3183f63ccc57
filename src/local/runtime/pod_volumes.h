// The volumes of pods, in kubelet's directories: DIR/<podUID>/volumes/kubernetes.io~<plugin>/<name>. Volumes
// of PersistentVolumes are symbolic links to the volume's own directory, the others are directories here.
// Stateless but for the file system; calls for different pods may run at the same time.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "base/cancel.h"
#include "kube/client.h"

namespace salvor::local {

struct PodVolume {
  std::filesystem::path path;  // absolute, without symbolic links of ours
  bool read_only = false;
};

class PodVolumes {
 public:
  PodVolumes(kube::Client& client, std::filesystem::path pods_directory)
      : client_(client), pods_directory_(std::move(pods_directory)) {}

  // By volume name. Throws base::Error naming the volume when something it needs is not there (yet).
  std::map<std::string, PodVolume> prepare(const codec::Json& pod, const base::CancelToken& cancel = {});
  // Removes what prepare made; the directories of PersistentVolumes and hostPaths stay.
  void remove(const std::string& pod_uid);
  // Uids that have a directory.
  std::vector<std::string> known_pods() const;

  const std::filesystem::path& pods_directory() const { return pods_directory_; }

 private:
  PodVolume prepare_one(const codec::Json& pod, const codec::Json& volume, const base::CancelToken& cancel);
  PodVolume claim_volume(const codec::Json& pod, const std::string& claim, const base::CancelToken& cancel);
  // File name -> content and mode.
  struct File {
    std::string content;
    int mode;
  };
  using Files = std::map<std::string, File>;
  void add_object_files(const kube::GroupVersionResource& kind, const std::string& name_space,
                        const std::string& name, const codec::Json& source, int mode, Files& files,
                        const base::CancelToken& cancel);
  void add_projected(const codec::Json& pod, const codec::Json& source, int mode, Files& files,
                     const base::CancelToken& cancel);
  std::filesystem::path directory(const codec::Json& pod, std::string_view plugin,
                                  const std::string& name) const;

  kube::Client& client_;
  std::filesystem::path pods_directory_;
};

// The value of a fieldRef path such as "metadata.labels['app']". Throws kInvalidArgument.
std::string pod_field(const codec::Json& pod, const std::string& path);

}  // namespace salvor::local
