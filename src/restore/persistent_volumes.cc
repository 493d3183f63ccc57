#include "restore/persistent_volumes.h"

#include "kube/object.h"
#include "restore/actions/json_edit.h"
#include "velero/constants.h"

namespace salvor::restore {
namespace {

using actions::erase_at;

std::string mapped(const std::map<std::string, std::string>& mapping, const std::string& name) {
  const auto entry = mapping.find(name);
  return entry == mapping.end() ? name : entry->second;
}

kube::ObjectName claim_of(const Json& volume) {
  return {codec::get_string(volume, {"spec", "claimRef", "namespace"}),
          codec::get_string(volume, {"spec", "claimRef", "name"})};
}

// The claim of that name in the target binds it again; the old claim's uid would make the volume Released.
void free_claim_reference(Json& volume, const std::map<std::string, std::string>& mapping) {
  for (const char* annotation : {"pv.kubernetes.io/bound-by-controller", "pv.kubernetes.io/bind-completed"}) {
    erase_at(volume, {"metadata", "annotations"}, annotation);
  }
  Json* const reference = actions::find_mutable(volume, {"spec", "claimRef"});
  if (reference == nullptr || !reference->is_object()) return;
  reference->erase("uid");
  reference->erase("resourceVersion");
  (*reference)["namespace"] = mapped(mapping, codec::get_string(*reference, {"namespace"}));
}

}  // namespace

PersistentVolumes::PersistentVolumes(kube::Client& client, PersistentVolumeOptions options,
                                     CreateVolume create_volume, base::Random& random, base::Logger logger)
    : client_(client),
      options_(std::move(options)),
      create_volume_(std::move(create_volume)),
      random_(random),
      logger_(std::move(logger)) {}

bool PersistentVolumes::has_data_elsewhere(const Json& volume) const {
  return options_.claims_with_data.contains(claim_of(volume));
}

bool PersistentVolumes::name_is_taken(const std::string& name, const base::CancelToken& cancel) {
  const auto deadline = std::chrono::steady_clock::now() + options_.terminating_timeout;
  for (;;) {
    const auto existing = client_.get(kube::resources::kPersistentVolumes, {"", name}, cancel);
    if (!existing) return false;
    const bool leaving =
        kube::is_being_deleted(*existing) || codec::get_string(*existing, {"status", "phase"}) == "Released";
    if (!leaving || std::chrono::steady_clock::now() > deadline) return true;
    logger_.info("persistent volume {} is Released or terminating, waiting for it to go", name);
    if (!cancel.sleep(std::chrono::seconds(1))) cancel.check();
  }
}

PersistentVolumes::Decision PersistentVolumes::prepare_volume(Json& volume, const base::CancelToken& cancel) {
  const std::string name = kube::name_of(volume);
  const auto snapshot = options_.snapshots.find(name);
  const bool from_snapshot = snapshot != options_.snapshots.end() && options_.restore_pvs.value_or(true);
  const bool deletes = codec::get_string(volume, {"spec", "persistentVolumeReclaimPolicy"}) == "Delete";
  if (has_data_elsewhere(volume) || (snapshot == options_.snapshots.end() && deletes)) {
    logger_.info("not restoring persistent volume {}: its claim is provisioned dynamically", name);
    std::lock_guard lock(mutex_);
    provisioned_.insert(name);
    return Decision::kProvision;
  }
  const kube::ObjectName claim = claim_of(volume);
  const bool claim_moves = mapped(options_.namespace_mapping, claim.name_space) != claim.name_space;
  if (from_snapshot) {
    {
      std::lock_guard lock(mutex_);
      if (const auto made = made_.find(name); made != made_.end()) {
        volume = made->second;
        return Decision::kRestore;
      }
    }
    const bool taken = name_is_taken(name, cancel);
    if (taken && !claim_moves) {
      logger_.info("persistent volume {} exists and is in use: no new volume is made", name);
      return Decision::kRestore;  // creating it meets the existing one, which is reported as for any object
    }
    volume = create_volume_(snapshot->second, volume);
    if (taken) {
      const std::string clone = "velero-clone-" + random_.uuid();
      volume["metadata"]["name"] = clone;
      volume["metadata"]["annotations"][velero::annotation::kOriginalPvName] = name;
      logger_.info("persistent volume {} exists: its copy is named {}", name, clone);
      std::lock_guard lock(mutex_);
      renamed_[name] = clone;
    }
  }
  free_claim_reference(volume, options_.namespace_mapping);
  if (from_snapshot) {
    std::lock_guard lock(mutex_);
    made_[name] = volume;
  }
  return Decision::kRestore;
}

void PersistentVolumes::prepare_claim(Json& claim, const kube::ObjectName& backed_up_name) {
  const std::string volume = codec::get_string(claim, {"spec", "volumeName"});
  std::lock_guard lock(mutex_);
  if (options_.claims_with_data.contains(backed_up_name) || provisioned_.contains(volume)) {
    erase_at(claim, {"spec"}, "volumeName");
  } else if (const auto clone = renamed_.find(volume); clone != renamed_.end()) {
    claim["spec"]["volumeName"] = clone->second;
  }
}

}  // namespace salvor::restore
