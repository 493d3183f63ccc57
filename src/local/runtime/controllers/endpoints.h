// Endpoints and EndpointSlice of Services with a selector: the addresses of their ready pods.
#pragma once

#include "local/runtime/controllers/controller.h"

namespace salvor::local {

class EndpointsController final : public Controller {
 public:
  using Controller::Controller;
  std::string_view name() const override { return "endpoints"; }
  std::vector<Trigger> triggers() override;
  // key: a Service, or ("namespace", "") for all of a namespace.
  std::optional<std::chrono::milliseconds> reconcile(const ObjectName& key) override;

 private:
  void update(const Json& service);
  void write(const kube::GroupVersionResource& kind, const Json& object,
             const std::vector<std::string>& members);
};

}  // namespace salvor::local
