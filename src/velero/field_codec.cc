#include "velero/field_codec.h"

#include "codec/hash.h"

namespace salvor::velero {
namespace {

std::string_view json_type(const Json& value) {
  if (value.is_null()) return "null";
  if (value.is_boolean()) return "a boolean";
  if (value.is_number()) return "a number";
  if (value.is_string()) return "a string";
  return value.is_array() ? "a list" : "an object";
}

}  // namespace

void fail_field(const std::string& path, std::string_view expected, const Json& found) {
  base::fail(base::ErrorCode::kInvalidArgument, "{}: expected {}, found {}", path.empty() ? "document" : path,
             expected, json_type(found));
}

void read_leaf(const Json& json, const std::string& path, std::string& value) {
  if (!json.is_string()) fail_field(path, "a string", json);
  value = json.get<std::string>();
}

void read_leaf(const Json& json, const std::string& path, bool& value) {
  if (!json.is_boolean()) fail_field(path, "a boolean", json);
  value = json.get<bool>();
}

void read_leaf(const Json& json, const std::string& path, std::int64_t& value) {
  if (!json.is_number_integer()) fail_field(path, "a whole number", json);
  if (json.is_number_unsigned() &&
      json.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    base::fail(base::ErrorCode::kInvalidArgument, "{}: number out of range", path);
  value = json.get<std::int64_t>();
}

void read_leaf(const Json& json, const std::string& path, int& value) {
  std::int64_t wide = 0;
  read_leaf(json, path, wide);
  if (wide < std::numeric_limits<int>::min() || wide > std::numeric_limits<int>::max())
    base::fail(base::ErrorCode::kInvalidArgument, "{}: number out of range", path);
  value = static_cast<int>(wide);
}

void read_leaf(const Json& json, const std::string& path, base::Duration& value) {
  if (!json.is_string()) fail_field(path, "a duration such as \"1h30m\"", json);
  auto parsed = base::parse_duration(json.get_ref<const std::string&>());
  if (!parsed)
    base::fail(base::ErrorCode::kInvalidArgument, "{}: invalid duration \"{}\"", path,
               json.get<std::string>());
  value = *parsed;
}

void read_leaf(const Json& json, const std::string& path, base::Time& value) {
  if (!json.is_string()) fail_field(path, "an RFC 3339 time", json);
  auto parsed = base::parse_rfc3339(json.get_ref<const std::string&>());
  if (!parsed)
    base::fail(base::ErrorCode::kInvalidArgument, "{}: invalid time \"{}\"", path, json.get<std::string>());
  value = *parsed;
}

void read_leaf(const Json& json, const std::string& path, kube::LabelSelector& value) {
  try {
    value = kube::LabelSelector::from_json(json);
  } catch (base::Error& error) {
    error.add_context(path);
    throw;
  }
}

void FieldReader::base64(const char* name, std::string& value) {
  std::string text;
  (*this)(name, text);
  auto decoded = codec::from_base64(text);
  if (!decoded) base::fail(base::ErrorCode::kInvalidArgument, "{}.{}: not base64", path_, name);
  value = std::move(*decoded);
}

void FieldWriter::base64(const char* name, const std::string& value) {
  if (!value.empty()) object_[name] = codec::to_base64(value);
}

std::string object_title(std::string_view kind, const Json& object) {
  if (!object.is_object()) return std::string(kind);
  const std::string name = codec::get_string(object, {"metadata", "name"});
  const std::string name_space = codec::get_string(object, {"metadata", "namespace"});
  return fmt::format("{} \"{}{}{}\"", kind, name_space, name_space.empty() ? "" : "/", name);
}

void check_kind(const Json& object, std::string_view kind) {
  if (!object.is_object()) fail_field("", "an object", object);
  const std::string found = codec::get_string(object, {"kind"});
  if (!found.empty() && found != kind)
    base::fail(base::ErrorCode::kInvalidArgument, "kind: expected \"{}\", found \"{}\"", kind, found);
}

}  // namespace salvor::velero
