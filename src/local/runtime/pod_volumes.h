// The volumes of pods, in kubelet's directories: DIR/<podUID>/volumes/kubernetes.io~<plugin>/<name>. Volumes
// of PersistentVolumes are symbolic links to the volume's own directory, the others are directories here.
// Pods that mount kubelet's directory see mounts instead (kubelet_view.h). Stateless but for the file system;
// calls for different pods may run at the same time.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "base/cancel.h"
#include "kube/client.h"
#include "local/runtime/kubelet_view.h"

namespace salvor::local {

struct PodVolume {
  std::filesystem::path path;  // absolute, without symbolic links of ours
  bool read_only = false;
  std::filesystem::path kubelet_name;  // "kubernetes.io~PLUGIN/NAME"; empty: not in kubelet's directory
};

class PodVolumes {
 public:
  PodVolumes(kube::Client& client, std::filesystem::path pods_directory, KubeletView& view)
      : client_(client), pods_directory_(std::move(pods_directory)), view_(view) {}

  // By volume name. Throws base::Error naming the volume when something it needs is not there (yet).
  std::map<std::string, PodVolume> prepare(const codec::Json& pod, const base::CancelToken& cancel = {});
  // Writes new tokens into the volumes that prepare made, in place. Returns when they are due again; nullopt:
  // the pod has none.
  std::optional<std::chrono::seconds> renew_tokens(const codec::Json& pod,
                                                   const base::CancelToken& cancel = {});
  // Brings volumes of ConfigMaps, Secrets and fields to what the API says now, in place. Those with tokens
  // are renew_tokens' work.
  void refresh(const codec::Json& pod, const base::CancelToken& cancel = {});
  // How long the tokens of a pod are good before they are to be renewed; nullopt: it has none.
  static std::optional<std::chrono::seconds> token_life(const codec::Json& pod);
  // Removes what prepare made; the directories of PersistentVolumes and hostPaths stay.
  void remove(const std::string& pod_uid);
  // Uids that have a directory.
  std::vector<std::string> known_pods() const;

  const std::filesystem::path& pods_directory() const { return pods_directory_; }

 private:
  PodVolume prepare_one(const codec::Json& pod, const codec::Json& volume, const base::CancelToken& cancel);
  PodVolume claim_volume(const codec::Json& pod, const std::string& claim, const base::CancelToken& cancel);
  struct File {
    std::string content;
    int mode;
    std::optional<uid_t> owner = std::nullopt;
  };
  // By name, a relative path.
  using Files = std::map<std::string, File>;
  void add_object_files(const kube::GroupVersionResource& kind, const std::string& name_space,
                        const std::string& name, const codec::Json& source, int mode, Files& files,
                        const base::CancelToken& cancel);
  void add_projected(const codec::Json& pod, const codec::Json& source, int mode, Files& files,
                     const base::CancelToken& cancel);
  void add_token(const codec::Json& pod, const codec::Json& source, int mode, Files& files,
                 const base::CancelToken& cancel);
  static bool is_of(const Files& files, const std::string& entry);
  static bool is_current(const std::filesystem::path& directory, const Files& files);
  static void write_versioned(const std::filesystem::path& directory, const Files& files);
  // "configmap", ...; empty: not a volume whose files are written here.
  static std::string file_plugin(const codec::Json& volume);
  Files files_of(const codec::Json& pod, const codec::Json& volume, const base::CancelToken& cancel);
  PodVolume file_volume(const codec::Json& pod, const codec::Json& volume, const base::CancelToken& cancel);
  void give_to_group_of(const codec::Json& pod, const PodVolume& volume);
  std::filesystem::path directory(const codec::Json& pod, std::string_view plugin,
                                  const std::string& name) const;

  kube::Client& client_;
  std::filesystem::path pods_directory_;
  KubeletView& view_;
};

// The value of a fieldRef path such as "metadata.labels['app']". Throws kInvalidArgument.
std::string pod_field(const codec::Json& pod, const std::string& path);

}  // namespace salvor::local
