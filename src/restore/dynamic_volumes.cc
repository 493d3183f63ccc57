#include "restore/dynamic_volumes.h"

#include "base/duration.h"

namespace salvor::restore {
namespace {

using codec::Json;

constexpr std::chrono::milliseconds kPollInterval{500};

// A claim of a class that provisions for the first consumer stays unbound while no pod uses it.
bool waits_for_consumer(kube::Client& client, const Json& claim, const base::CancelToken& cancel) {
  const auto storage_class = client.get(kube::resources::kStorageClasses,
                                        {"", codec::get_string(claim, {"spec", "storageClassName"})}, cancel);
  if (!storage_class || codec::get_string(*storage_class, {"volumeBindingMode"}) != "WaitForFirstConsumer")
    return false;
  for (const Json& pod : client.list(kube::resources::kPods, kube::namespace_of(claim), {}, cancel)) {
    const Json* const volumes = codec::find(pod, {"spec", "volumes"});
    if (volumes == nullptr || !volumes->is_array()) continue;
    for (const Json& volume : *volumes) {
      if (codec::get_string(volume, {"persistentVolumeClaim", "claimName"}) == kube::name_of(claim))
        return false;
    }
  }
  return true;
}

}  // namespace

DynamicVolumes::DynamicVolumes(kube::Client& client, const std::vector<velero::VolumeInfo>& infos,
                               base::Logger logger)
    : client_(client), logger_(std::move(logger)) {
  for (const auto& info : infos) {
    if (info.pv_info && !info.pvc_name.empty() &&
        (!info.pv_info->reclaim_policy.empty() || !info.pv_info->labels.empty()))
      wanted_.emplace(kube::ObjectName{info.pvc_namespace, info.pvc_name}, *info.pv_info);
  }
}

void DynamicVolumes::add(const kube::ObjectName& backed_up, const kube::ObjectName& created) {
  const auto wanted = wanted_.find(backed_up);
  if (wanted == wanted_.end()) return;
  std::lock_guard lock(mutex_);
  claims_.push_back({created, wanted->second});
}

bool DynamicVolumes::any() const {
  std::lock_guard lock(mutex_);
  return !claims_.empty();
}

bool DynamicVolumes::patch_volume_of(const Claim& claim, const base::CancelToken& cancel) {
  const auto object = client_.get(kube::resources::kPersistentVolumeClaims, claim.name, cancel);
  if (!object) return true;                                                           // deleted meanwhile
  if (codec::get_string(*object, {"spec", "storageClassName"}).empty()) return true;  // nothing provisions
  const std::string volume_name = codec::get_string(*object, {"spec", "volumeName"});
  if (codec::get_string(*object, {"status", "phase"}) != "Bound" || volume_name.empty()) {
    if (!waits_for_consumer(client_, *object, cancel)) return false;
    logger_.info("claim {} gets its volume when a pod uses it: the volume keeps the policy of its class",
                 claim.name.to_string());
    return true;
  }
  const auto volume = client_.get(kube::resources::kPersistentVolumes, {"", volume_name}, cancel);
  if (!volume) return false;
  Json patch = Json::object();
  const std::string& policy = claim.wanted.reclaim_policy;
  if (!policy.empty() && codec::get_string(*volume, {"spec", "persistentVolumeReclaimPolicy"}) != policy)
    patch["spec"]["persistentVolumeReclaimPolicy"] = policy;
  const auto labels = kube::labels_of(*volume);
  for (const auto& [key, value] : claim.wanted.labels) {
    if (!labels.contains(key)) patch["metadata"]["labels"][key] = value;
  }
  if (patch.empty()) return true;
  client_.patch(kube::resources::kPersistentVolumes, {"", volume_name}, kube::PatchType::kMerge, patch, "",
                cancel);
  logger_.info("gave persistent volume {} the reclaim policy and labels of the backed-up one", volume_name);
  return true;
}

std::vector<DynamicVolumes::Failure> DynamicVolumes::finish(std::chrono::nanoseconds timeout,
                                                            const WhyUnbound& why_unbound,
                                                            const base::CancelToken& cancel) {
  std::lock_guard lock(mutex_);
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  std::vector<Failure> failures;
  while (!claims_.empty()) {
    std::vector<Claim> left;
    for (const auto& claim : claims_) {
      try {
        if (!patch_volume_of(claim, cancel)) left.push_back(claim);
      } catch (const base::Error& error) {
        cancel.check();
        failures.push_back({claim.name.name_space,
                            fmt::format("cannot set reclaim policy and labels of the volume of claim {}: {}",
                                        claim.name.name, error.message())});
      }
    }
    claims_ = std::move(left);
    if (claims_.empty() || std::chrono::steady_clock::now() > deadline) break;
    if (!cancel.sleep(kPollInterval)) cancel.check();
  }
  for (const auto& claim : claims_) {
    std::string why = why_unbound(claim.name);
    if (why.empty()) why = "its volume keeps the reclaim policy of its class";
    failures.push_back(
        {claim.name.name_space, fmt::format("claim {} is not bound after {}: {}", claim.name.name,
                                            base::format_duration(timeout), why)});
  }
  claims_.clear();
  return failures;
}

}  // namespace salvor::restore
