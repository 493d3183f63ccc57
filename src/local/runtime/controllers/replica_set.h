// ReplicaSet: as many pods as spec.replicas says.
#pragma once

#include "local/runtime/controllers/controller.h"

namespace salvor::local {

class ReplicaSetController final : public Controller {
 public:
  using Controller::Controller;
  std::string_view name() const override { return "replicaset"; }
  std::vector<Trigger> triggers() override;
  std::optional<std::chrono::milliseconds> reconcile(const ObjectName& key) override;
};

}  // namespace salvor::local
