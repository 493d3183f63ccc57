#include "local/api/json_paths.h"

namespace salvor::local {

namespace {

template <typename Value>
Value* walk(Value& object, std::string_view path) {
  Value* at = &object;
  while (!path.empty()) {
    const size_t dot = path.find('.');
    const std::string name(path.substr(0, dot));
    if (!at->is_object()) return nullptr;
    const auto found = at->find(name);
    if (found == at->end()) return nullptr;
    at = &*found;
    path = dot == std::string_view::npos ? std::string_view{} : path.substr(dot + 1);
  }
  return at;
}

bool empty_value(const Json& value) {
  return value.is_null() || ((value.is_array() || value.is_object()) && value.empty());
}

}  // namespace

const Json* at_path(const Json& object, std::string_view path) {
  return walk(object, path);
}
Json* at_path(Json& object, std::string_view path) {
  return walk(object, path);
}

Json value_at(const Json& object, std::string_view path) {
  const Json* value = at_path(object, path);
  return value == nullptr ? Json() : *value;
}

std::string string_at(const Json& object, std::string_view path) {
  const Json* value = at_path(object, path);
  return value != nullptr && value->is_string() ? value->get<std::string>() : "";
}

std::int64_t integer_at(const Json& object, std::string_view path, std::int64_t otherwise) {
  const Json* value = at_path(object, path);
  return value != nullptr && value->is_number() ? value->get<std::int64_t>() : otherwise;
}

bool flag_at(const Json& object, std::string_view path) {
  const Json* value = at_path(object, path);
  return value != nullptr && value->is_boolean() && value->get<bool>();
}

Json& make_path(Json& object, std::string_view path) {
  Json* at = &object;
  while (!path.empty()) {
    const size_t dot = path.find('.');
    Json& next = (*at)[std::string(path.substr(0, dot))];
    at = &next;
    path = dot == std::string_view::npos ? std::string_view{} : path.substr(dot + 1);
    if (!path.empty() && !at->is_object()) *at = Json::object();
  }
  return *at;
}

void set_path(Json& object, std::string_view path, Json value) {
  make_path(object, path) = std::move(value);
}

void set_default(Json& object, std::string_view path, Json value) {
  const Json* current = at_path(object, path);
  if (current == nullptr || current->is_null()) set_path(object, path, std::move(value));
}

void erase_path(Json& object, std::string_view path) {
  const size_t dot = path.rfind('.');
  Json* parent = dot == std::string_view::npos ? &object : at_path(object, path.substr(0, dot));
  if (parent != nullptr && parent->is_object()) {
    parent->erase(std::string(dot == std::string_view::npos ? path : path.substr(dot + 1)));
  }
}

bool same_meaning(const Json& a, const Json& b) {
  if (empty_value(a) || empty_value(b)) return empty_value(a) && empty_value(b);
  if (a.is_object() && b.is_object()) {
    for (const auto& [key, value] : a.items()) {
      const auto other = b.find(key);
      if (other == b.end() ? !empty_value(value) : !same_meaning(value, *other)) return false;
    }
    for (const auto& [key, value] : b.items()) {
      if (!a.contains(key) && !empty_value(value)) return false;
    }
    return true;
  }
  if (a.is_array() && b.is_array()) {
    if (a.size() != b.size()) return false;
    for (size_t i = 0; i < a.size(); ++i) {
      if (!same_meaning(a[i], b[i])) return false;
    }
    return true;
  }
  return a == b;
}

}  // namespace salvor::local
