// StatefulSet: pods NAME-0, NAME-1, ... in order, each with PersistentVolumeClaims of its own.
#pragma once

#include <map>

#include "local/runtime/controllers/controller.h"

namespace salvor::local {

class StatefulSetController final : public Controller {
 public:
  using Controller::Controller;
  std::string_view name() const override { return "statefulset"; }
  std::vector<Trigger> triggers() override;
  std::optional<std::chrono::milliseconds> reconcile(const ObjectName& key) override;

 private:
  void create_pod(const Json& set, int ordinal, const std::string& revision);
  void ensure_claim(const Json& set, const Json& claim_template, const std::string& name);
  // One step towards the wanted pods; the next follows when something changes.
  void step(const Json& set, std::map<int, Json>& pods, int wanted, const std::string& revision);
};

}  // namespace salvor::local
