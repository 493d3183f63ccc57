#include "local/api/managed_fields.h"

#include "local/api/json_paths.h"
#include "local/api/keyed_lists.h"

namespace salvor::local {

namespace {

// What a document says about its own identity and history is nobody's field.
bool owned_metadata(const std::string& name) {
  return name == "labels" || name == "annotations" || name == "finalizers" || name == "ownerReferences";
}

Json element_set(const Json& value, const FieldSchema& field, std::string_view shape);

Json object_set(const Json& object, const TypeSchema& type) {
  Json set = Json::object();
  const bool root = type.field("metadata") != nullptr && type.field("metadata")->type != nullptr;
  for (const auto& [key, value] : object.items()) {
    if (root && (key == "apiVersion" || key == "kind")) continue;
    if (type.name == "meta.ObjectMeta" && !owned_metadata(key)) continue;
    const FieldSchema* field = type.field(key);
    Json inner = field != nullptr ? element_set(value, *field, field->shape) : Json::object();
    if (key == "metadata" && inner.empty()) continue;
    set["f:" + key] = std::move(inner);
  }
  return set;
}

Json element_set(const Json& value, const FieldSchema& field, std::string_view shape) {
  Json set = Json::object();
  if (field.atomic || value.is_null()) return set;
  if (shape.starts_with("{}") && value.is_object()) {
    if (!value.empty()) set["."] = Json::object();
    for (const auto& [key, member] : value.items())
      set["f:" + key] = element_set(member, field, shape.substr(2));
  } else if (shape.starts_with("[]") && value.is_array()) {
    if (field.is_set) {
      if (!value.empty()) set["."] = Json::object();
      for (const Json& member : value) set["v:" + member.dump()] = Json::object();
    } else if (!field.list_keys.empty()) {
      if (!value.empty()) set["."] = Json::object();
      for (const Json& item : value) {
        Json inner =
            field.type != nullptr && item.is_object() ? object_set(item, *field.type) : Json::object();
        inner["."] = Json::object();
        set["k:" + item_key(item, field.list_keys).dump()] = std::move(inner);
      }
    }
  } else if (shape.empty() && field.type != nullptr && !field.type->atomic && value.is_object()) {
    return object_set(value, *field.type);
  }
  return set;
}

Json changed_element(const Json& before, const Json& after, const FieldSchema& field, std::string_view shape);

Json changed_object(const Json& before, const Json& after, const TypeSchema& type) {
  Json set = Json::object();
  const bool root = type.field("metadata") != nullptr && type.field("metadata")->type != nullptr;
  for (const auto& [key, value] : after.items()) {
    if (root && (key == "apiVersion" || key == "kind")) continue;
    if (type.name == "meta.ObjectMeta" && !owned_metadata(key)) continue;
    const auto old = before.find(key);
    if (old != before.end() && same_meaning(*old, value)) continue;
    const FieldSchema* field = type.field(key);
    Json inner = Json::object();
    if (field != nullptr) {
      inner = old == before.end() ? element_set(value, *field, field->shape)
                                  : changed_element(*old, value, *field, field->shape);
      const bool composite = !element_set(value, *field, field->shape).empty();
      if (composite && inner.empty()) continue;
    }
    set["f:" + key] = std::move(inner);
  }
  return set;
}

Json changed_element(const Json& before, const Json& after, const FieldSchema& field,
                     std::string_view shape) {
  Json set = Json::object();
  if (field.atomic) return set;
  if (shape.starts_with("{}") && before.is_object() && after.is_object()) {
    for (const auto& [key, value] : after.items()) {
      const auto old = before.find(key);
      if (old == before.end() || !same_meaning(*old, value))
        set["f:" + key] = element_set(value, field, shape.substr(2));
    }
  } else if (shape.starts_with("[]") && before.is_array() && after.is_array()) {
    if (field.is_set) {
      for (const Json& member : after) {
        if (std::find(before.begin(), before.end(), member) == before.end())
          set["v:" + member.dump()] = Json::object();
      }
    } else if (!field.list_keys.empty()) {
      for (const Json& item : after) {
        const Json key = item_key(item, field.list_keys);
        const Json* old = find_item(before, key, field.list_keys);
        if (old != nullptr && same_meaning(*old, item)) continue;
        Json inner = Json::object();
        if (field.type != nullptr && item.is_object()) {
          inner = old == nullptr ? object_set(item, *field.type) : changed_object(*old, item, *field.type);
        }
        if (old == nullptr) inner["."] = Json::object();
        set["k:" + key.dump()] = std::move(inner);
      }
    }
  } else if (shape.empty() && field.type != nullptr && !field.type->atomic && before.is_object() &&
             after.is_object()) {
    return changed_object(before, after, *field.type);
  }
  return set;
}

void collect_paths(const Json& set, const std::string& prefix, std::vector<std::string>& paths) {
  bool leaf = true;
  for (const auto& [key, inner] : set.items()) {
    if (key == ".") continue;
    leaf = false;
    std::string part;
    if (key.starts_with("f:")) {
      part = "." + key.substr(2);
    } else if (key.starts_with("k:")) {
      const Json keys = Json::parse(key.substr(2));
      for (const auto& [name, value] : keys.items()) {
        part += (part.empty() ? "[" : ",") + name + "=" + value.dump();
      }
      part += "]";
    } else {
      part = "[=" + key.substr(2) + "]";
    }
    collect_paths(inner, prefix + part, paths);
  }
  if (leaf) paths.push_back(prefix);
}

void drop_containers(Json& set, bool is_item) {
  if (!is_item) set.erase(".");
  for (auto& [key, inner] : set.items()) drop_containers(inner, key.starts_with("k:"));
}

}  // namespace

Json field_set(const Json& object, const TypeSchema& type) {
  return object_set(object, type);
}

Json applied_fields(const Json& object, const TypeSchema& type) {
  Json set = object_set(object, type);
  drop_containers(set, false);
  return set;
}

Json field_union(const Json& a, const Json& b) {
  Json result = a;
  for (const auto& [key, inner] : b.items()) {
    const auto found = result.find(key);
    if (found == result.end()) {
      result[key] = inner;
    } else {
      *found = field_union(*found, inner);
    }
  }
  return result;
}

Json field_difference(const Json& a, const Json& b) {
  Json result = Json::object();
  for (const auto& [key, inner] : a.items()) {
    const auto other = b.find(key);
    if (other == b.end()) {
      result[key] = inner;
    } else if (!inner.empty()) {
      Json rest = field_difference(inner, *other);
      if (!rest.empty()) result[key] = std::move(rest);
    }
  }
  return result;
}

Json field_intersection(const Json& a, const Json& b) {
  Json result = Json::object();
  for (const auto& [key, inner] : a.items()) {
    const auto other = b.find(key);
    if (other == b.end()) continue;
    if (inner.empty() || other->empty()) {
      result[key] = inner.empty() ? inner : *other;
    } else if (Json both = field_intersection(inner, *other); !both.empty()) {
      result[key] = std::move(both);
    }
  }
  return result;
}

Json changed_fields(const Json& before, const Json& after, const TypeSchema& type) {
  return changed_object(before, after, type);
}

std::vector<std::string> field_paths(const Json& set) {
  std::vector<std::string> paths;
  if (!set.empty()) collect_paths(set, "", paths);
  return paths;
}

void track_fields(const Kind& kind, const Json* before, Json& after, const std::string& manager,
                  const std::string& subresource, base::Time now) {
  if (kind.type == nullptr) return;
  const Json changed =
      before == nullptr ? field_set(after, *kind.type) : changed_fields(*before, after, *kind.type);
  const Json* known = before == nullptr ? nullptr : at_path(*before, "metadata.managedFields");
  // An explicitly empty list resets the record.
  const Json* sent = at_path(after, "metadata.managedFields");
  const bool reset = before != nullptr && sent != nullptr && sent->is_array() &&
                     (sent->empty() || (sent->size() == 1 && (*sent)[0] == Json::object()));
  Json entries = Json::array();
  bool placed = false;
  if (known != nullptr && known->is_array() && !reset) {
    const Json present = field_set(after, *kind.type);
    for (Json entry : *known) {
      const bool same = entry.value("manager", "") == manager && entry.value("operation", "") == "Update" &&
                        entry.value("subresource", "") == subresource &&
                        entry.value("apiVersion", "") == kind.api_version();
      Json fields = field_intersection(entry.value("fieldsV1", Json::object()), present);
      fields = same ? field_union(fields, changed) : field_difference(fields, changed);
      if (same) {
        placed = true;
        if (!changed.empty()) entry["time"] = base::format_rfc3339(now);
      }
      if (fields.empty()) continue;
      entry["fieldsV1"] = std::move(fields);
      entries.push_back(std::move(entry));
    }
  }
  if (!placed && !changed.empty()) {
    Json entry = {{"manager", manager},
                  {"operation", "Update"},
                  {"apiVersion", kind.api_version()},
                  {"time", base::format_rfc3339(now)},
                  {"fieldsType", "FieldsV1"},
                  {"fieldsV1", changed}};
    if (!subresource.empty()) entry["subresource"] = subresource;
    entries.push_back(std::move(entry));
  }
  if (entries.empty()) {
    erase_path(after, "metadata.managedFields");
  } else {
    after["metadata"]["managedFields"] = std::move(entries);
  }
}

bool same_managers(const Json& before, const Json& after) {
  Json a = value_at(before, "metadata.managedFields"), b = value_at(after, "metadata.managedFields");
  for (Json* list : {&a, &b}) {
    for (Json& entry : *list) entry.erase("time");
  }
  return same_meaning(a, b);
}

}  // namespace salvor::local
