// Maps structs to JSON and back from one list of fields each, with the rules of Go's encoding/json, so that
// what we write has the member order and the omissions of what Velero writes. For the .cc files of the types
// only.
//
// A struct is described by specialising Fields:
//   template <> struct Fields<BackupProgress> {
//     static void visit(auto& field, auto& value) {
//       field("totalItems", value.total_items);           // `omitempty`
//       field.always("command", value.command);           // written even when empty
//     }
//   };
// Left out when empty: strings, numbers, false, lists, maps, optional. Always written: structs and durations,
// which Go's omitempty does not omit. null reads as absent. Malformed members throw kInvalidArgument with
// their path.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "base/clock.h"
#include "base/duration.h"
#include "base/error.h"
#include "codec/json.h"
#include "kube/selector.h"
#include "velero/object_meta.h"

namespace salvor::velero {

template <typename T>
struct Fields;

template <typename T>
concept HasOwnCodec = requires(const codec::Json& json, const T& value) {
  { T::from_json(json, std::string()) } -> std::same_as<T>;
  { value.to_json() } -> std::same_as<codec::Json>;
};

[[noreturn]] void fail_field(const std::string& path, std::string_view expected, const Json& found);

template <typename T>
void read_value(const Json& json, const std::string& path, T& value);
template <typename T>
Json write_value(const T& value);

class FieldReader {
 public:
  FieldReader(const Json& object, std::string path) : object_(object), path_(std::move(path)) {
    if (!object_.is_object()) fail_field(path_, "an object", object_);
  }
  template <typename T>
  void operator()(const char* name, T& value) {
    auto found = object_.find(name);
    if (found != object_.end() && !found->is_null())
      read_value(*found, path_.empty() ? std::string(name) : path_ + "." + name, value);
  }
  template <typename T>
  void always(const char* name, T& value) {
    (*this)(name, value);
  }
  void base64(const char* name, std::string& value);

 private:
  const Json& object_;
  std::string path_;
};

// What Go's omitempty leaves out.
template <typename T>
bool is_empty(const T& value) {
  if constexpr (std::is_same_v<T, Json>) {
    return value.is_null();
  } else if constexpr (std::is_arithmetic_v<T>) {
    return value == T{};
  } else if constexpr (std::is_same_v<T, kube::LabelSelector>) {
    return false;
  } else if constexpr (requires { value.has_value(); }) {
    return !value.has_value();
  } else if constexpr (requires { value.empty(); }) {
    return value.empty();
  } else {
    return false;
  }
}

class FieldWriter {
 public:
  template <typename T>
  void operator()(const char* name, const T& value) {
    if (!is_empty(value)) object_[name] = write_value(value);
  }
  template <typename T>
  void always(const char* name, const T& value) {
    object_[name] = write_value(value);
  }
  void base64(const char* name, const std::string& value);
  Json take() { return std::move(object_); }

 private:
  Json object_ = Json::object();
};

void read_leaf(const Json& json, const std::string& path, std::string& value);
void read_leaf(const Json& json, const std::string& path, bool& value);
void read_leaf(const Json& json, const std::string& path, std::int64_t& value);
void read_leaf(const Json& json, const std::string& path, int& value);
void read_leaf(const Json& json, const std::string& path, base::Duration& value);
void read_leaf(const Json& json, const std::string& path, base::Time& value);
void read_leaf(const Json& json, const std::string& path, kube::LabelSelector& value);
inline void read_leaf(const Json& json, const std::string&, Json& value) {
  value = json;
}

inline Json write_leaf(const std::string& value) {
  return value;
}
inline Json write_leaf(bool value) {
  return value;
}
inline Json write_leaf(int value) {
  return value;
}
inline Json write_leaf(std::int64_t value) {
  return value;
}
inline Json write_leaf(base::Duration value) {
  return base::format_duration(value);
}
inline Json write_leaf(base::Time value) {
  return base::format_rfc3339(value);
}
inline Json write_leaf(const kube::LabelSelector& value) {
  return value.to_json();
}
inline Json write_leaf(const Json& value) {
  return value;
}

template <typename T>
inline constexpr bool kIsLeaf =
    std::is_same_v<T, std::string> || std::is_same_v<T, bool> || std::is_same_v<T, int> ||
    std::is_same_v<T, std::int64_t> || std::is_same_v<T, base::Duration> || std::is_same_v<T, base::Time> ||
    std::is_same_v<T, kube::LabelSelector> || std::is_same_v<T, Json>;
template <typename T>
inline constexpr bool kIsOptional = false;
template <typename T>
inline constexpr bool kIsOptional<std::optional<T>> = true;
template <typename T>
inline constexpr bool kIsList = false;
template <typename T>
inline constexpr bool kIsList<std::vector<T>> = true;
template <typename T>
inline constexpr bool kIsMap = false;
template <typename T>
inline constexpr bool kIsMap<std::map<std::string, T>> = true;

template <typename T>
void read_value(const Json& json, const std::string& path, T& value) {
  if constexpr (kIsLeaf<T>) {
    read_leaf(json, path, value);
  } else if constexpr (kIsOptional<T>) {
    read_value(json, path, value.emplace());
  } else if constexpr (kIsList<T>) {
    if (!json.is_array()) fail_field(path, "a list", json);
    value.clear();
    for (size_t i = 0; i < json.size(); ++i)
      read_value(json[i], path + "[" + std::to_string(i) + "]", value.emplace_back());
  } else if constexpr (kIsMap<T>) {
    if (!json.is_object()) fail_field(path, "an object", json);
    value.clear();
    for (const auto& [key, member] : json.items()) read_value(member, path + "[\"" + key + "\"]", value[key]);
  } else if constexpr (HasOwnCodec<T>) {
    value = T::from_json(json, path);
  } else {
    FieldReader reader(json, path);
    Fields<T>::visit(reader, value);
  }
}

template <typename T>
Json write_value(const T& value) {
  if constexpr (kIsLeaf<T>) {
    return write_leaf(value);
  } else if constexpr (kIsOptional<T>) {
    return value ? write_value(*value) : Json();
  } else if constexpr (kIsList<T>) {
    Json result = Json::array();
    for (const auto& element : value) result.push_back(write_value(element));
    return result;
  } else if constexpr (kIsMap<T>) {
    Json result = Json::object();
    for (const auto& [key, element] : value) result[key] = write_value(element);
    return result;
  } else if constexpr (HasOwnCodec<T>) {
    return value.to_json();
  } else {
    FieldWriter writer;
    Fields<T>::visit(writer, value);
    return writer.take();
  }
}

// A message prefix such as `Backup "velero/daily"`.
std::string object_title(std::string_view kind, const Json& object);

// kind, when present, must be the one expected: a document of another kind is a mistake worth naming.
void check_kind(const Json& object, std::string_view kind);

// {kind, apiVersion, metadata, spec, status} as Go writes a velero.io object.
template <typename T>
T object_from_json(const Json& object, std::string_view kind) {
  try {
    check_kind(object, kind);
    T result;
    if (const Json* metadata = codec::find(object, {"metadata"}))
      result.metadata = ObjectMeta::from_json(*metadata);
    FieldReader reader(object, "");
    reader("spec", result.spec);
    reader("status", result.status);
    return result;
  } catch (base::Error& error) {
    error.add_context(object_title(kind, object));
    throw;
  }
}

template <typename T>
Json object_to_json(const T& object, std::string_view kind, std::string_view api_version = "velero.io/v1") {
  Json result = Json::object();
  result["kind"] = std::string(kind);
  result["apiVersion"] = std::string(api_version);
  result["metadata"] = object.metadata.to_json();
  result["spec"] = write_value(object.spec);
  result["status"] = write_value(object.status);
  return result;
}

}  // namespace salvor::velero
