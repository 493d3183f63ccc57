// What pods see when they mount /var/lib/kubelet or a directory below it: the pods' volumes at kubelet's
// paths as mounts, those of PersistentVolumes too, and an empty plugins directory. The mounts are in a mount
// namespace that all pods' namespaces are made from and that belongs to this object: the machine never sees
// them, and they go away with the control plane, in whatever way it ends. A volume that is shown later
// appears in containers whose mount of the directory propagates.
//
// Needs root. Thread-safe. Failures are base::Errors.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "base/file.h"

namespace salvor::local {

// A mount namespace with the directory that is "/" in it.
struct MountNamespace {
  base::Fd mounts, root;
  // Moves the calling process there, which must have one thread (or a thread that shares nothing of its file
  // system view). Async-signal-safe. False with errno set when it cannot.
  bool enter() const;
};

class KubeletView {
 public:
  // In a directory of this object's own. `kubelet` is the directory that this control plane really uses as
  // kubelet's; pods see it as they see /var/lib/kubelet.
  KubeletView(std::filesystem::path directory, std::filesystem::path kubelet);
  KubeletView(const KubeletView&) = delete;
  KubeletView& operator=(const KubeletView&) = delete;

  const MountNamespace& mount_namespace() const { return namespace_; }
  // Where the host path of a pod is: paths of a kubelet's directory are here, others are themselves.
  std::filesystem::path resolve(const std::filesystem::path& host_path) const;

  // Makes `source` appear as pods/UID/volumes/PLUGIN/NAME. Again: nothing happens.
  void show(const std::string& pod_uid, const std::filesystem::path& plugin_and_name,
            const std::filesystem::path& source);
  // Takes all volumes of the pod out.
  void hide(const std::string& pod_uid);

 private:
  // Runs in the namespace; throws what `work` throws.
  void inside(const std::function<void()>& work) const;

  const std::filesystem::path directory_, kubelet_;
  MountNamespace namespace_;
  std::mutex mutex_;
  std::map<std::string, std::set<std::filesystem::path>> shown_;  // mount points by pod; guarded by mutex_
};

}  // namespace salvor::local
