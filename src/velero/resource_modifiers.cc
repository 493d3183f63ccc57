#include "velero/resource_modifiers.h"

#include <set>

#include "base/error.h"
#include "base/text.h"
#include "codec/yaml.h"
#include "velero/includes_excludes.h"

namespace salvor::velero {
namespace {

template <typename... Args>
[[noreturn]] void invalid(fmt::format_string<Args...> format, Args&&... args) {
  base::fail(base::ErrorCode::kInvalidArgument, "resource modifiers: {}",
             fmt::format(format, std::forward<Args>(args)...));
}

// Reads one mapping strictly: what it does not know is refused, not skipped.
class Mapping {
 public:
  Mapping(const Json& value, std::string what, const std::set<std::string>& known)
      : value_(value), what_(std::move(what)) {
    if (!value_.is_object()) invalid("{} must be a mapping", what_);
    for (const auto& [key, member] : value_.items()) {
      if (!known.contains(key)) invalid("unknown field \"{}\" in {}", key, what_);
    }
  }
  std::string text(const char* name) const {
    const Json* const found = codec::find(value_, {name});
    if (found == nullptr || found->is_null()) return "";
    if (!found->is_string())
      invalid("{} of {} must be a string\nhint: put it in quotes, as in {}: \"{}\"", name, what_, name,
              codec::to_json(*found));
    return found->get<std::string>();
  }
  // Calls each(element, "what[i].name[j]").
  template <typename Function>
  void list(const char* name, Function each) const {
    const Json* const found = codec::find(value_, {name});
    if (found == nullptr || found->is_null()) return;
    if (!found->is_array()) invalid("{} of {} must be a list", name, what_);
    for (size_t i = 0; i < found->size(); ++i) each((*found)[i], fmt::format("{}.{}[{}]", what_, name, i));
  }
  const Json* member(const char* name) const { return codec::find(value_, {name}); }
  const std::string& what() const { return what_; }

 private:
  const Json& value_;
  const std::string what_;
};

void check_pointer(const std::string& path, const std::string& what) {
  try {
    const Json::json_pointer pointer(path);
  } catch (const nlohmann::json::exception&) {
    invalid("path \"{}\" of {} is no JSON pointer\nhint: it begins with /, as in /spec/replicas", path, what);
  }
}

ModifierConditions parse_conditions(const Json& value, const std::string& what) {
  const Mapping mapping(value, what,
                        {"groupResource", "resourceNameRegex", "namespaces", "labelSelector", "matches"});
  ModifierConditions conditions;
  conditions.group_resource = mapping.text("groupResource");
  if (conditions.group_resource.empty()) invalid("{} lacks groupResource", what);
  conditions.resource_name_regex = mapping.text("resourceNameRegex");
  if (!conditions.resource_name_regex.empty()) {
    try {
      conditions.name_pattern.emplace(conditions.resource_name_regex,
                                      std::regex::ECMAScript | std::regex::optimize);
    } catch (const std::regex_error& error) {
      invalid("resourceNameRegex \"{}\" of {} is no regular expression: {}", conditions.resource_name_regex,
              what, error.what());
    }
  }
  mapping.list("namespaces", [&](const Json& name, const std::string& where) {
    if (!name.is_string()) invalid("{} must be a string", where);
    conditions.namespaces.push_back(name.get<std::string>());
  });
  if (const Json* const selector = mapping.member("labelSelector"); selector != nullptr) {
    try {
      conditions.label_selector = kube::LabelSelector::from_json(*selector);
    } catch (const base::Error& error) {
      invalid("labelSelector of {}: {}", what, error.message());
    }
  }
  mapping.list("matches", [&](const Json& match, const std::string& where) {
    const Mapping fields(match, where, {"path", "value"});
    check_pointer(fields.text("path"), where);
    conditions.matches.push_back({fields.text("path"), modifier_value(fields.text("value"))});
  });
  return conditions;
}

Json parse_operation(const Json& value, const std::string& what) {
  const Mapping mapping(value, what, {"operation", "from", "path", "value"});
  const std::string operation = mapping.text("operation");
  static const std::set<std::string> kOperations{"add", "remove", "replace", "move", "copy", "test"};
  if (!kOperations.contains(operation))
    invalid("unsupported operation \"{}\" of {}, it must be one of {}", operation, what,
            fmt::join(kOperations, ", "));
  Json result{{"op", operation}, {"path", mapping.text("path")}};
  check_pointer(mapping.text("path"), what);
  if (operation == "move" || operation == "copy") {
    check_pointer(mapping.text("from"), what);
    result["from"] = mapping.text("from");
  } else if (operation != "remove") {
    result["value"] = modifier_value(mapping.text("value"));
  }
  return result;
}

Json parse_patch_data(const Json& value, const std::string& what) {
  const Mapping mapping(value, what, {"patchData"});
  const auto documents = codec::parse_yaml(mapping.text("patchData"), what + ".patchData");
  if (documents.size() != 1 || !documents[0].is_object())
    invalid("patchData of {} must be one mapping in JSON or YAML", what);
  return documents[0];
}

ModifierRule parse_rule(const Json& value, const std::string& what) {
  const Mapping mapping(value, what, {"conditions", "patches", "mergePatches", "strategicPatches"});
  if (mapping.member("conditions") == nullptr) invalid("{} lacks conditions", what);
  ModifierRule rule;
  rule.conditions = parse_conditions(*mapping.member("conditions"), what + ".conditions");
  mapping.list("patches", [&](const Json& patch, const std::string& where) {
    rule.json_patch.push_back(parse_operation(patch, where));
  });
  mapping.list("mergePatches", [&](const Json& patch, const std::string& where) {
    rule.merge_patches.push_back(parse_patch_data(patch, where));
  });
  mapping.list("strategicPatches", [&](const Json& patch, const std::string& where) {
    rule.strategic_patches.push_back(parse_patch_data(patch, where));
  });
  return rule;
}

bool value_matches(const Json& object, const ModifierMatch& match) {
  const Json::json_pointer pointer(match.path);
  return object.contains(pointer) && object.at(pointer) == match.value;
}

}  // namespace

Json modifier_value(std::string_view text) {
  const std::string lower = base::to_lower(text);
  if (text == "null") return nullptr;
  if (lower == "true" || lower == "false") return lower == "true";
  const bool may_be_json =
      !text.empty() && (text[0] == '{' || text[0] == '[' || text[0] == '"' || text[0] == '-' ||
                        std::isdigit(static_cast<unsigned char>(text[0])) != 0);
  if (may_be_json) {
    Json parsed = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!parsed.is_discarded()) return parsed;
  }
  return std::string(text);
}

bool ModifierConditions::met_by(std::string_view object_group_resource, const Json& object) const {
  if (!IncludesExcludes({group_resource}, {}).includes(object_group_resource)) return false;
  if (name_pattern && !std::regex_search(kube::name_of(object), *name_pattern)) return false;
  const std::string name_space = kube::namespace_of(object);
  if (!namespaces.empty() && (name_space.empty() || !IncludesExcludes(namespaces, {}).includes(name_space)))
    return false;
  if (label_selector && !label_selector->matches(kube::labels_of(object))) return false;
  return std::all_of(matches.begin(), matches.end(),
                     [&](const ModifierMatch& match) { return value_matches(object, match); });
}

ResourceModifiers ResourceModifiers::parse(std::string_view yaml) {
  const auto documents = codec::parse_yaml(yaml, "resource modifiers");
  if (documents.size() != 1) invalid("expected exactly one document, found {}", documents.size());
  const Mapping mapping(documents[0], "the document", {"version", "resourceModifierRules"});
  if (const std::string version = mapping.text("version"); version != "v1")
    invalid("unsupported version \"{}\", it must be v1", version);
  ResourceModifiers modifiers;
  mapping.list("resourceModifierRules", [&](const Json& rule, const std::string& where) {
    modifiers.rules_.push_back(parse_rule(rule, where.substr(where.find('.') + 1)));
  });
  if (modifiers.rules_.empty()) invalid("resourceModifierRules is empty");
  return modifiers;
}

ResourceModifiers ResourceModifiers::from_config_map(const Json& config_map) {
  const Json* const data = codec::find(config_map, {"data"});
  if (data == nullptr || !data->is_object() || data->size() != 1 || !data->begin().value().is_string())
    invalid("config map \"{}\" must have exactly one data entry, which holds the rules",
            kube::name_of(config_map));
  return parse(data->begin().value().get<std::string>());
}

}  // namespace salvor::velero
