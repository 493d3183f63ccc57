#include "local/runtime/controllers/volume_reclaimer.h"

#include <system_error>

#include "base/error.h"
#include "local/runtime/controllers/volume_binder.h"

namespace salvor::local {
namespace {

namespace fs = std::filesystem;
namespace resources = kube::resources;
using codec::get_string;

}  // namespace

std::vector<Controller::Trigger> VolumeReclaimer::triggers() {
  const auto of_claim = [](const Json& claim) -> Keys {
    const std::string volume = get_string(claim, {"spec", "volumeName"});
    return volume.empty() ? Keys{} : Keys{{"", volume}};
  };
  return {on_self(resources::kPersistentVolumes), {resources::kPersistentVolumeClaims, of_claim}};
}

void VolumeReclaimer::reclaim(const Json& volume) {
  if (codec::find(volume, {"spec", "csi"}) != nullptr) return;  // the driver's
  const std::string name = kube::name_of(volume);
  const std::string text = get_string(volume, {"spec", "local", "path"});
  const fs::path path = fs::path(text).lexically_normal();
  const bool provisioned = kube::annotations_of(volume)[kProvisionedBy] == kLocalProvisioner;
  const std::string ours = context_.volumes.lexically_normal().string() + "/";
  const bool among_ours = path.string().starts_with(ours) && path.string().size() > ours.size();
  if (text.empty() || !path.is_absolute() || path == "/" || !(provisioned || among_ours)) {
    write_status(
        context_, resources::kPersistentVolumes, volume,
        {{"phase", "Failed"},
         {"message", "the volume's directory was not provisioned by salvor.io/local-directory and is kept"}});
    return;
  }
  // Another volume of the same directory still needs it.
  for (const auto& other : client().list(resources::kPersistentVolumes, "", {}, context_.cancel)) {
    if (kube::name_of(other) != name && get_string(other, {"spec", "local", "path"}) == text) {
      client().remove(resources::kPersistentVolumes, {"", name}, "Background", kube::uid_of(volume),
                      context_.cancel);
      return;
    }
  }
  std::error_code error;
  fs::remove_all(path, error);
  if (error) {
    write_status(
        context_, resources::kPersistentVolumes, volume,
        {{"phase", "Failed"}, {"message", fmt::format("cannot remove \"{}\": {}", text, error.message())}});
    base::fail(base::ErrorCode::kInternal, "cannot remove \"{}\": {}", text, error.message());
  }
  client().remove(resources::kPersistentVolumes, {"", name}, "Background", kube::uid_of(volume),
                  context_.cancel);
}

std::optional<std::chrono::milliseconds> VolumeReclaimer::reconcile(const ObjectName& key) {
  const auto volume = client().get(resources::kPersistentVolumes, {"", key.name}, context_.cancel);
  if (!volume || kube::is_being_deleted(*volume)) return std::nullopt;
  const std::string claim = get_string(*volume, {"spec", "claimRef", "name"});
  if (claim.empty()) {
    if (phase_of(*volume) != "Available") {
      write_status(context_, resources::kPersistentVolumes, *volume, {{"phase", "Available"}});
    }
    return std::nullopt;
  }
  const std::string uid = get_string(*volume, {"spec", "claimRef", "uid"});
  if (uid.empty()) {  // reserved for a claim that is still to come, as after a restore
    if (phase_of(*volume).empty() || phase_of(*volume) == "Pending") {
      write_status(context_, resources::kPersistentVolumes, *volume, {{"phase", "Available"}});
    }
    return std::nullopt;
  }
  const auto bound =
      client().get(resources::kPersistentVolumeClaims,
                   {get_string(*volume, {"spec", "claimRef", "namespace"}), claim}, context_.cancel);
  if (bound && kube::uid_of(*bound) == uid) return std::nullopt;
  if (phase_of(*volume) != "Released" && phase_of(*volume) != "Failed") {
    write_status(context_, resources::kPersistentVolumes, *volume, {{"phase", "Released"}});
  }
  if (get_string(*volume, {"spec", "persistentVolumeReclaimPolicy"}) == "Delete" &&
      phase_of(*volume) != "Failed") {
    reclaim(*volume);
  }
  return std::nullopt;
}

}  // namespace salvor::local
