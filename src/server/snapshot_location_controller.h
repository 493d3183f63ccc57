// VolumeSnapshotLocation objects: says in the status whether snapshots can be made there, that is whether the
// provider is known and takes the configuration. Looked at when they change and once in five minutes.
#pragma once

#include "server/controller.h"
#include "server/volume_services.h"

namespace salvor::server {

class SnapshotLocationController final : public Controller {
 public:
  SnapshotLocationController(const Context& context, const VolumeServices& volumes)
      : Controller("volume-snapshot-location", context), volumes_(volumes) {}
  std::vector<Watched> watches() override;
  Requeue reconcile(const std::string& name, const base::CancelToken& cancel) override;

 private:
  const VolumeServices& volumes_;
};

}  // namespace salvor::server
