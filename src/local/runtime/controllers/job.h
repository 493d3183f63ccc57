// Job: pods until enough have succeeded, or too many failed.
#pragma once

#include "local/runtime/controllers/controller.h"

namespace salvor::local {

class JobController final : public Controller {
 public:
  using Controller::Controller;
  std::string_view name() const override { return "job"; }
  std::vector<Trigger> triggers() override;
  std::optional<std::chrono::milliseconds> reconcile(const ObjectName& key) override;

 private:
  std::optional<std::chrono::milliseconds> remove_when_expired(const Json& job);
};

}  // namespace salvor::local
