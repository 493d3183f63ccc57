// Deployment: a ReplicaSet per version of the pod template; the newest grows as the others shrink
// (RollingUpdate: one more, none less than available before), or after they are gone (Recreate).
#pragma once

#include "local/runtime/controllers/controller.h"

namespace salvor::local {

class DeploymentController final : public Controller {
 public:
  using Controller::Controller;
  std::string_view name() const override { return "deployment"; }
  std::vector<Trigger> triggers() override;
  std::optional<std::chrono::milliseconds> reconcile(const ObjectName& key) override;

 private:
  Json make_replica_set(const Json& deployment, int revision, int replicas);
  void scale(Json& set, int replicas);
  void write_deployment_status(const Json& deployment, const Json& newest, const std::vector<Json>& sets);
};

}  // namespace salvor::local
