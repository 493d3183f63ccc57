#include "local/runtime/csi/csi_provisioner.h"

#include <sys/stat.h>

#include "base/error.h"
#include "local/runtime/controllers/volume_binder.h"
#include "local/runtime/csi/csi_driver.h"
#include "volumes/csi_objects.h"
#include "volumes/filesystem/directory_copy.h"

namespace salvor::local {
namespace {

namespace csi = volumes::csi;
namespace fs = std::filesystem;
namespace resources = kube::resources;
using codec::get_string;

constexpr std::chrono::milliseconds kAskAgain{500};

}  // namespace

std::vector<Controller::Trigger> CsiProvisioner::triggers() {
  return {on_self(resources::kPersistentVolumeClaims)};
}

std::optional<fs::path> CsiProvisioner::source_of(const Json& claim) {
  const Json* source = codec::find(claim, {"spec", "dataSource"});
  if (source == nullptr || !source->is_object()) return std::nullopt;
  if (get_string(*source, {"kind"}) != "VolumeSnapshot")
    base::fail(base::ErrorCode::kUnsupported,
               "claim {} has a source of kind {}: only VolumeSnapshot is known", kube::name_of(claim),
               get_string(*source, {"kind"}));
  const auto snapshot = client().get(
      csi::kSnapshots, {kube::namespace_of(claim), get_string(*source, {"name"})}, context_.cancel);
  if (!snapshot || !csi::state_of(*snapshot).ready) return fs::path();
  const auto content = client().get(csi::kContents, {"", csi::state_of(*snapshot).content}, context_.cancel);
  if (!content || !csi::belongs_to(*content, *snapshot) ||
      get_string(*content, {"spec", "driver"}) != kCsiDriver)
    return fs::path();
  return csi_snapshot_directory(context_, csi::handle_of(*content));
}

void CsiProvisioner::provision(const Json& claim, const Json& storage_class, const fs::path& source) {
  const std::string handle = "pvc-" + kube::uid_of(claim);
  const fs::path directory = csi_volume_directory(context_, handle);
  make_csi_directory(directory, [&](const fs::path& part) {
    if (source.empty()) {
      fs::create_directories(part);
      ::chmod(part.c_str(), 0777);  // any user of a pod may write
    } else {
      volumes::copy_directory(source, part, context_.cancel);
    }
  });
  std::string policy = get_string(storage_class, {"reclaimPolicy"});
  if (policy.empty()) policy = "Delete";
  client().create(
      resources::kPersistentVolumes,
      {{"apiVersion", "v1"},
       {"kind", "PersistentVolume"},
       {"metadata", {{"name", handle}, {"annotations", {{kProvisionedBy, kCsiDriver}}}}},
       {"spec",
        {{"capacity", {{"storage", get_string(claim, {"spec", "resources", "requests", "storage"})}}},
         {"accessModes", claim.at("spec").value("accessModes", Json::array({"ReadWriteOnce"}))},
         {"persistentVolumeReclaimPolicy", policy},
         {"storageClassName", kube::name_of(storage_class)},
         {"volumeMode", "Filesystem"},
         {"csi",
          {{"driver", kCsiDriver},
           {"volumeHandle", handle},
           {"volumeAttributes", {{"path", directory.string()}}}}},
         {"claimRef",
          {{"apiVersion", "v1"},
           {"kind", "PersistentVolumeClaim"},
           {"namespace", kube::namespace_of(claim)},
           {"name", kube::name_of(claim)},
           {"uid", kube::uid_of(claim)}}}}}},
      context_.cancel);
}

std::optional<std::chrono::milliseconds> CsiProvisioner::reconcile(const ObjectName& key) {
  const auto claim = client().get(resources::kPersistentVolumeClaims, key, context_.cancel);
  if (!claim || kube::is_being_deleted(*claim) || !get_string(*claim, {"spec", "volumeName"}).empty())
    return std::nullopt;
  const std::string class_name = get_string(*claim, {"spec", "storageClassName"});
  if (class_name.empty()) return std::nullopt;
  const auto storage_class = client().get(resources::kStorageClasses, {"", class_name}, context_.cancel);
  if (!storage_class || get_string(*storage_class, {"provisioner"}) != kCsiDriver) return std::nullopt;
  if (client().get(resources::kPersistentVolumes, {"", "pvc-" + kube::uid_of(*claim)}, context_.cancel))
    return std::nullopt;
  const auto source = source_of(*claim);
  if (source && source->empty()) return kAskAgain;  // the snapshot is not ready
  provision(*claim, *storage_class, source.value_or(fs::path()));
  return std::nullopt;
}

std::vector<Controller::Trigger> CsiReclaimer::triggers() {
  return {on_self(resources::kPersistentVolumes)};
}

std::optional<std::chrono::milliseconds> CsiReclaimer::reconcile(const ObjectName& key) {
  const auto volume = client().get(resources::kPersistentVolumes, {"", key.name}, context_.cancel);
  if (!volume || csi::driver_of(*volume) != kCsiDriver || phase_of(*volume) != "Released" ||
      get_string(*volume, {"spec", "persistentVolumeReclaimPolicy"}) != "Delete")
    return std::nullopt;
  volumes::remove_directory(
      csi_volume_directory(context_, get_string(*volume, {"spec", "csi", "volumeHandle"})));
  client().remove(resources::kPersistentVolumes, {"", key.name}, "Background", kube::uid_of(*volume),
                  context_.cancel);
  return std::nullopt;
}

}  // namespace salvor::local
