#include "local/api/schema.h"

#include <fmt/format.h>

#include <cmath>

#include "base/text.h"
#include "local/api/schema_tables.h"

namespace salvor::local {

namespace {

using TypeMap = std::map<std::string, TypeSchema, std::less<>>;

FieldSchema parse_field(std::string_view text, TypeMap& types) {
  FieldSchema field;
  const size_t colon = text.find(':');
  field.name = text.substr(0, colon);
  text.remove_prefix(colon + 1);
  while (text.starts_with("[]") || text.starts_with("{}")) {
    field.shape += text.substr(0, 2);
    text.remove_prefix(2);
  }
  const size_t end = text.find_first_of("!@$^%&");
  const std::string_view type = text.substr(0, end);
  std::string_view marks = end == std::string_view::npos ? "" : text.substr(end);
  if (type.size() == 1) {
    field.scalar = type[0];
  } else {
    field.type = &types[std::string(type)];
  }
  while (!marks.empty()) {
    const char mark = marks[0];
    marks.remove_prefix(1);
    const std::string_view value = marks.substr(0, marks.find_first_of("!@$^%&"));
    marks.remove_prefix(value.size());
    if (mark == '!') field.required = true;
    if (mark == '$') field.is_set = true;
    if (mark == '^') field.atomic = true;
    if (mark == '&') field.retain_keys = true;
    if (mark == '@') field.list_keys = base::split(value, '+');
    if (mark == '%') {
      field.merge = true;
      field.merge_key = value;
    }
  }
  return field;
}

void parse_table(std::string_view table, TypeMap& types) {
  TypeSchema* type = nullptr;
  for (const std::string& line : base::split(table, '\n')) {
    if (line.empty()) continue;
    auto words = base::split(base::trim(line), ' ');
    if (line[0] != ' ') {
      std::string name = words.front();
      words.erase(words.begin());
      const bool atomic = name.ends_with('^');
      if (atomic) name.pop_back();
      type = &types[name];
      type->name = name;
      type->atomic = atomic;
    }
    for (const std::string& word : words) type->fields.push_back(parse_field(word, types));
  }
}

TypeMap make_types() {
  TypeMap types;
  for (const char* table : {kCoreSchema, kWorkloadSchema, kClusterSchema}) parse_table(table, types);
  for (auto& [name, type] : types) {
    std::sort(type.fields.begin(), type.fields.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
  }
  return types;
}

const char* go_type(char scalar) {
  switch (scalar) {
    case 'i':
      return "int32";
    case 'l':
      return "int64";
    case 'n':
      return "float64";
    case 'b':
      return "bool";
    case 'y':
      return "[]uint8";
    case 't':
      return "v1.Time";
    case 'm':
      return "v1.MicroTime";
    case 'q':
      return "resource.Quantity";
    default:
      return "string";
  }
}

const char* json_type(const Json& value) {
  if (value.is_string()) return "string";
  if (value.is_boolean()) return "bool";
  if (value.is_number()) return "number";
  if (value.is_array()) return "array";
  return "object";
}

bool scalar_fits(const Json& value, char scalar) {
  switch (scalar) {
    case 's':
    case 'y':
    case 't':
    case 'm':
      return value.is_string();
    case 'i':
      return value.is_number_integer() && value.get<double>() >= -2147483648.0 &&
             value.get<double>() <= 2147483647.0;
    case 'l':
      return value.is_number_integer() ||
             (value.is_number_float() && value.get<double>() == std::floor(value.get<double>()));
    case 'n':
      return value.is_number();
    case 'b':
      return value.is_boolean();
    case 'q':
      return value.is_string() || value.is_number();
    case 'x':
      return value.is_string() || value.is_number_integer();
    case 'o':
      return value.is_object();
    default:
      return true;
  }
}

class Conformer {
 public:
  explicit Conformer(TypeProblems& problems) : problems_(problems) {}

  void object(Json& value, const TypeSchema& type, const std::string& path) {
    if (!value.is_object()) return mismatch(value, type.name, path);
    for (auto member = value.begin(); member != value.end();) {
      const FieldSchema* field = type.field(member.key());
      if (field == nullptr) {
        if (type.open) {
          ++member;
          continue;
        }
        problems_.unknown.push_back(join(path, member.key()));
        member = value.erase(member);
      } else if (member.value().is_null()) {
        member = value.erase(member);
      } else {
        element(member.value(), *field, field->shape, join(path, member.key()));
        ++member;
      }
    }
    for (const FieldSchema& field : type.fields) {
      if (field.required && !value.contains(field.name)) problems_.missing.push_back(join(path, field.name));
    }
  }

 private:
  static std::string join(const std::string& path, const std::string& name) {
    return path.empty() ? name : path + "." + name;
  }

  void mismatch(const Json& value, std::string_view wanted, const std::string& path) {
    if (!problems_.mismatch.empty()) return;
    problems_.mismatch = fmt::format("json: cannot unmarshal {} into Go struct field {} of type {}",
                                     json_type(value), path, wanted);
  }

  void element(Json& value, const FieldSchema& field, std::string_view shape, const std::string& path) {
    if (shape.starts_with("[]")) {
      if (!value.is_array())
        return mismatch(
            value, "[]" + std::string(field.scalar != 0 ? go_type(field.scalar) : field.type->name), path);
      for (size_t i = 0; i < value.size(); ++i) {
        element(value[i], field, shape.substr(2), fmt::format("{}[{}]", path, i));
      }
    } else if (shape.starts_with("{}")) {
      if (!value.is_object())
        return mismatch(
            value, "map[string]" + std::string(field.scalar != 0 ? go_type(field.scalar) : field.type->name),
            path);
      for (auto& [key, member] : value.items()) {
        // Go reads null as the type's zero.
        if (member.is_null() && (field.scalar == 's' || field.scalar == 'y')) member = "";
        element(member, field, shape.substr(2), join(path, key));
      }
    } else if (field.type != nullptr) {
      if (value.is_null()) return;
      object(value, *field.type, path);
    } else if (!scalar_fits(value, field.scalar)) {
      mismatch(value, go_type(field.scalar), path);
    } else if (field.scalar == 'q' && value.is_number()) {
      // Quantities are strings on the wire, whatever they came as.
      value = value.dump();
    }
  }

  TypeProblems& problems_;
};

}  // namespace

const FieldSchema* TypeSchema::field(std::string_view field_name) const {
  const auto found =
      std::lower_bound(fields.begin(), fields.end(), field_name,
                       [](const FieldSchema& field, std::string_view key) { return field.name < key; });
  return found != fields.end() && found->name == field_name ? &*found : nullptr;
}

const TypeMap& builtin_types() {
  static const TypeMap types = make_types();
  return types;
}

const TypeSchema* find_builtin_type(std::string_view name) {
  const auto found = builtin_types().find(name);
  return found == builtin_types().end() ? nullptr : &found->second;
}

TypeProblems conform(Json& object, const TypeSchema& type) {
  TypeProblems problems;
  Conformer(problems).object(object, type, "");
  return problems;
}

std::unique_ptr<TypeSchema> type_from_openapi(const Json& schema, const std::string& name) {
  auto type = std::make_unique<TypeSchema>();
  type->name = name;
  type->open = true;
  type->atomic = codec::get_string(schema, {"x-kubernetes-map-type"}) == "atomic";
  const Json* properties = codec::find(schema, {"properties"});
  if (properties == nullptr || !properties->is_object()) return type;
  for (const auto& [key, value] : properties->items()) {
    FieldSchema field;
    field.name = key;
    const Json* element = &value;
    field.atomic = codec::get_string(value, {"x-kubernetes-map-type"}) == "atomic";
    field.is_set = codec::get_string(value, {"x-kubernetes-list-type"}) == "set";
    if (codec::get_string(value, {"x-kubernetes-list-type"}) == "map") {
      for (const Json& list_key : value.value("x-kubernetes-list-map-keys", Json::array())) {
        if (list_key.is_string()) field.list_keys.push_back(list_key.get<std::string>());
      }
    }
    while (true) {
      if (const Json* items = codec::find(*element, {"items"}); items != nullptr && items->is_object()) {
        field.shape += "[]";
        element = items;
      } else if (const Json* more = codec::find(*element, {"additionalProperties"});
                 more != nullptr && more->is_object()) {
        field.shape += "{}";
        element = more;
      } else {
        break;
      }
    }
    if (key == "metadata" && name.find('.') == std::string::npos) {
      field.type = find_builtin_type("meta.ObjectMeta");
    } else if (element->contains("properties")) {
      type->owned.push_back(type_from_openapi(*element, name + "." + key));
      field.type = type->owned.back().get();
    } else {
      field.scalar = 'a';
    }
    type->fields.push_back(std::move(field));
  }
  if (type->field("metadata") == nullptr && name.find('.') == std::string::npos) {
    FieldSchema metadata;
    metadata.name = "metadata";
    metadata.type = find_builtin_type("meta.ObjectMeta");
    type->fields.push_back(std::move(metadata));
  }
  std::sort(type->fields.begin(), type->fields.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return type;
}

}  // namespace salvor::local
