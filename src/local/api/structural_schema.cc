#include "local/api/structural_schema.h"

#include <fmt/format.h>

#include <regex>

#include "base/clock.h"
#include "local/api/json_paths.h"

namespace salvor::local {

namespace {

bool flag(const Json& schema, const char* name) {
  const auto found = schema.find(name);
  return found != schema.end() && found->is_boolean() && found->get<bool>();
}

std::string type_of(const Json& value) {
  if (value.is_string()) return "string";
  if (value.is_boolean()) return "boolean";
  if (value.is_number_integer()) return "integer";
  if (value.is_number()) return "number";
  if (value.is_array()) return "array";
  if (value.is_null()) return "null";
  return "object";
}

class OpenApi {
 public:
  OpenApi(TypeProblems& problems, std::vector<FailureCause>& found) : problems_(problems), found_(found) {}

  void object(Json& value, const Json& schema, const std::string& path, bool root) {
    const Json properties = schema.value("properties", Json::object());
    const auto additional = schema.find("additionalProperties");
    for (const auto& [name, property] : properties.items()) {
      const auto fallback = property.find("default");
      if (fallback == property.end()) continue;
      const bool null = value.contains(name) && value[name].is_null() && !flag(property, "nullable");
      if (!value.contains(name) || null) value[name] = *fallback;
    }
    for (auto member = value.begin(); member != value.end();) {
      const std::string at = path.empty() ? member.key() : path + "." + member.key();
      const auto property = properties.find(member.key());
      if (root && (member.key() == "apiVersion" || member.key() == "kind" || member.key() == "metadata")) {
        ++member;
      } else if (property != properties.end()) {
        if (member.value().is_null() && !flag(*property, "nullable") &&
            !flag(*property, "x-kubernetes-preserve-unknown-fields")) {
          member = value.erase(member);  // null without nullable is as if absent
          continue;
        }
        element(member.value(), *property, at);
        ++member;
      } else if (additional != schema.end() && additional->is_object()) {
        element(member.value(), *additional, at);
        ++member;
      } else if ((additional != schema.end() && *additional == true) ||
                 flag(schema, "x-kubernetes-preserve-unknown-fields")) {
        ++member;
      } else if (flag(schema, "x-kubernetes-embedded-resource") &&
                 (member.key() == "apiVersion" || member.key() == "kind" || member.key() == "metadata")) {
        ++member;
      } else {
        problems_.unknown.push_back(at);
        member = value.erase(member);
      }
    }
    for (const Json& name : schema.value("required", Json::array())) {
      if (name.is_string() && !value.contains(name.get<std::string>())) {
        found_.push_back(causes::required((path.empty() ? "" : path + ".") + name.get<std::string>()));
      }
    }
    bound(schema, "minProperties", value.size(), path, value, "should have at least {} properties", true);
    bound(schema, "maxProperties", value.size(), path, value, "must have at most {} properties", false);
  }

 private:
  void element(Json& value, const Json& schema, const std::string& path) {
    if (!schema.is_object()) return;
    if (value.is_null() && flag(schema, "nullable")) return;
    if (!fits(value, schema)) {
      found_.push_back(causes::type_invalid(path, type_of(value),
                                            fmt::format("{} in body must be of type {}: \"{}\"", path,
                                                        schema.value("type", "integer"), type_of(value))));
      return;
    }
    if (value.is_object()) object(value, schema, path, false);
    if (value.is_array()) list(value, schema, path);
    scalar(value, schema, path);
    for (const char* name : {"allOf"}) {
      for (const Json& part : schema.value(name, Json::array())) scalar(value, part, path);
    }
  }

  static bool fits(const Json& value, const Json& schema) {
    if (flag(schema, "x-kubernetes-int-or-string")) return value.is_string() || value.is_number_integer();
    const std::string type = schema.value("type", "");
    if (type.empty()) return true;
    const std::string actual = type_of(value);
    if (type == "number") return actual == "number" || actual == "integer";
    return actual == type;
  }

  void list(Json& value, const Json& schema, const std::string& path) {
    if (const auto items = schema.find("items"); items != schema.end()) {
      for (size_t i = 0; i < value.size(); ++i) element(value[i], *items, fmt::format("{}[{}]", path, i));
    }
    bound(schema, "minItems", value.size(), path, value, "should have at least {} items", true);
    bound(schema, "maxItems", value.size(), path, value, "must have at most {} items", false);
    const std::string kind = schema.value("x-kubernetes-list-type", "");
    if (kind != "set" && kind != "map") return;
    std::vector<Json> seen;
    for (size_t i = 0; i < value.size(); ++i) {
      Json key = value[i];
      if (kind == "map") {
        key = Json::object();
        for (const Json& name : schema.value("x-kubernetes-list-map-keys", Json::array())) {
          if (value[i].is_object())
            key[name.get<std::string>()] = value[i].value(name.get<std::string>(), Json());
        }
      }
      if (std::find(seen.begin(), seen.end(), key) != seen.end()) {
        found_.push_back(causes::duplicate(fmt::format("{}[{}]", path, i), key));
      }
      seen.push_back(std::move(key));
    }
  }

  void scalar(const Json& value, const Json& schema, const std::string& path) {
    if (const auto choices = schema.find("enum"); choices != schema.end() && choices->is_array()) {
      if (std::find(choices->begin(), choices->end(), value) == choices->end()) {
        std::vector<std::string> supported;
        for (const Json& choice : *choices) {
          supported.push_back(choice.is_string() ? choice.get<std::string>() : choice.dump());
        }
        found_.push_back(causes::unsupported(path, value, supported));
      }
    }
    if (value.is_number()) number(value, schema, path);
    if (value.is_string()) text(value, schema, path);
  }

  void number(const Json& value, const Json& schema, const std::string& path) {
    const double number = value.get<double>();
    if (const auto low = schema.find("minimum"); low != schema.end()) {
      const bool exclusive = flag(schema, "exclusiveMinimum");
      if (exclusive ? number <= low->get<double>() : number < low->get<double>()) {
        found_.push_back(causes::invalid(path, value,
                                         fmt::format("{} in body should be greater than {}{}", path,
                                                     exclusive ? "" : "or equal to ", low->dump())));
      }
    }
    if (const auto high = schema.find("maximum"); high != schema.end()) {
      const bool exclusive = flag(schema, "exclusiveMaximum");
      if (exclusive ? number >= high->get<double>() : number > high->get<double>()) {
        found_.push_back(causes::invalid(path, value,
                                         fmt::format("{} in body should be less than {}{}", path,
                                                     exclusive ? "" : "or equal to ", high->dump())));
      }
    }
  }

  void text(const Json& value, const Json& schema, const std::string& path) {
    const std::string text = value.get<std::string>();
    const auto length = static_cast<size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
    bound(schema, "minLength", length, path, value, "should be at least {} chars long", true);
    bound(schema, "maxLength", length, path, value, "may not be more than {} bytes", false);
    if (const std::string pattern = schema.value("pattern", ""); !pattern.empty()) {
      try {
        if (!std::regex_search(text, std::regex(pattern, std::regex::ECMAScript))) {
          found_.push_back(
              causes::invalid(path, value, fmt::format("{} in body should match '{}'", path, pattern)));
        }
      } catch (const std::regex_error&) {
        // Go's syntax knows forms that this one does not; such a pattern refuses nothing.
      }
    }
    if (schema.value("format", "") == "date-time" && !base::parse_rfc3339(text)) {
      found_.push_back(causes::invalid(
          path, value, fmt::format("{} in body must be of type date-time: {}", path, value.dump())));
    }
  }

  void bound(const Json& schema, const char* name, size_t size, const std::string& path, const Json& value,
             const char* message, bool minimum) {
    const auto limit = schema.find(name);
    if (limit == schema.end() || !limit->is_number()) return;
    const auto number = limit->get<std::uint64_t>();
    if (minimum ? size >= number : size <= number) return;
    found_.push_back(
        causes::invalid(path, value, path + " in body " + fmt::format(fmt::runtime(message), number)));
  }

  TypeProblems& problems_;
  std::vector<FailureCause>& found_;
};

}  // namespace

TypeProblems conform_to_open_api(Json& object, const Json& schema, std::vector<FailureCause>& found) {
  TypeProblems problems;
  if (Json* metadata = at_path(object, "metadata"); metadata != nullptr) {
    TypeProblems inner = conform(*metadata, *find_builtin_type("meta.ObjectMeta"));
    for (const std::string& path : inner.unknown) problems.unknown.push_back("metadata." + path);
    problems.mismatch = inner.mismatch;
  }
  if (!schema.is_object()) return problems;
  OpenApi(problems, found).object(object, schema, "", true);
  return problems;
}

}  // namespace salvor::local
