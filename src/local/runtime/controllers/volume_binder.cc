#include "local/runtime/controllers/volume_binder.h"

#include <sys/stat.h>

#include "base/error.h"

namespace salvor::local {
namespace {

namespace fs = std::filesystem;
namespace resources = kube::resources;
using codec::find;
using codec::get_string;
using std::chrono::milliseconds;

constexpr const char* kClaimProtection = "kubernetes.io/pvc-protection";
constexpr const char* kBindCompleted = "pv.kubernetes.io/bind-completed";
constexpr const char* kBoundByController = "pv.kubernetes.io/bound-by-controller";
constexpr const char* kDefaultClass = "storageclass.kubernetes.io/is-default-class";

bool has_finalizer(const Json& object, std::string_view finalizer) {
  const Json* list = find(object, {"metadata", "finalizers"});
  if (list == nullptr || !list->is_array()) return false;
  return std::any_of(list->begin(), list->end(), [&](const Json& entry) { return entry == finalizer; });
}

std::string mode_of(const Json& object) {
  const std::string mode = get_string(object, {"spec", "volumeMode"});
  return mode.empty() ? "Filesystem" : mode;
}

// The volume has everything that the claim asks for.
bool satisfies(const Json& volume, const Json& claim, const std::string& class_name) {
  if (get_string(volume, {"spec", "storageClassName"}) != class_name) return false;
  if (mode_of(volume) != mode_of(claim)) return false;
  if (quantity_bytes(get_string(volume, {"spec", "capacity", "storage"})) <
      quantity_bytes(get_string(claim, {"spec", "resources", "requests", "storage"}))) {
    return false;
  }
  const Json offered = volume.at("spec").value("accessModes", Json::array());
  for (const auto& mode : claim.at("spec").value("accessModes", Json::array())) {
    if (std::find(offered.begin(), offered.end(), mode) == offered.end()) return false;
  }
  const Json* selector = find(claim, {"spec", "selector"});
  return selector == nullptr || !selector->is_object() ||
         kube::LabelSelector::from_json(*selector).matches(kube::labels_of(volume));
}

bool refers_to(const Json& volume, const Json& claim) {
  const std::string uid = get_string(volume, {"spec", "claimRef", "uid"});
  return get_string(volume, {"spec", "claimRef", "name"}) == kube::name_of(claim) &&
         get_string(volume, {"spec", "claimRef", "namespace"}) == kube::namespace_of(claim) &&
         (uid.empty() || uid == kube::uid_of(claim));
}

bool is_default_class(const Json& storage_class) {
  return kube::annotations_of(storage_class)[kDefaultClass] == "true";
}

}  // namespace

double quantity_bytes(const std::string& text) {
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  const std::string suffix = end;
  static const std::map<std::string, double> factors{{"", 1},
                                                     {"m", 1e-3},
                                                     {"k", 1e3},
                                                     {"M", 1e6},
                                                     {"G", 1e9},
                                                     {"T", 1e12},
                                                     {"P", 1e15},
                                                     {"Ki", 1024},
                                                     {"Mi", 1 << 20},
                                                     {"Gi", 1 << 30},
                                                     {"Ti", 1099511627776.0},
                                                     {"Pi", 1125899906842624.0}};
  const auto factor = factors.find(suffix);
  return factor == factors.end() ? 0 : number * factor->second;
}

std::vector<Controller::Trigger> VolumeBinder::triggers() {
  const auto of_volume = [](const Json& volume) -> Keys {
    const std::string name = get_string(volume, {"spec", "claimRef", "name"});
    if (name.empty()) return {{"", ""}};  // a free volume: all claims
    return {{get_string(volume, {"spec", "claimRef", "namespace"}), name}};
  };
  const auto of_pod = [](const Json& pod) -> Keys {
    Keys keys;
    const Json spec = pod.value("spec", Json::object());
    for (const auto& volume : spec.value("volumes", Json::array())) {
      const std::string claim = get_string(volume, {"persistentVolumeClaim", "claimName"});
      if (!claim.empty()) keys.push_back({kube::namespace_of(pod), claim});
    }
    return keys;
  };
  const auto all = [](const Json&) -> Keys { return {{"", ""}}; };
  return {on_self(resources::kPersistentVolumeClaims),
          {resources::kPersistentVolumes, of_volume},
          {resources::kPods, of_pod},
          {resources::kStorageClasses, all}};
}

bool VolumeBinder::claim_in_use(const Json& claim, bool waits_for_it) {
  for (const auto& pod : client().list(resources::kPods, kube::namespace_of(claim), {}, context_.cancel)) {
    if (pod_over(pod) || (waits_for_it && kube::is_being_deleted(pod))) continue;
    // A pod that was never bound to a node cannot hold a claim.
    if (!waits_for_it && get_string(pod, {"spec", "nodeName"}).empty()) continue;
    for (const auto& volume : pod.at("spec").value("volumes", Json::array())) {
      if (get_string(volume, {"persistentVolumeClaim", "claimName"}) == kube::name_of(claim)) return true;
    }
  }
  return false;
}

void VolumeBinder::protect(const Json& claim) {
  if (has_finalizer(claim, kClaimProtection)) return;
  Json finalizers = claim["metadata"].value("finalizers", Json::array());
  finalizers.push_back(kClaimProtection);
  client().patch(
      resources::kPersistentVolumeClaims, {kube::namespace_of(claim), kube::name_of(claim)},
      kube::PatchType::kMerge,
      {{"metadata", {{"resourceVersion", kube::resource_version_of(claim)}, {"finalizers", finalizers}}}}, "",
      context_.cancel);
}

void VolumeBinder::release_protection(const Json& claim) {
  if (!has_finalizer(claim, kClaimProtection) || claim_in_use(claim, false)) return;
  Json finalizers = Json::array();
  for (const auto& finalizer : claim["metadata"]["finalizers"]) {
    if (finalizer != kClaimProtection) finalizers.push_back(finalizer);
  }
  try {
    client().patch(
        resources::kPersistentVolumeClaims, {kube::namespace_of(claim), kube::name_of(claim)},
        kube::PatchType::kMerge,
        {{"metadata", {{"resourceVersion", kube::resource_version_of(claim)}, {"finalizers", finalizers}}}},
        "", context_.cancel);
  } catch (const base::Error& error) {
    if (error.code() != base::ErrorCode::kNotFound) throw;
  }
}

// nullopt: no class is named and there is no default.
std::optional<std::string> VolumeBinder::class_of(const Json& claim) {
  const Json* name = find(claim, {"spec", "storageClassName"});
  if (name != nullptr && name->is_string()) return name->get<std::string>();
  for (const auto& candidate : client().list(resources::kStorageClasses, "", {}, context_.cancel)) {
    if (is_default_class(candidate)) return kube::name_of(candidate);
  }
  return std::nullopt;
}

std::optional<Json> VolumeBinder::find_volume(const Json& claim) {
  if (const std::string name = get_string(claim, {"spec", "volumeName"}); !name.empty()) {
    auto volume = client().get(resources::kPersistentVolumes, {"", name}, context_.cancel);
    if (!volume) return std::nullopt;
    const bool free = !volume->at("spec").contains("claimRef") || volume->at("spec")["claimRef"].is_null();
    return free || refers_to(*volume, claim) ? volume : std::nullopt;
  }
  const std::string class_name = class_of(claim).value_or("");
  std::optional<Json> best;
  for (auto& volume : client().list(resources::kPersistentVolumes, "", {}, context_.cancel)) {
    if (kube::is_being_deleted(volume)) continue;
    const Json* reference = find(volume, {"spec", "claimRef"});
    if (reference != nullptr && reference->is_object()) {
      if (refers_to(volume, claim)) return volume;
      continue;
    }
    if (phase_of(volume) == "Released" || phase_of(volume) == "Failed" ||
        !satisfies(volume, claim, class_name))
      continue;
    const auto size = [](const Json& v) {
      return quantity_bytes(get_string(v, {"spec", "capacity", "storage"}));
    };
    if (!best || size(volume) < size(*best)) best = std::move(volume);
  }
  return best;
}

void VolumeBinder::bind(const Json& claim, const Json& volume) {
  const ObjectName claim_name{kube::namespace_of(claim), kube::name_of(claim)};
  if (get_string(volume, {"spec", "claimRef", "uid"}) != kube::uid_of(claim)) {
    Json patch{{"metadata", {{"resourceVersion", kube::resource_version_of(volume)}}},
               {"spec",
                {{"claimRef",
                  {{"apiVersion", "v1"},
                   {"kind", "PersistentVolumeClaim"},
                   {"namespace", claim_name.name_space},
                   {"name", claim_name.name},
                   {"uid", kube::uid_of(claim)},
                   {"resourceVersion", kube::resource_version_of(claim)}}}}}};
    if (!volume["spec"].contains("claimRef"))
      patch["metadata"]["annotations"] = {{kBoundByController, "yes"}};
    client().patch(resources::kPersistentVolumes, {"", kube::name_of(volume)}, kube::PatchType::kMerge, patch,
                   "", context_.cancel);
  }
  const bool named = !get_string(claim, {"spec", "volumeName"}).empty();
  if (!named || kube::annotations_of(claim)[kBindCompleted].empty()) {
    Json annotations{{kBindCompleted, "yes"}};
    if (!named) annotations[kBoundByController] = "yes";
    client().patch(
        resources::kPersistentVolumeClaims, claim_name, kube::PatchType::kMerge,
        {{"metadata", {{"annotations", annotations}}}, {"spec", {{"volumeName", kube::name_of(volume)}}}}, "",
        context_.cancel);
  }
  set_claim_phase(claim, "Bound", &volume);
  write_status(context_, resources::kPersistentVolumes, volume, {{"phase", "Bound"}});
}

void VolumeBinder::set_claim_phase(const Json& claim, const std::string& phase, const Json* volume) {
  Json status{{"phase", phase}};
  if (volume != nullptr) {
    status["accessModes"] = volume->at("spec").value("accessModes", Json::array());
    status["capacity"] = volume->at("spec").value("capacity", Json::object());
  }
  write_status(context_, resources::kPersistentVolumeClaims, claim, status);
}

std::optional<milliseconds> VolumeBinder::provision(const Json& claim, const std::string& class_name) {
  const auto storage_class = client().get(resources::kStorageClasses, {"", class_name}, context_.cancel);
  if (!storage_class || get_string(*storage_class, {"provisioner"}) != kLocalProvisioner) return std::nullopt;
  const bool waits = get_string(*storage_class, {"volumeBindingMode"}) == "WaitForFirstConsumer";
  if (waits && !claim_in_use(claim, true)) return std::nullopt;
  const std::string name = "pvc-" + kube::uid_of(claim);
  if (client().get(resources::kPersistentVolumes, {"", name}, context_.cancel)) return std::nullopt;
  const fs::path directory = context_.volumes / name;
  fs::create_directories(directory);
  ::chmod(directory.c_str(), 0777);  // as the usual provisioners of directories: any user of a pod may write
  std::string policy = get_string(*storage_class, {"reclaimPolicy"});
  if (policy.empty()) policy = "Delete";
  const Json affinity{
      {"required",
       {{"nodeSelectorTerms",
         Json::array(
             {{{"matchExpressions", Json::array({{{"key", "kubernetes.io/hostname"},
                                                  {"operator", "In"},
                                                  {"values", Json::array({context_.node_name})}}})}}})}}}};
  const Json volume{
      {"apiVersion", "v1"},
      {"kind", "PersistentVolume"},
      {"metadata", {{"name", name}, {"annotations", {{kProvisionedBy, kLocalProvisioner}}}}},
      {"spec",
       {{"capacity", {{"storage", get_string(claim, {"spec", "resources", "requests", "storage"})}}},
        {"accessModes", claim.at("spec").value("accessModes", Json::array({"ReadWriteOnce"}))},
        {"persistentVolumeReclaimPolicy", policy},
        {"storageClassName", class_name},
        {"volumeMode", "Filesystem"},
        {"local", {{"path", directory.string()}}},
        {"nodeAffinity", affinity},
        {"claimRef",
         {{"apiVersion", "v1"},
          {"kind", "PersistentVolumeClaim"},
          {"namespace", kube::namespace_of(claim)},
          {"name", kube::name_of(claim)},
          {"uid", kube::uid_of(claim)}}}}}};
  bind(claim, client().create(resources::kPersistentVolumes, volume, context_.cancel));
  return std::nullopt;
}

std::optional<milliseconds> VolumeBinder::reconcile(const ObjectName& key) {
  if (key.name.empty()) {  // something changed that any waiting claim may have waited for
    for (const auto& claim : client().list(resources::kPersistentVolumeClaims, "", {}, context_.cancel)) {
      if (phase_of(claim) != "Bound") reconcile({kube::namespace_of(claim), kube::name_of(claim)});
    }
    return std::nullopt;
  }
  const auto claim = client().get(resources::kPersistentVolumeClaims, key, context_.cancel);
  if (!claim) return std::nullopt;
  if (kube::is_being_deleted(*claim)) {
    release_protection(*claim);
    return std::nullopt;
  }
  if (!has_finalizer(*claim, kClaimProtection)) {
    protect(*claim);  // the change brings us here again
    return std::nullopt;
  }
  const auto volume = find_volume(*claim);
  if (volume) {
    bind(*claim, *volume);
    return std::nullopt;
  }
  const bool was_bound = !kube::annotations_of(*claim)[kBindCompleted].empty();
  const bool named = !get_string(*claim, {"spec", "volumeName"}).empty();
  set_claim_phase(*claim, was_bound && named ? "Lost" : "Pending", nullptr);
  const auto class_name = class_of(*claim);
  if (named || !class_name || class_name->empty()) return std::nullopt;
  return provision(*claim, *class_name);
}

}  // namespace salvor::local
