#include <fmt/format.h>

#include "local/api/patches.h"

namespace salvor::local {

namespace {

constexpr std::string_view kOrder = "$setElementOrder/";
constexpr std::string_view kDelete = "$deleteFromPrimitiveList/";

const TypeSchema& no_type() {
  static const TypeSchema type;
  return type;
}

Json merge_objects(Json object, const Json& patch, const TypeSchema& type);

// A value that nothing is there to be merged with: directives in it have nothing to act on.
Json without_directives(const Json& value) {
  if (value.is_object()) {
    Json clean = Json::object();
    for (const auto& [key, member] : value.items()) {
      if (!key.starts_with('$') && !member.is_null()) clean[key] = without_directives(member);
    }
    return clean;
  }
  if (value.is_array()) {
    Json clean = Json::array();
    for (const Json& item : value) {
      if (item.is_object() && item.value("$patch", "") == "delete") continue;
      if (item.is_object() && item.size() == 1 && item.contains("$patch")) continue;
      clean.push_back(without_directives(item));
    }
    return clean;
  }
  return value;
}

Json merge_keyed(Json list, const Json& patch, const FieldSchema& field) {
  for (const Json& item : patch) {
    if (item.is_object() && item.size() == 1 && item.value("$patch", "") == "replace") {
      list = Json::array();
    }
  }
  const TypeSchema& type = field.type != nullptr ? *field.type : no_type();
  for (const Json& item : patch) {
    if (!item.is_object()) throw api_errors::bad_request("strategic merge patch: list item is not an object");
    if (item.size() == 1 && item.contains("$patch")) continue;
    const auto key = item.find(field.merge_key);
    if (key == item.end()) {
      throw api_errors::bad_request(
          fmt::format("map: {} does not contain declared merge key: {}", item.dump(), field.merge_key));
    }
    const auto same = std::find_if(list.begin(), list.end(), [&](const Json& there) {
      return there.is_object() && there.contains(field.merge_key) && there[field.merge_key] == *key;
    });
    const std::string directive = item.value("$patch", "");
    if (directive == "delete") {
      if (same != list.end()) list.erase(same);
    } else if (same == list.end()) {
      list.push_back(without_directives(item));
    } else if (directive == "replace") {
      *same = without_directives(item);
    } else {
      *same = merge_objects(*same, item, type);
    }
  }
  return list;
}

Json merge_plain(Json list, const Json& patch) {
  for (const Json& item : patch) {
    if (std::find(list.begin(), list.end(), item) == list.end()) list.push_back(item);
  }
  return list;
}

// Items named in `order` stand in that order; the others keep their places between them.
void put_in_order(Json& list, const Json& order, const std::string& key) {
  const auto rank = [&](const Json& item) -> std::ptrdiff_t {
    for (size_t i = 0; i < order.size(); ++i) {
      if (key.empty() ? order[i] == item
                      : (item.is_object() && order[i].is_object() && item.contains(key) &&
                         order[i].contains(key) && item[key] == order[i][key])) {
        return static_cast<std::ptrdiff_t>(i);
      }
    }
    return -1;
  };
  std::vector<std::pair<std::ptrdiff_t, Json>> named;
  for (const Json& item : list) {
    if (const auto at = rank(item); at >= 0) named.emplace_back(at, item);
  }
  std::stable_sort(named.begin(), named.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  size_t next = 0;
  for (Json& item : list) {
    if (rank(item) >= 0) item = std::move(named[next++].second);
  }
}

Json merge_objects(Json object, const Json& patch, const TypeSchema& type) {
  const std::string directive = patch.value("$patch", "");
  if (directive == "replace") return without_directives(patch);
  if (directive == "delete") return Json::object();
  if (!object.is_object()) object = Json::object();
  if (const auto keys = patch.find("$retainKeys"); keys != patch.end() && keys->is_array()) {
    for (auto member = object.begin(); member != object.end();) {
      const bool kept = std::find(keys->begin(), keys->end(), Json(member.key())) != keys->end();
      member = kept ? std::next(member) : object.erase(member);
    }
  }
  for (const auto& [key, value] : patch.items()) {
    if (key.starts_with(kDelete)) {
      const auto list = object.find(key.substr(kDelete.size()));
      if (list == object.end() || !list->is_array()) continue;
      Json kept = Json::array();
      for (const Json& item : *list) {
        if (std::find(value.begin(), value.end(), item) == value.end()) kept.push_back(item);
      }
      *list = std::move(kept);
      continue;
    }
    if (key.starts_with('$')) continue;
    if (value.is_null()) {
      object.erase(key);
      continue;
    }
    const FieldSchema* field = type.field(key);
    const auto there = object.find(key);
    if (there == object.end()) {
      object[key] = without_directives(value);
    } else if (value.is_object() && there->is_object()) {
      const bool typed = field != nullptr && field->type != nullptr && field->shape.empty();
      *there = merge_objects(*there, value, typed ? *field->type : no_type());
    } else if (value.is_array() && there->is_array() && field != nullptr && field->merge) {
      *there = field->merge_key.empty() ? merge_plain(*there, value) : merge_keyed(*there, value, *field);
    } else {
      *there = without_directives(value);
    }
  }
  for (const auto& [key, value] : patch.items()) {
    if (!key.starts_with(kOrder)) continue;
    const std::string name = key.substr(kOrder.size());
    const auto list = object.find(name);
    const FieldSchema* field = type.field(name);
    if (list != object.end() && list->is_array())
      put_in_order(*list, value, field != nullptr ? field->merge_key : "");
  }
  return object;
}

}  // namespace

Json apply_strategic_merge_patch(Json object, const Json& patch, const TypeSchema& type) {
  if (!patch.is_object()) throw api_errors::bad_request("strategic merge patch: not an object");
  return merge_objects(std::move(object), patch, type);
}

Json apply_merge_patch(Json object, const Json& patch) {
  if (!patch.is_object()) throw api_errors::bad_request("merge patch: not an object");
  object.merge_patch(patch);
  return object;
}

Json apply_json_patch(const Json& object, const Json& patch) {
  if (!patch.is_array()) throw api_errors::bad_request("json patch: not a list of operations");
  try {
    return object.patch(patch);
  } catch (const Json::exception& error) {
    throw ApiError(
        422, "Invalid",
        std::string("the server rejected our request due to an error in our request: ") + error.what(),
        Json::object());
  }
}

}  // namespace salvor::local
