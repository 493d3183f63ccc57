// Resource modifiers of a restore: the YAML document in the config map that spec.resourceModifier names. Each
// rule says which objects it is for and how they are patched before they are created. Immutable values; parse
// errors are kInvalidArgument and name the rule and the field. Applying them is restore/modify.h.
//
//   version: v1
//   resourceModifierRules:
//   - conditions: {groupResource: deployments.apps, resourceNameRegex: "^web", namespaces: [app],
//                  labelSelector: {matchLabels: {a: b}}, matches: [{path: /spec/replicas, value: "3"}]}
//     patches: [{operation: replace, path: /spec/replicas, value: "0"}]
//     mergePatches: [{patchData: '{"metadata": {"labels": {"a": null}}}'}]
//     strategicPatches: [{patchData: "spec: {template: {spec: {containers: [{name: web, image: x}]}}}"}]
#pragma once

#include <memory>
#include <optional>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "codec/json.h"
#include "kube/object.h"
#include "kube/selector.h"

namespace salvor::velero {

using codec::Json;

struct ModifierMatch {
  std::string path;  // JSON pointer
  Json value;
};

struct ModifierConditions {
  std::string group_resource;  // glob over "deployments.apps"
  std::string resource_name_regex;
  std::optional<std::regex> name_pattern;  // of the above; found anywhere in the name
  std::vector<std::string> namespaces;     // as backed up, globs; empty: all, and cluster-scoped objects
  std::optional<kube::LabelSelector> label_selector;
  std::vector<ModifierMatch> matches;  // all of them

  bool met_by(std::string_view object_group_resource, const Json& object) const;
};

struct ModifierRule {
  ModifierConditions conditions;
  std::vector<Json> json_patch;  // RFC 6902 operations, in order
  std::vector<Json> merge_patches;
  std::vector<Json> strategic_patches;
};

class ResourceModifiers {
 public:
  // No rules.
  ResourceModifiers() = default;
  static ResourceModifiers parse(std::string_view yaml);
  // The config map's one entry.
  static ResourceModifiers from_config_map(const Json& config_map);
  const std::vector<ModifierRule>& rules() const { return rules_; }

 private:
  std::vector<ModifierRule> rules_;
};

// The text of a patch's value as JSON: null, booleans, numbers, objects, arrays and quoted strings as what
// they are, anything else as a string.
Json modifier_value(std::string_view text);

}  // namespace salvor::velero
