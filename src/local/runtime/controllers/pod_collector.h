// Removes pods that nothing else would: bound to a node that does not exist (restored from another cluster).
#pragma once

#include "local/runtime/controllers/controller.h"

namespace salvor::local {

class PodCollector final : public Controller {
 public:
  using Controller::Controller;
  std::string_view name() const override { return "pod-collector"; }
  std::vector<Trigger> triggers() override;
  std::optional<std::chrono::milliseconds> reconcile(const ObjectName& key) override;
};

}  // namespace salvor::local
