#include "local/api/open_api.h"

#include <fmt/format.h>

#include <set>

#include "codec/hash.h"
#include "local/api/protobuf_writer.h"

namespace salvor::local {

namespace {

constexpr const char* kTitle = "Kubernetes";
constexpr const char* kVersion = "v1.36.0";
constexpr const char* kParameters[] = {"dryRun", "fieldManager", "fieldValidation", "force"};

std::string object_path(const Kind& kind) {
  const std::string root = kind.group.empty() ? "/api/" + kind.version : "/apis/" + kind.api_version();
  return root + (kind.namespaced ? "/namespaces/{namespace}/" : "/") + kind.plural + "/{name}";
}

std::string group_version_path(const Kind& kind) {
  return kind.group.empty() ? "api/" + kind.version : "apis/" + kind.api_version();
}

// Kinds with PATCH, which is where clients look for what a server supports.
bool patchable(const Kind& kind) {
  return kind.has_verb("patch");
}

ProtobufWriter kind_extension(const Kind& kind) {
  const std::string yaml =
      fmt::format("group: \"{}\"\nkind: \"{}\"\nversion: \"{}\"\n", kind.group, kind.kind, kind.version);
  ProtobufWriter any, named;
  any.text(2, yaml);
  return named.text(1, "x-kubernetes-group-version-kind").message(2, any);
}

std::string protobuf_v2(const std::vector<KindPtr>& kinds) {
  ProtobufWriter paths;
  for (const KindPtr& kind : kinds) {
    if (!patchable(*kind)) continue;
    ProtobufWriter operation;
    operation.text(5, "patch" + kind->kind);
    for (const char* name : kParameters) {
      ProtobufWriter query, other, parameter, item;
      query.text(2, "query").text(4, name).text(6, std::string_view(name) == "force" ? "boolean" : "string");
      item.message(1, parameter.message(2, other.message(3, query)));
      operation.message(8, item);
    }
    ProtobufWriter responses, response, value, named;
    named.text(1, "200").message(2, value.message(1, response.text(1, "OK")));
    operation.message(9, responses.message(1, named));
    operation.message(13, kind_extension(*kind));
    ProtobufWriter item, path;
    item.message(8, operation);
    paths.message(2, path.text(1, object_path(*kind)).message(2, item));
  }
  ProtobufWriter document, info;
  document.text(1, "2.0").message(2, info.text(1, kTitle).text(2, kVersion)).message(8, paths);
  return document.message(9, ProtobufWriter()).data();
}

std::string protobuf_v3(const std::vector<KindPtr>& kinds, const std::string& group_version) {
  ProtobufWriter paths;
  for (const KindPtr& kind : kinds) {
    if (!patchable(*kind) || group_version_path(*kind) != group_version) continue;
    ProtobufWriter operation;
    operation.text(5, "patch" + kind->kind);
    for (const char* name : kParameters) {
      ProtobufWriter parameter, item;
      operation.message(6, item.message(1, parameter.text(1, name).text(2, "query")));
    }
    operation.message(13, kind_extension(*kind));
    ProtobufWriter item, path;
    item.message(10, operation);
    paths.message(1, path.text(1, object_path(*kind)).message(2, item));
  }
  ProtobufWriter document, info;
  return document.text(1, "3.0.0")
      .message(2, info.text(1, kTitle).text(6, kVersion))
      .message(4, paths)
      .data();
}

// Names of types as the documentation has them.
std::string definition_name(const std::string& type) {
  if (type.starts_with("meta.")) return "io.k8s.apimachinery.pkg.apis.meta.v1." + type.substr(5);
  if (type.starts_with("core.")) return "io.k8s.api.core.v1." + type.substr(5);
  if (type.starts_with("apiextensions.")) return "io.k8s.apiextensions-apiserver.pkg.apis." + type;
  if (type.starts_with("apiregistration.")) return "io.k8s.kube-aggregator.pkg.apis." + type;
  return "io.k8s.api." + type;
}

Json scalar_schema(char scalar) {
  switch (scalar) {
    case 'i':
      return {{"type", "integer"}, {"format", "int32"}};
    case 'l':
      return {{"type", "integer"}, {"format", "int64"}};
    case 'n':
      return {{"type", "number"}};
    case 'b':
      return {{"type", "boolean"}};
    case 'y':
      return {{"type", "string"}, {"format", "byte"}};
    case 't':
    case 'm':
      return {{"type", "string"}, {"format", "date-time"}};
    case 'x':
      return {{"type", "string"}, {"format", "int-or-string"}};
    case 'o':
      return {{"type", "object"}};
    case 'a':
      return {{"x-kubernetes-preserve-unknown-fields", true}};
    default:
      return {{"type", "string"}};
  }
}

Json field_schema(const FieldSchema& field, std::string_view shape, const std::string& root,
                  std::set<const TypeSchema*>& used) {
  if (shape.starts_with("[]")) {
    Json schema = {{"type", "array"}, {"items", field_schema(field, shape.substr(2), root, used)}};
    if (shape.size() != field.shape.size()) return schema;
    if (!field.list_keys.empty()) {
      schema["x-kubernetes-list-type"] = "map";
      schema["x-kubernetes-list-map-keys"] = field.list_keys;
    } else {
      schema["x-kubernetes-list-type"] = field.is_set ? "set" : "atomic";
    }
    if (field.merge) schema["x-kubernetes-patch-strategy"] = "merge";
    if (!field.merge_key.empty()) schema["x-kubernetes-patch-merge-key"] = field.merge_key;
    return schema;
  }
  if (shape.starts_with("{}")) {
    return {{"type", "object"}, {"additionalProperties", field_schema(field, shape.substr(2), root, used)}};
  }
  if (field.type == nullptr) return scalar_schema(field.scalar);
  used.insert(field.type);
  return {{"$ref", root + definition_name(field.type->name)}};
}

Json type_schema(const TypeSchema& type, const std::string& root, std::set<const TypeSchema*>& used) {
  Json properties = Json::object(), required = Json::array();
  for (const FieldSchema& field : type.fields) {
    properties[field.name] = field_schema(field, field.shape, root, used);
    if (field.retain_keys) properties[field.name]["x-kubernetes-patch-strategy"] = "retainKeys";
    if (field.required) required.push_back(field.name);
  }
  Json schema = {{"type", "object"}, {"properties", properties}};
  if (!required.empty()) schema["required"] = required;
  return schema;
}

// Schemas of kinds and of all types that they use. group_version "": of all.
Json schemas(const std::vector<KindPtr>& kinds, const std::string& group_version, const std::string& root) {
  Json result = Json::object();
  std::set<const TypeSchema*> used, done;
  for (const KindPtr& kind : kinds) {
    if (!group_version.empty() && group_version_path(*kind) != group_version) continue;
    const Json identity =
        Json::array({{{"group", kind->group}, {"kind", kind->kind}, {"version", kind->version}}});
    if (kind->custom) {
      std::string reversed;
      for (size_t end = kind->group.size(); end != std::string::npos;) {
        const size_t dot = kind->group.rfind('.', end - 1);
        reversed += kind->group.substr(dot == std::string::npos ? 0 : dot + 1,
                                       end - (dot == std::string::npos ? 0 : dot + 1)) +
                    ".";
        end = dot == 0 ? std::string::npos : dot;
      }
      Json schema = kind->open_api.is_object() ? kind->open_api : Json{{"type", "object"}};
      schema["properties"]["apiVersion"] = {{"type", "string"}};
      schema["properties"]["kind"] = {{"type", "string"}};
      used.insert(find_builtin_type("meta.ObjectMeta"));
      schema["properties"]["metadata"] = {{"$ref", root + definition_name("meta.ObjectMeta")}};
      schema["x-kubernetes-group-version-kind"] = identity;
      result[reversed + kind->version + "." + kind->kind] = std::move(schema);
    } else if (kind->type != nullptr) {
      Json schema = type_schema(*kind->type, root, used);
      schema["x-kubernetes-group-version-kind"] = identity;
      done.insert(kind->type);
      result[definition_name(kind->type->name)] = std::move(schema);
    }
  }
  while (!used.empty()) {
    const TypeSchema* type = *used.begin();
    used.erase(used.begin());
    if (!done.insert(type).second) continue;
    result[definition_name(type->name)] = type_schema(*type, root, used);
    for (const TypeSchema* finished : done) used.erase(finished);
  }
  return result;
}

Json paths_json(const std::vector<KindPtr>& kinds, const std::string& group_version, bool v3) {
  Json paths = Json::object();
  for (const KindPtr& kind : kinds) {
    if (!patchable(*kind) || (!group_version.empty() && group_version_path(*kind) != group_version)) continue;
    Json parameters = Json::array();
    for (const char* name : kParameters) {
      Json parameter = {{"name", name}, {"in", "query"}};
      const Json type = {{"type", std::string_view(name) == "force" ? "boolean" : "string"}};
      if (v3) {
        parameter["schema"] = type;
      } else {
        parameter["type"] = type["type"];
      }
      parameters.push_back(std::move(parameter));
    }
    paths[object_path(*kind)] = {
        {"patch",
         {{"operationId", "patch" + kind->kind},
          {"parameters", parameters},
          {"responses", {{"200", {{"description", "OK"}}}}},
          {"x-kubernetes-group-version-kind",
           {{"group", kind->group}, {"kind", kind->kind}, {"version", kind->version}}}}}};
  }
  return paths;
}

Json json_v2(const std::vector<KindPtr>& kinds) {
  return {{"swagger", "2.0"},
          {"info", {{"title", kTitle}, {"version", kVersion}}},
          {"paths", paths_json(kinds, "", false)},
          {"definitions", schemas(kinds, "", "#/definitions/")}};
}

Json json_v3(const std::vector<KindPtr>& kinds, const std::string& group_version) {
  return {{"openapi", "3.0.0"},
          {"info", {{"title", kTitle}, {"version", kVersion}}},
          {"paths", paths_json(kinds, group_version, true)},
          {"components", {{"schemas", schemas(kinds, group_version, "#/components/schemas/")}}}};
}

std::string index_v3(const std::vector<KindPtr>& kinds, std::uint64_t generation) {
  Json paths = Json::object();
  for (const KindPtr& kind : kinds) {
    const std::string path = group_version_path(*kind);
    // Clients keep documents as long as their hash is the same; custom kinds come and go.
    const std::string hash =
        codec::to_hex(codec::sha256(fmt::format("{}{}{}", path, kVersion, kind->custom ? generation : 0)));
    paths[path] = {{"serverRelativeURL", fmt::format("/openapi/v3/{}?hash={}", path, hash)}};
  }
  return codec::to_json({{"paths", paths}}, 0, false);
}

}  // namespace

std::string OpenApiDocuments::document(const std::string& path, bool protobuf) {
  std::lock_guard lock(mutex_);
  if (generation_ != kinds_.generation()) {
    cache_.clear();
    generation_ = kinds_.generation();
  }
  const auto kinds = kinds_.all();
  // JSON forms are large and rare; only what every kubectl asks for is kept.
  if (!protobuf) return codec::to_json(path.empty() ? json_v2(kinds) : json_v3(kinds, path), 0, false);
  std::string& cached = cache_[path];
  if (cached.empty()) cached = path.empty() ? protobuf_v2(kinds) : protobuf_v3(kinds, path);
  return cached;
}

bool OpenApiDocuments::answer(Exchange& exchange) {
  const auto& segments = exchange.info.segments;
  if (segments.size() < 2) return false;
  const bool protobuf = exchange.http.header("Accept").find("proto-openapi") != std::string_view::npos;
  const std::string type =
      protobuf ? fmt::format("application/com.github.proto-openapi.spec.{}.v1.0+protobuf", segments[1])
               : std::string("application/json");
  if (segments[1] == "v2" && segments.size() == 2) {
    exchange.reply.send(200, {{"Content-Type", type}, {"Vary", "Accept"}}, document("", protobuf));
    return true;
  }
  if (segments[1] != "v3") return false;
  if (segments.size() == 2) {
    exchange.reply.send(200, {{"Content-Type", "application/json"}},
                        index_v3(kinds_.all(), kinds_.generation()));
    return true;
  }
  std::string path = segments[2];
  for (size_t i = 3; i < segments.size(); ++i) path += "/" + segments[i];
  const auto kinds = kinds_.all();
  const bool known = std::any_of(kinds.begin(), kinds.end(),
                                 [&](const KindPtr& kind) { return group_version_path(*kind) == path; });
  if (!known) return false;
  exchange.reply.send(200, {{"Content-Type", type}, {"Vary", "Accept"}}, document(path, protobuf));
  return true;
}

}  // namespace salvor::local
