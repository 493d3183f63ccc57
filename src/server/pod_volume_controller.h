// The node agent: PodVolumeBackups and PodVolumeRestores for this node. One of each kind at a time.
#pragma once

#include "server/controller.h"
#include "server/volume_services.h"

namespace salvor::server {

class PodVolumeBackupController final : public Controller {
 public:
  PodVolumeBackupController(const Context& context, const VolumeServices& volumes)
      : Controller("pod-volume-backup", context), volumes_(volumes) {}
  std::vector<Watched> watches() override;
  // What an earlier agent of this node left in the middle becomes Failed.
  void recover(const base::CancelToken& cancel) override;
  Requeue reconcile(const std::string& name, const base::CancelToken& cancel) override;

 private:
  const VolumeServices& volumes_;
};

class PodVolumeRestoreController final : public Controller {
 public:
  PodVolumeRestoreController(const Context& context, const VolumeServices& volumes)
      : Controller("pod-volume-restore", context), volumes_(volumes) {}
  std::vector<Watched> watches() override;
  void recover(const base::CancelToken& cancel) override;
  Requeue reconcile(const std::string& name, const base::CancelToken& cancel) override;

 private:
  // Whether the pod is on this node and its restore-wait container runs, so that its volumes are mounted.
  bool is_ready(const velero::PodVolumeRestore& restore, const base::CancelToken& cancel);

  const VolumeServices& volumes_;
};

}  // namespace salvor::server
