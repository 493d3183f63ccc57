// DaemonSet: one pod on this machine's node.
#pragma once

#include "local/runtime/controllers/controller.h"

namespace salvor::local {

class DaemonSetController final : public Controller {
 public:
  using Controller::Controller;
  std::string_view name() const override { return "daemonset"; }
  std::vector<Trigger> triggers() override;
  std::optional<std::chrono::milliseconds> reconcile(const ObjectName& key) override;
};

}  // namespace salvor::local
