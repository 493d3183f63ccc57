#include "restore/modify.h"

#include "base/error.h"

namespace salvor::restore {
namespace {

using codec::Json;

// Fields of built-in kinds whose lists merge, and by which member; "" merges plain values. (Kubernetes API
// documentation, "patch merge key".) Names are unambiguous but for "ports".
std::string_view merge_key_of(std::string_view group_resource, std::string_view field) {
  static const std::map<std::string_view, std::string_view> keys{
      {"containers", "name"},
      {"initContainers", "name"},
      {"ephemeralContainers", "name"},
      {"volumes", "name"},
      {"env", "name"},
      {"volumeMounts", "mountPath"},
      {"volumeDevices", "devicePath"},
      {"imagePullSecrets", "name"},
      {"secrets", "name"},
      {"hostAliases", "ip"},
      {"topologySpreadConstraints", "topologyKey"},
      {"resourceClaims", "name"},
      {"schedulingGates", "name"},
      {"conditions", "type"},
      {"webhooks", "name"},
      {"matchConditions", "name"},
      {"ownerReferences", "uid"},
      {"finalizers", ""},
  };
  if (field == "ports") {
    if (group_resource == "services") return "port";
    // Of Endpoints, EndpointSlices and network policies the list is atomic.
    const bool has_containers = group_resource == "pods" || group_resource.ends_with(".apps") ||
                                group_resource.ends_with(".batch") || group_resource == "podtemplates" ||
                                group_resource == "replicationcontrollers";
    return has_containers ? "containerPort" : "-";
  }
  const auto found = keys.find(field);
  return found == keys.end() ? "-" : found->second;
}

constexpr std::string_view kDeleteFrom = "$deleteFromPrimitiveList/";

// A value with nothing there to merge with: its directives have nothing to act on.
Json without_directives(const Json& value) {
  if (value.is_array()) {
    Json list = Json::array();
    for (const Json& element : value) {
      const bool directive = element.is_object() && element.contains("$patch") &&
                             (element.size() == 1 || element["$patch"] == "delete");
      if (!directive) list.push_back(without_directives(element));
    }
    return list;
  }
  if (!value.is_object()) return value;
  Json object = Json::object();
  for (const auto& [key, member] : value.items()) {
    if (!key.starts_with('$') && !member.is_null()) object[key] = without_directives(member);
  }
  return object;
}

Json merge_object(std::string_view group_resource, Json object, const Json& patch);

Json merge_list(std::string_view group_resource, std::string_view key, Json list, const Json& patch) {
  for (const Json& element : patch) {
    if (key.empty()) {
      if (std::find(list.begin(), list.end(), element) == list.end()) list.push_back(element);
      continue;
    }
    const std::string directive = codec::get_string(element, {"$patch"});
    if (directive == "replace" && element.size() == 1) {
      list = Json::array();
      continue;
    }
    if (!element.is_object() || !element.contains(std::string(key)))
      base::fail(base::ErrorCode::kInvalidArgument, "an element of the list lacks its merge key \"{}\": {}",
                 key, codec::to_json(element));
    const auto same = std::find_if(list.begin(), list.end(), [&](const Json& there) {
      const Json* const value = codec::find(there, {key});
      return value != nullptr && *value == element[std::string(key)];
    });
    if (directive == "delete") {
      if (same != list.end()) list.erase(same);
    } else if (same == list.end()) {
      list.push_back(without_directives(element));
    } else {
      *same = directive == "replace" ? without_directives(element)
                                     : merge_object(group_resource, std::move(*same), element);
    }
  }
  return list;
}

void retain_keys(Json& object, const Json& keys) {
  Json kept = Json::object();
  for (const auto& [key, value] : object.items()) {
    if (std::find(keys.begin(), keys.end(), Json(key)) != keys.end()) kept[key] = value;
  }
  object = std::move(kept);
}

void delete_values(Json& object, std::string_view field, const Json& values) {
  const auto list = object.find(std::string(field));
  if (list == object.end() || !list->is_array()) return;
  Json kept = Json::array();
  for (const Json& value : *list) {
    if (std::find(values.begin(), values.end(), value) == values.end()) kept.push_back(value);
  }
  *list = std::move(kept);
}

Json merge_object(std::string_view group_resource, Json object, const Json& patch) {
  const std::string directive = codec::get_string(patch, {"$patch"});
  if (directive == "replace") return without_directives(patch);
  if (directive == "delete") return Json::object();
  if (patch.contains("$retainKeys") && patch["$retainKeys"].is_array())
    retain_keys(object, patch["$retainKeys"]);
  for (const auto& [key, value] : patch.items()) {
    if (key.starts_with(kDeleteFrom)) {
      delete_values(object, std::string_view(key).substr(kDeleteFrom.size()), value);
      continue;
    }
    if (key.starts_with('$')) continue;
    if (value.is_null()) {
      object.erase(key);
      continue;
    }
    const auto there = object.find(key);
    const std::string_view list_key = merge_key_of(group_resource, key);
    if (there == object.end()) {
      object[key] = without_directives(value);
    } else if (value.is_object() && there->is_object()) {
      *there = merge_object(group_resource, std::move(*there), value);
    } else if (value.is_array() && there->is_array() && list_key != "-") {
      *there = merge_list(group_resource, list_key, std::move(*there), value);
    } else {
      *there = without_directives(value);
    }
  }
  return object;
}

bool is_built_in(std::string_view group_resource) {
  const size_t dot = group_resource.find('.');
  if (dot == std::string_view::npos) return true;
  const std::string_view group = group_resource.substr(dot + 1);
  return group == "apps" || group == "batch" || group == "autoscaling" || group == "policy" ||
         (group.ends_with(".k8s.io") && group.find("snapshot") == std::string_view::npos &&
          !group.ends_with(".x-k8s.io") && !group.starts_with("gateway"));
}

std::vector<std::string> apply_rule(const velero::ModifierRule& rule, std::string_view group_resource,
                                    Json& object) {
  std::vector<std::string> errors;
  const auto attempt = [&](const char* kind, const auto& change) {
    try {
      object = change();
    } catch (const std::exception& error) {
      errors.push_back(fmt::format("cannot apply the {} of a resource modifier to {} {}: {}", kind,
                                   group_resource, kube::name_of(object), error.what()));
    }
  };
  if (!rule.json_patch.empty()) {
    attempt("JSON patch", [&] {
      try {
        return object.patch(Json(rule.json_patch));
      } catch (const nlohmann::json::other_error& error) {
        constexpr int kTestFailed = 501;
        if (error.id != kTestFailed) throw;
        return object;
      }
    });
  }
  for (const Json& patch : rule.merge_patches) {
    attempt("merge patch", [&] {
      Json changed = object;
      changed.merge_patch(patch);
      return changed;
    });
  }
  for (const Json& patch : rule.strategic_patches) {
    attempt("strategic merge patch", [&] { return strategic_merge(group_resource, object, patch); });
  }
  return errors;
}

}  // namespace

Json strategic_merge(std::string_view group_resource, Json object, const Json& patch) {
  if (!is_built_in(group_resource))
    base::fail(base::ErrorCode::kInvalidArgument,
               "{} has no strategic merge, which only built-in kinds have\nhint: use a mergePatch",
               group_resource);
  return merge_object(group_resource, std::move(object), patch);
}

velero::ResourceModifiers load_modifiers(kube::Client& client, const std::string& name_space,
                                         const velero::RestoreSpec& spec, const base::CancelToken& cancel) {
  if (!spec.resource_modifier) return {};
  return velero::ResourceModifiers::from_config_map(
      client.require(kube::resources::kConfigMaps, {name_space, spec.resource_modifier->name}, cancel));
}

std::vector<std::string> modify(const velero::ResourceModifiers& modifiers, std::string_view group_resource,
                                Json& object) {
  std::vector<std::string> errors;
  for (const auto& rule : modifiers.rules()) {
    if (!rule.conditions.met_by(group_resource, object)) continue;
    auto found = apply_rule(rule, group_resource, object);
    std::move(found.begin(), found.end(), std::back_inserter(errors));
  }
  return errors;
}

}  // namespace salvor::restore
