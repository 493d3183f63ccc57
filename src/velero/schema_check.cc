#include "velero/schema_check.h"

#include <map>

#include "velero/crds.h"

namespace salvor::velero {

namespace {

using codec::Json;

void find_unknown(const Json& value, const Json& schema, const std::string& path,
                  std::vector<std::string>& found) {
  if (value.is_array()) {
    const auto items = schema.find("items");
    if (items == schema.end()) return;
    for (size_t i = 0; i < value.size(); ++i)
      find_unknown(value[i], *items, fmt::format("{}[{}]", path, i), found);
    return;
  }
  // Without properties everything goes: maps, and objects of other APIs.
  const auto properties = schema.find("properties");
  if (!value.is_object() || properties == schema.end()) return;
  for (const auto& [name, member] : value.items()) {
    const auto known = properties->find(name);
    if (known == properties->end())
      found.push_back(path + "." + name);
    else
      find_unknown(member, *known, path + "." + name, found);
  }
}

std::map<std::string, Json> spec_schemas() {
  std::map<std::string, Json> result;
  for (const auto& definition : custom_resource_definitions()) {
    const auto& version = definition.at("spec").at("versions").at(0);
    result[codec::get_string(definition, {"spec", "names", "kind"})] =
        version.at("schema").at("openAPIV3Schema").at("properties").at("spec");
  }
  return result;
}

}  // namespace

std::vector<std::string> unknown_spec_fields(const Json& object, const std::string& kind) {
  static const auto schemas = spec_schemas();
  std::vector<std::string> found;
  const auto schema = schemas.find(kind);
  const auto spec = object.find("spec");
  if (schema != schemas.end() && spec != object.end()) find_unknown(*spec, schema->second, "spec", found);
  return found;
}

std::string describe_unknown_fields(const Json& object, const std::string& kind) {
  const auto unknown = unknown_spec_fields(object, kind);
  return unknown.empty() ? "" : fmt::format("{}: unknown field", fmt::join(unknown, ", "));
}

}  // namespace salvor::velero
