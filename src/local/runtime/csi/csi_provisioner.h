// Volumes of the driver local.salvor.io: a directory for each claim of its classes, filled from the snapshot
// that the claim names as its dataSource, and removed with a volume whose policy is Delete. Binding is the
// volume binder's.
#pragma once

#include "local/runtime/controllers/controller.h"

namespace salvor::local {

class CsiProvisioner final : public Controller {
 public:
  using Controller::Controller;
  std::string_view name() const override { return "csi-provisioner"; }
  std::vector<Trigger> triggers() override;
  // key: a claim.
  std::optional<std::chrono::milliseconds> reconcile(const ObjectName& key) override;

 private:
  // The snapshot's directory; empty while it is not ready; nullopt when the claim names none.
  std::optional<std::filesystem::path> source_of(const Json& claim);
  void provision(const Json& claim, const Json& storage_class, const std::filesystem::path& source);
};

class CsiReclaimer final : public Controller {
 public:
  using Controller::Controller;
  std::string_view name() const override { return "csi-reclaimer"; }
  std::vector<Trigger> triggers() override;
  // key: a volume.
  std::optional<std::chrono::milliseconds> reconcile(const ObjectName& key) override;
};

}  // namespace salvor::local
