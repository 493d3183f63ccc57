// Binds pods to this machine's node once their claims exist, and says in the pod's condition why it cannot.
#pragma once

#include "local/runtime/controllers/controller.h"

namespace salvor::local {

class Scheduler final : public Controller {
 public:
  using Controller::Controller;
  std::string_view name() const override { return "scheduler"; }
  std::vector<Trigger> triggers() override;
  std::optional<std::chrono::milliseconds> reconcile(const ObjectName& key) override;

 private:
  // Why the pod cannot run now; "" if it can.
  std::string obstacle(const Json& pod);
};

}  // namespace salvor::local
