#include <fmt/format.h>

#include "local/api/json_paths.h"
#include "local/api/keyed_lists.h"
#include "local/api/managed_fields.h"
#include "local/api/patches.h"

namespace salvor::local {

namespace {

void merge_value(Json& live, const Json& applied, const FieldSchema* field, std::string_view shape);

void merge_members(Json& live, const Json& applied, const TypeSchema* type) {
  for (const auto& [key, value] : applied.items()) {
    const FieldSchema* field = type == nullptr ? nullptr : type->field(key);
    const auto there = live.find(key);
    if (there == live.end()) {
      live[key] = value;
    } else {
      merge_value(*there, value, field,
                  field == nullptr ? std::string_view{} : std::string_view(field->shape));
    }
  }
}

void merge_value(Json& live, const Json& applied, const FieldSchema* field, std::string_view shape) {
  const bool atomic = field == nullptr || field->atomic;
  if (!atomic && shape.starts_with("{}") && live.is_object() && applied.is_object()) {
    for (const auto& [key, value] : applied.items()) {
      if (live.contains(key)) {
        merge_value(live[key], value, field, shape.substr(2));
      } else {
        live[key] = value;
      }
    }
  } else if (!atomic && shape.starts_with("[]") && field->is_set && live.is_array() && applied.is_array()) {
    for (const Json& item : applied) {
      if (std::find(live.begin(), live.end(), item) == live.end()) live.push_back(item);
    }
  } else if (!atomic && shape.starts_with("[]") && !field->list_keys.empty() && live.is_array() &&
             applied.is_array()) {
    for (const Json& item : applied) {
      Json* same = find_item(live, item_key(item, field->list_keys), field->list_keys);
      if (same == nullptr) {
        live.push_back(item);
      } else if (item.is_object() && same->is_object()) {
        merge_members(*same, item, field->type);
      }
    }
  } else if (!atomic && shape.empty() && field->type != nullptr && !field->type->atomic && live.is_object() &&
             applied.is_object()) {
    merge_members(live, applied, field->type);
  } else {
    live = applied;
  }
}

// Takes out what `set` names: leaves, list items and set members; containers that become empty go too.
void remove_fields(Json& object, const Json& set, const TypeSchema* type, const FieldSchema* field) {
  for (const auto& [key, inner] : set.items()) {
    if (key == ".") continue;
    if (key.starts_with("f:") && object.is_object()) {
      const std::string name = key.substr(2);
      const auto there = object.find(name);
      if (there == object.end()) continue;
      const FieldSchema* next = type == nullptr ? nullptr : type->field(name);
      const bool whole = inner.empty() || (inner.size() == 1 && inner.contains("."));
      if (!whole) {
        const bool direct = next != nullptr && next->shape.empty();
        remove_fields(*there, inner, direct ? next->type : nullptr, next);
      }
      if (inner.empty() || there->empty()) object.erase(name);
    } else if (key.starts_with("k:") && object.is_array() && field != nullptr) {
      const Json wanted = Json::parse(key.substr(2));
      for (auto item = object.begin(); item != object.end(); ++item) {
        if (item_key(*item, field->list_keys) != wanted) continue;
        if (inner.contains(".")) {
          object.erase(item);
        } else {
          remove_fields(*item, inner, field->type, nullptr);
        }
        break;
      }
    } else if (key.starts_with("v:") && object.is_array()) {
      const Json wanted = Json::parse(key.substr(2));
      const auto item = std::find(object.begin(), object.end(), wanted);
      if (item != object.end()) object.erase(item);
    }
  }
}

struct Conflict {
  std::string manager, api_version, path;
};

[[noreturn]] void refuse(const Kind& kind, const std::vector<Conflict>& conflicts) {
  Json list = Json::array();
  std::string text;
  for (const Conflict& conflict : conflicts) {
    const std::string who =
        fmt::format("conflict with \"{}\" using {}", conflict.manager, conflict.api_version);
    list.push_back({{"reason", "FieldManagerConflict"}, {"message", who}, {"field", conflict.path}});
    text += (text.empty() ? "" : "\n") + fmt::format("conflict with \"{}\" using {}: {}", conflict.manager,
                                                     conflict.api_version, conflict.path);
  }
  throw ApiError(409, "Conflict",
                 fmt::format("Apply failed with {} conflict{}: {}", conflicts.size(),
                             conflicts.size() == 1 ? "" : "s", text),
                 {{"kind", kind.kind}, {"causes", list}});
}

}  // namespace

Json apply_configuration(const ApplyRequest& request, const Json& live, const Json& configuration) {
  const Kind& kind = request.kind;
  const TypeSchema& type = *kind.type;
  Json applied = configuration;
  if (const Json* managed = at_path(applied, "metadata.managedFields");
      managed != nullptr && !managed->empty()) {
    throw api_errors::bad_request("metadata.managedFields must be nil");
  }
  erase_path(applied, "metadata.managedFields");
  const Json applied_set = applied_fields(applied, type);
  Json merged = live.is_null() ? Json::object() : live;
  Json entries = live.is_null() ? Json::array() : value_at(live, "metadata.managedFields");
  if (!entries.is_array()) entries = Json::array();
  merge_members(merged, applied, &type);

  Json others = Json::object(), last = Json::object(), kept = Json::array();
  const Json changed = live.is_null() ? applied_set : changed_fields(live, merged, type);
  std::vector<Conflict> conflicts;
  for (Json& entry : entries) {
    Json fields = entry.value("fieldsV1", Json::object());
    const bool own = entry.value("manager", "") == request.manager &&
                     entry.value("operation", "") == "Apply" &&
                     entry.value("subresource", "") == request.subresource;
    if (own) {
      last = fields;
      continue;
    }
    const Json both = field_intersection(field_intersection(changed, applied_set), fields);
    for (const std::string& path : field_paths(both)) {
      conflicts.push_back({entry.value("manager", ""), entry.value("apiVersion", ""), path});
    }
    if (request.force) fields = field_difference(fields, both);
    if (fields.empty()) continue;
    others = field_union(others, fields);
    entry["fieldsV1"] = std::move(fields);
    kept.push_back(std::move(entry));
  }
  if (!conflicts.empty() && !request.force) refuse(kind, conflicts);
  // What this manager applied before and nobody else holds goes away with its configuration.
  const Json gone = field_difference(field_difference(last, applied_set), others);
  remove_fields(merged, gone, &type, nullptr);
  Json own = {{"manager", request.manager},       {"operation", "Apply"},
              {"apiVersion", kind.api_version()}, {"time", base::format_rfc3339(request.now)},
              {"fieldsType", "FieldsV1"},         {"fieldsV1", applied_set}};
  if (!request.subresource.empty()) own["subresource"] = request.subresource;
  kept.push_back(std::move(own));
  merged["metadata"]["managedFields"] = std::move(kept);
  return merged;
}

}  // namespace salvor::local
