// A whole control plane on one machine: the embedded API server, the controllers, and pods as local
// processes, all under one directory:
//   DIR/api/            the API server's state (database, certificates, token)
//   DIR/kubeconfig      how to reach it (0600)
//   DIR/kubelet/pods/   volumes of pods in kubelet's layout: <uid>/volumes/kubernetes.io~<plugin>/<name>,
//   where a data
//                       mover looks for them; an entry of a PersistentVolume is a symbolic link to its
//                       directory
//   DIR/volumes/        what the default StorageClass `local` provisions: pvc-<uid>; `local-csi` too
//   DIR/snapshots/      VolumeSnapshots of volumes of `local-csi`
//   DIR/logs/pods/      logs of containers
// Needs root for pods. The constructor starts everything or throws base::Error; the destructor stops the pods
// (SIGTERM, at most ten seconds of grace, SIGKILL), which stay in the API and run again after the next start,
// and joins all threads. When the process is killed instead, pods die with it and the next start cleans up.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "kube/kubeconfig.h"

namespace salvor::local {

struct LocalOptions {
  std::filesystem::path directory;
  std::uint16_t port = 0;  // 0: the one of the last run, else a free one
  std::string node_name;   // empty: this machine's host name
  bool run_pods = true;    // false: pods stay Pending (not root, or a server for tests)
  // How long old versions of objects serve watches and pages of lists.
  base::Duration history = std::chrono::minutes(5);
  bool csi_driver = false;  // also run the CSI driver local.salvor.io, with its kinds and classes
};

class LocalControlPlane {
 public:
  LocalControlPlane(LocalOptions options, const base::Clock& clock, base::Random& random,
                    base::Logger logger);
  ~LocalControlPlane();
  LocalControlPlane(const LocalControlPlane&) = delete;
  LocalControlPlane& operator=(const LocalControlPlane&) = delete;

  std::string url() const;
  std::filesystem::path kubeconfig() const;
  // From the kubeconfig: what kube::Client takes.
  kube::Connection connection() const;
  const std::string& node_name() const;
  // DIR/kubelet/pods: what a node agent knows as /host_pods.
  std::filesystem::path pods_directory() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace salvor::local
