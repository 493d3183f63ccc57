#include "velero/resource_policies.h"

#include <cmath>
#include <cstdlib>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "codec/yaml.h"

namespace salvor::velero {
namespace {

template <typename... Args>
[[noreturn]] void invalid(fmt::format_string<Args...> format, Args&&... args) {
  base::fail(base::ErrorCode::kInvalidArgument, format, std::forward<Args>(args)...);
}

void check_members(const Json& object, std::string_view what, const std::set<std::string>& known) {
  if (!object.is_object()) invalid("resource policies: {} must be a mapping", what);
  for (const auto& [key, value] : object.items()) {
    if (!known.contains(key)) invalid("resource policies: unknown field \"{}\" in {}", key, what);
  }
}

std::vector<std::string> strings(const Json& value, std::string_view what) {
  if (!value.is_array()) invalid("resource policies: {} must be a list", what);
  std::vector<std::string> result;
  for (const Json& element : value) {
    if (!element.is_string()) invalid("resource policies: {} must be a list of strings", what);
    result.push_back(element.get<std::string>());
  }
  return result;
}

std::optional<std::int64_t> parse_bound(std::string_view text) {
  text = base::trim(text);
  if (text.empty()) return std::nullopt;
  auto bytes = parse_quantity(text);
  if (!bytes) invalid("resource policies: wrong format of capacity \"{}\"", text);
  return bytes;
}

void parse_capacity(const Json& value, VolumePolicy& policy) {
  if (!value.is_string()) invalid("resource policies: capacity must be a string such as \"0,100Gi\"");
  const std::string text = value.get<std::string>();
  const size_t comma = text.find(',');
  if (comma == std::string::npos || text.find(',', comma + 1) != std::string::npos)
    invalid(
        "resource policies: wrong format of capacity \"{}\"\nhint: write \"LOW,HIGH\", for example "
        "\"0,100Gi\"",
        text);
  policy.least_capacity = parse_bound(std::string_view(text).substr(0, comma));
  policy.most_capacity = parse_bound(std::string_view(text).substr(comma + 1));
  if (policy.least_capacity && policy.most_capacity && *policy.least_capacity > *policy.most_capacity)
    invalid("resource policies: illegal values for capacity \"{}\"", text);
}

void parse_conditions(const Json& conditions, VolumePolicy& policy) {
  check_members(conditions, "conditions",
                {"capacity", "storageClass", "nfs", "csi", "volumeTypes", "pvcLabels", "pvcPhase"});
  if (conditions.contains("capacity")) parse_capacity(conditions["capacity"], policy);
  if (conditions.contains("storageClass"))
    policy.storage_classes = strings(conditions["storageClass"], "storageClass");
  if (conditions.contains("nfs")) {
    policy.nfs = conditions["nfs"].is_null() ? Json::object() : conditions["nfs"];
    check_members(*policy.nfs, "nfs", {"server", "path"});
  }
  if (conditions.contains("csi")) {
    policy.csi = conditions["csi"].is_null() ? Json::object() : conditions["csi"];
    check_members(*policy.csi, "csi", {"driver", "volumeAttributes"});
  }
  if (conditions.contains("volumeTypes"))
    policy.volume_types = strings(conditions["volumeTypes"], "volumeTypes");
  if (conditions.contains("pvcPhase")) policy.claim_phases = strings(conditions["pvcPhase"], "pvcPhase");
  if (conditions.contains("pvcLabels")) {
    if (!conditions["pvcLabels"].is_object()) invalid("resource policies: pvcLabels must be a mapping");
    for (const auto& [key, value] : conditions["pvcLabels"].items()) {
      if (!value.is_string()) invalid("resource policies: pvcLabels must hold strings");
      policy.claim_labels[key] = value.get<std::string>();
    }
  }
}

VolumeAction parse_action(const Json& action) {
  check_members(action, "action", {"type", "parameters"});
  static const std::map<std::string, VolumeAction> kActions = {{"skip", VolumeAction::kSkip},
                                                               {"fs-backup", VolumeAction::kFsBackup},
                                                               {"snapshot", VolumeAction::kSnapshot},
                                                               {"custom", VolumeAction::kCustom}};
  const std::string type = codec::get_string(action, {"type"});
  auto found = kActions.find(type);
  if (found == kActions.end()) invalid("resource policies: invalid action type {}", type);
  return found->second;
}

bool member_equal(const Json& wanted, const Json& found, const char* name) {
  const std::string value = codec::get_string(wanted, {name});
  return value.empty() || value == codec::get_string(found, {name});
}

bool contains(const std::vector<std::string>& list, const std::string& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

bool csi_matches(const Json& wanted, const PolicyVolume& volume) {
  if (volume.source != "csi" || !member_equal(wanted, volume.source_spec, "driver")) return false;
  const Json* attributes = codec::find(wanted, {"volumeAttributes"});
  if (!attributes || !attributes->is_object()) return true;
  for (const auto& [key, value] : attributes->items()) {
    const Json* found = codec::find(volume.source_spec, {"volumeAttributes", key});
    if (!found || *found != value) return false;
  }
  return true;
}

}  // namespace

bool VolumePolicy::matches(const PolicyVolume& volume) const {
  if (least_capacity && volume.capacity.value_or(0) < *least_capacity) return false;
  if (most_capacity && volume.capacity.value_or(0) > *most_capacity) return false;
  if (storage_classes && !contains(*storage_classes, volume.storage_class)) return false;
  if (nfs && (volume.source != "nfs" || !member_equal(*nfs, volume.source_spec, "server") ||
              !member_equal(*nfs, volume.source_spec, "path")))
    return false;
  if (csi && !csi_matches(*csi, volume)) return false;
  if (!volume_types.empty() && !contains(volume_types, volume.source)) return false;
  if (!claim_phases.empty() && !contains(claim_phases, volume.claim_phase)) return false;
  return std::all_of(claim_labels.begin(), claim_labels.end(), [&](const auto& label) {
    auto found = volume.claim_labels.find(label.first);
    return found != volume.claim_labels.end() && found->second == label.second;
  });
}

ResourcePolicies ResourcePolicies::parse(std::string_view yaml) {
  const auto documents = codec::parse_yaml(yaml, "resource policies");
  if (documents.size() != 1) invalid("resource policies: expected one YAML document");
  const Json& document = documents[0];
  check_members(document, "the document", {"version", "volumePolicies", "includeExcludePolicy"});
  const Json* version = codec::find(document, {"version"});
  if (!version || !version->is_string() || version->get<std::string>() != "v1")
    invalid("resource policies: incompatible version number, supported is v1");
  ResourcePolicies result;
  if (const Json* policies = codec::find(document, {"volumePolicies"}); policies && !policies->is_null()) {
    if (!policies->is_array()) invalid("resource policies: volumePolicies must be a list");
    for (const Json& entry : *policies) {
      check_members(entry, "a volume policy", {"conditions", "action"});
      VolumePolicy policy;
      if (entry.contains("conditions")) parse_conditions(entry["conditions"], policy);
      if (!entry.contains("action")) invalid("resource policies: a volume policy has no action");
      policy.action = parse_action(entry["action"]);
      if (const Json* parameters = codec::find(entry, {"action", "parameters"}))
        policy.parameters = *parameters;
      result.policies_.push_back(std::move(policy));
    }
  }
  if (const Json* filter = codec::find(document, {"includeExcludePolicy"}); filter && !filter->is_null()) {
    auto list = [&](const char* name) {
      const Json* found = codec::find(*filter, {name});
      auto names = found ? strings(*found, name) : std::vector<std::string>();
      if (contains(names, "*")) invalid("resource policies: {} cannot contain '*'", name);
      return names;
    };
    check_members(*filter, "includeExcludePolicy",
                  {"includedClusterScopedResources", "excludedClusterScopedResources",
                   "includedNamespaceScopedResources", "excludedNamespaceScopedResources"});
    result.has_include_exclude_policy_ = true;
    result.cluster_scoped_ =
        IncludesExcludes(list("includedClusterScopedResources"), list("excludedClusterScopedResources"));
    result.namespace_scoped_ =
        IncludesExcludes(list("includedNamespaceScopedResources"), list("excludedNamespaceScopedResources"));
  }
  return result;
}

ResourcePolicies ResourcePolicies::from_config_map(const Json& config_map) {
  const Json* data = codec::find(config_map, {"data"});
  const std::string name = codec::get_string(config_map, {"metadata", "name"});
  if (!data || !data->is_object() || data->size() != 1)
    invalid("illegal resource policies {} configmap: expected exactly one data entry", name);
  const Json& text = data->begin().value();
  if (!text.is_string())
    invalid("illegal resource policies {} configmap: the data entry is not a string", name);
  return parse(text.get_ref<const std::string&>());
}

std::optional<VolumeAction> ResourcePolicies::action_for(const PolicyVolume& volume) const {
  for (const VolumePolicy& policy : policies_) {
    if (policy.matches(volume)) return policy.action;
  }
  return std::nullopt;
}

std::optional<std::int64_t> parse_quantity(std::string_view text) {
  static const std::map<std::string_view, double> kUnits = {
      {"", 1},        {"n", 1e-9},    {"u", 1e-6},    {"m", 1e-3},   {"k", 1e3},     {"M", 1e6},
      {"G", 1e9},     {"T", 1e12},    {"P", 1e15},    {"E", 1e18},   {"Ki", 0x1p10}, {"Mi", 0x1p20},
      {"Gi", 0x1p30}, {"Ti", 0x1p40}, {"Pi", 0x1p50}, {"Ei", 0x1p60}};
  const std::string copy(text);
  if (copy.empty() || copy.find_first_of("xXnNiI") == 0) return std::nullopt;
  char* end = nullptr;
  // strtod takes "1E" as 1 followed by "E", which is what exabytes need.
  const double number = std::strtod(copy.c_str(), &end);
  if (end == copy.c_str() || !std::isfinite(number) || copy[0] == ' ') return std::nullopt;
  auto unit = kUnits.find(std::string_view(end));
  if (unit == kUnits.end()) return std::nullopt;
  const double bytes = std::ceil(number * unit->second);
  if (std::fabs(bytes) > 9.2e18) return std::nullopt;
  return static_cast<std::int64_t>(bytes);
}

}  // namespace salvor::velero
