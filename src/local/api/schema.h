// Types of Kubernetes objects: what fields they have, and how lists in them merge. Built-in types come from
// the tables in schema_tables.h; those of custom resources are made from their OpenAPI schema. Immutable once
// made; built-in types live for ever.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "codec/json.h"

namespace salvor::local {

using codec::Json;

struct TypeSchema;

struct FieldSchema {
  std::string name;
  std::string shape;  // the [] and {} in front of the element's type: "", "[]", "{}", "{}[]", ...
  char scalar = 0;    // letter of the element's type; 0 when it is an object of `type`
  const TypeSchema* type = nullptr;
  bool required = false, is_set = false, atomic = false, merge = false, retain_keys = false;
  std::string merge_key;               // of strategic merge; empty with merge: plain values
  std::vector<std::string> list_keys;  // of server-side apply

  bool is_list() const { return shape.starts_with("[]"); }
  bool is_map() const { return shape.starts_with("{}"); }
};

struct TypeSchema {
  std::string name;
  bool atomic = false;
  bool open = false;                               // unknown members are kept
  std::vector<FieldSchema> fields;                 // sorted by name
  std::vector<std::unique_ptr<TypeSchema>> owned;  // of custom resources: nested types

  const FieldSchema* field(std::string_view field_name) const;
};

// nullptr when there is no such type.
const TypeSchema* find_builtin_type(std::string_view name);
const std::map<std::string, TypeSchema, std::less<>>& builtin_types();

struct TypeProblems {
  std::vector<std::string> unknown;  // paths of members that the type does not have
  std::vector<std::string> missing;  // paths of required fields that are absent
  std::string mismatch;              // first value of a wrong type, as a message; empty if none
};

// Checks an object against its type and removes what the type does not have, and nulls.
TypeProblems conform(Json& object, const TypeSchema& type);

// A type for server-side apply from a structural OpenAPI schema.
std::unique_ptr<TypeSchema> type_from_openapi(const Json& schema, const std::string& name);

}  // namespace salvor::local
