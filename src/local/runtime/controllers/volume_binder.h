// Binds PersistentVolumeClaims to PersistentVolumes: by volumeName, by a volume's claimRef, by class,
// capacity, access modes and selector; provisions directories for classes of the provisioner
// salvor.io/local-directory; protects claims that pods use.
#pragma once

#include "local/runtime/controllers/controller.h"

namespace salvor::local {

inline constexpr const char* kLocalProvisioner = "salvor.io/local-directory";
inline constexpr const char* kProvisionedBy = "pv.kubernetes.io/provisioned-by";

// A quantity such as "10Gi" or "1.5G" in bytes; 0 if malformed.
double quantity_bytes(const std::string& text);

class VolumeBinder final : public Controller {
 public:
  using Controller::Controller;
  std::string_view name() const override { return "volume-binder"; }
  std::vector<Trigger> triggers() override;
  // key: a claim.
  std::optional<std::chrono::milliseconds> reconcile(const ObjectName& key) override;

 private:
  void protect(const Json& claim);
  void release_protection(const Json& claim);
  bool claim_in_use(const Json& claim, bool only_scheduled_or_pending);
  std::optional<Json> find_volume(const Json& claim);
  std::optional<std::string> class_of(const Json& claim);
  void bind(const Json& claim, const Json& volume);
  std::optional<std::chrono::milliseconds> provision(const Json& claim, const std::string& class_name);
  void set_claim_phase(const Json& claim, const std::string& phase, const Json* volume);
};

}  // namespace salvor::local
