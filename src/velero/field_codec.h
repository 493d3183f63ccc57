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

template <typename T>
bool is_empty(const T&) {
  return false;
}
inline bool is_empty(const std::string& value) {
  return value.empty();
}
inline bool is_empty(bool value) {
  return !value;
}
inline bool is_empty(int value) {
  return value == 0;
}
inline bool is_empty(std::int64_t value) {
  return value == 0;
}
inline bool is_empty(const Json& value) {
  return value.is_null();
}
template <typename T>
bool is_empty(const std::vector<T>& value) {
  return value.empty();
}
template <typename K, typename V>
bool is_empty(const std::map<K, V>& value) {
  return value.empty();
}
template <typename T>
bool is_empty(const std::optional<T>& value) {
  return !value;
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

// --- values
// --------------------------------------------------------------------------------------------------------
void read_value(const Json& json, const std::string& path, std::string& value);
void read_value(const Json& json, const std::string& path, bool& value);
void read_value(const Json& json, const std::string& path, std::int64_t& value);
void read_value(const Json& json, const std::string& path, int& value);
void read_value(const Json& json, const std::string& path, base::Duration& value);
void read_value(const Json& json, const std::string& path, base::Time& value);
void read_value(const Json& json, const std::string& path, kube::LabelSelector& value);
inline void read_value(const Json& json, const std::string&, Json& value) {
  value = json;
}

template <typename T>
void read_value(const Json& json, const std::string& path, std::vector<T>& value) {
  if (!json.is_array()) fail_field(path, "a list", json);
  value.clear();
  for (size_t i = 0; i < json.size(); ++i)
    read_value(json[i], path + "[" + std::to_string(i) + "]", value.emplace_back());
}
template <typename T>
void read_value(const Json& json, const std::string& path, std::map<std::string, T>& value) {
  if (!json.is_object()) fail_field(path, "an object", json);
  value.clear();
  for (const auto& [key, member] : json.items()) read_value(member, path + "[\"" + key + "\"]", value[key]);
}
template <typename T>
void read_value(const Json& json, const std::string& path, std::optional<T>& value) {
  read_value(json, path, value.emplace());
}
template <typename T>
void read_value(const Json& json, const std::string& path, T& value) {
  if constexpr (HasOwnCodec<T>) {
    value = T::from_json(json, path);
  } else {
    FieldReader reader(json, path);
    Fields<T>::visit(reader, value);
  }
}

inline Json write_value(const std::string& value) {
  return value;
}
inline Json write_value(bool value) {
  return value;
}
inline Json write_value(int value) {
  return value;
}
inline Json write_value(std::int64_t value) {
  return value;
}
inline Json write_value(base::Duration value) {
  return base::format_duration(value);
}
inline Json write_value(base::Time value) {
  return base::format_rfc3339(value);
}
inline Json write_value(const kube::LabelSelector& value) {
  return value.to_json();
}
inline Json write_value(const Json& value) {
  return value;
}
template <typename T>
Json write_value(const std::vector<T>& value) {
  Json result = Json::array();
  for (const T& element : value) result.push_back(write_value(element));
  return result;
}
template <typename T>
Json write_value(const std::map<std::string, T>& value) {
  Json result = Json::object();
  for (const auto& [key, element] : value) result[key] = write_value(element);
  return result;
}
template <typename T>
Json write_value(const std::optional<T>& value) {
  return value ? write_value(*value) : Json();
}
template <typename T>
Json write_value(const T& value) {
  if constexpr (HasOwnCodec<T>) {
    return value.to_json();
  } else {
    FieldWriter writer;
    Fields<T>::visit(writer, value);
    return writer.take();
  }
}

// --- whole objects
// ------------------------------------------------------------------------------------------------- A message
// prefix such as `Backup "velero/daily"`.
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
