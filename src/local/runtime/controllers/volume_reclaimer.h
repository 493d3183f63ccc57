// What becomes of a PersistentVolume: Available, Bound, Released when its claim is gone, and removed with its
// directory when its reclaim policy is Delete. Only directories that this machine provisioned, or that lie
// among those, are ever removed: a path that an administrator wrote into a volume is not ours to delete.
#pragma once

#include "local/runtime/controllers/controller.h"

namespace salvor::local {

class VolumeReclaimer final : public Controller {
 public:
  using Controller::Controller;
  std::string_view name() const override { return "volume-reclaimer"; }
  std::vector<Trigger> triggers() override;
  // key: a volume.
  std::optional<std::chrono::milliseconds> reconcile(const ObjectName& key) override;

 private:
  void reclaim(const Json& volume);
};

}  // namespace salvor::local
