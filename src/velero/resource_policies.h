// Volume policies of a backup: the YAML document in the config map that spec.resourcePolicy names. Each
// volume is handled as the first policy says whose conditions it meets. Immutable value; parse errors are
// kInvalidArgument.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codec/json.h"
#include "velero/includes_excludes.h"

namespace salvor::velero {

using codec::Json;

enum class VolumeAction { kSkip, kFsBackup, kSnapshot, kCustom };

// What conditions look at. Of a volume without a claim only `source` and its pod's volume are known.
struct PolicyVolume {
  std::string source;  // key of the volume source: "nfs", "csi", "emptyDir", ...; "" unknown
  Json source_spec;    // its value
  std::optional<std::int64_t> capacity;  // bytes
  std::string storage_class;
  std::map<std::string, std::string> claim_labels;
  std::string claim_phase;
};

struct VolumePolicy {
  std::optional<std::int64_t> least_capacity, most_capacity;
  std::optional<std::vector<std::string>> storage_classes;
  std::optional<Json> nfs;  // {} or {server, path}
  std::optional<Json> csi;  // {} or {driver, volumeAttributes}
  std::vector<std::string> volume_types;
  std::map<std::string, std::string> claim_labels;
  std::vector<std::string> claim_phases;
  VolumeAction action = VolumeAction::kSkip;
  Json parameters;

  bool matches(const PolicyVolume& volume) const;
};

class ResourcePolicies {
 public:
  // No policies: nothing matches.
  ResourcePolicies() = default;
  static ResourcePolicies parse(std::string_view yaml);
  // The config map's one entry.
  static ResourcePolicies from_config_map(const Json& config_map);

  std::optional<VolumeAction> action_for(const PolicyVolume& volume) const;
  bool empty() const { return policies_.empty() && !has_include_exclude_policy_; }
  bool has_include_exclude_policy() const { return has_include_exclude_policy_; }
  // Of includeExcludePolicy.
  const IncludesExcludes& cluster_scoped() const { return cluster_scoped_; }
  const IncludesExcludes& namespace_scoped() const { return namespace_scoped_; }

 private:
  std::vector<VolumePolicy> policies_;
  bool has_include_exclude_policy_ = false;
  IncludesExcludes cluster_scoped_, namespace_scoped_;
};

// "10Gi", "1500M", "0.5", "1e3": bytes, rounded up. nullopt if malformed.
std::optional<std::int64_t> parse_quantity(std::string_view text);

}  // namespace salvor::velero
