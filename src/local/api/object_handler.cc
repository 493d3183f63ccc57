#include "local/api/object_handler.h"

#include <fmt/format.h>

#include "base/text.h"
#include "local/api/json_paths.h"
#include "local/api/option_errors.h"
#include "local/api/patches.h"

namespace salvor::local {

namespace {

WriteOptions write_options(Exchange& exchange) {
  WriteOptions options;
  const RequestInfo& info = exchange.info;
  options.manager = info.parameter("fieldManager");
  if (options.manager.empty()) {
    const std::string agent(exchange.http.header("User-Agent"));
    options.manager = agent.substr(0, agent.find('/'));
    if (options.manager.empty()) options.manager = "unknown";
  }
  for (const std::string& value : info.all("dryRun")) {
    if (value != "All") {
      const char* const method = info.method == "POST"    ? "CreateOptions"
                                 : info.method == "PATCH" ? "PatchOptions"
                                                          : "UpdateOptions";
      throw api_errors::invalid_options(method,
                                        {causes::unsupported("dryRun", Json::array({value}), {"All"})});
    }
    options.dry_run = true;
  }
  const std::string validation = info.parameter("fieldValidation");
  options.validation = FieldValidation::kWarn;
  if (validation == "Strict") options.validation = FieldValidation::kStrict;
  if (validation == "Ignore") options.validation = FieldValidation::kIgnore;
  if (!validation.empty() && validation != "Strict" && validation != "Ignore" && validation != "Warn") {
    throw api_errors::bad_request(fmt::format("fieldValidation: Unsupported value: \"{}\"", validation));
  }
  options.warnings = &exchange.warnings;
  return options;
}

void check_type(const Kind& kind, Json& body) {
  if (!body.is_object()) throw api_errors::bad_request("the object provided is not an object");
  const std::string version = string_at(body, "apiVersion"), name = string_at(body, "kind");
  if ((!version.empty() && version != kind.api_version()) || (!name.empty() && name != kind.kind)) {
    throw api_errors::bad_request(fmt::format(
        "{} in version \"{}\" cannot be handled as a {}: the API version in the data ({}) does not match "
        "the expected API version ({})",
        name, version, kind.kind, version, kind.api_version()));
  }
  body["apiVersion"] = kind.api_version();
  body["kind"] = kind.kind;
}

std::string media_type(const Exchange& exchange) {
  const std::string type = base::to_lower(exchange.http.header("Content-Type"));
  return std::string(base::trim(std::string_view(type).substr(0, type.find(';'))));
}

}  // namespace

DeleteOptions read_delete_options(const Exchange& exchange) {
  DeleteOptions options;
  const RequestInfo& info = exchange.info;
  Json body = Json::object();
  if (!exchange.http.body.empty()) body = read_body(exchange);
  if (!body.is_object()) throw api_errors::bad_request("the delete options are not an object");
  const auto grace = info.integer("gracePeriodSeconds");
  if (grace) options.grace_period = grace;
  if (at_path(body, "gracePeriodSeconds") != nullptr)
    options.grace_period = integer_at(body, "gracePeriodSeconds");
  if (options.grace_period && *options.grace_period < 0) options.grace_period = 1;
  options.propagation = info.parameter("propagationPolicy");
  if (const std::string policy = string_at(body, "propagationPolicy"); !policy.empty())
    options.propagation = policy;
  if (const Json* orphan = at_path(body, "orphanDependents"); orphan != nullptr && orphan->is_boolean()) {
    options.propagation = orphan->get<bool>() ? "Orphan" : "Background";
  }
  if (!options.propagation.empty() && options.propagation != "Orphan" &&
      options.propagation != "Background" && options.propagation != "Foreground") {
    throw api_errors::invalid_options("DeleteOptions",
                                      {causes::unsupported("propagationPolicy", options.propagation,
                                                           {"Foreground", "Background", "Orphan", "nil"})});
  }
  options.uid = string_at(body, "preconditions.uid");
  options.resource_version = string_at(body, "preconditions.resourceVersion");
  options.dry_run = info.has("dryRun") || !value_at(body, "dryRun").empty();
  return options;
}

void ObjectHandler::get(Exchange& exchange) {
  const RequestInfo& info = exchange.info;
  if (exchange.form.shape == OutputForm::Shape::kObject) {
    const Kind& kind = *exchange.kind;
    const auto stored = objects_.store().get({kind.storage, info.name_space, info.name});
    if (!stored) throw api_errors::not_found(kind, info.name);
    return exchange.send_text(200, objects_.envelope(kind, stored->body));
  }
  exchange.send_object(200, objects_.get(*exchange.kind, info.name_space, info.name));
}

void ObjectHandler::create(Exchange& exchange) {
  Json body = read_body(exchange);
  check_type(*exchange.kind, body);
  const WriteOptions options = write_options(exchange);
  exchange.send_object(201,
                       objects_.create(*exchange.kind, exchange.info.name_space, std::move(body), options));
}

void ObjectHandler::replace(Exchange& exchange) {
  const RequestInfo& info = exchange.info;
  const Kind& kind = *exchange.kind;
  Json body = read_body(exchange);
  check_type(kind, body);
  const std::string name = string_at(body, "metadata.name");
  if (name.empty())
    throw api_errors::invalid(kind, "", {causes::required("metadata.name", "name is required")});
  if (name != info.name) {
    throw api_errors::bad_request(
        fmt::format("the name of the object ({}) does not match the name on the URL ({})", name, info.name));
  }
  const std::string own_namespace = string_at(body, "metadata.namespace");
  if (!own_namespace.empty() && own_namespace != info.name_space) {
    throw api_errors::bad_request("the namespace of the object does not match the namespace on the request");
  }
  if (kind.custom && string_at(body, "metadata.resourceVersion").empty()) {
    throw api_errors::invalid(
        kind, name, {causes::invalid("metadata.resourceVersion", 0, "must be specified for an update")});
  }
  const WriteOptions options = write_options(exchange);
  exchange.send_object(200, objects_.update(
                                kind, info.name_space, info.name, info.subresource,
                                [&](const Json&) { return body; }, options));
}

Json ObjectHandler::patched(Exchange& exchange, const Json& current, const Json& body,
                            const TypeSchema* type) {
  const std::string media = media_type(exchange);
  if (media == "application/json-patch+json") return apply_json_patch(current, body);
  if (media == "application/merge-patch+json") return apply_merge_patch(current, body);
  if (media == "application/strategic-merge-patch+json") {
    if (exchange.kind->custom || type == nullptr) {
      throw ApiError(
          415, "UnsupportedMediaType",
          "the body of the request was in an unknown format - accepted media types include: "
          "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
          Json::object());
    }
    return apply_strategic_merge_patch(current, body, *type);
  }
  throw ApiError(415, "UnsupportedMediaType",
                 "the body of the request was in an unknown format - accepted media types include: "
                 "application/json-patch+json, application/merge-patch+json, "
                 "application/strategic-merge-patch+json, application/apply-patch+yaml",
                 Json::object());
}

void ObjectHandler::patch(Exchange& exchange) {
  const RequestInfo& info = exchange.info;
  const Kind& kind = *exchange.kind;
  if (media_type(exchange) == "application/apply-patch+yaml") return apply(exchange, info.subresource);
  const Json body = read_body(exchange);
  const WriteOptions options = write_options(exchange);
  exchange.send_object(
      200,
      objects_.update(
          kind, info.name_space, info.name, info.subresource,
          [&](const Json& current) {
            Json result = patched(exchange, current, body, kind.type);
            const std::string name = string_at(result, "metadata.name");
            if (name != info.name) {
              throw api_errors::bad_request(fmt::format(
                  "the name of the object ({}) does not match the name on the URL ({})", name, info.name));
            }
            if (string_at(result, "kind") != kind.kind ||
                string_at(result, "apiVersion") != kind.api_version()) {
              throw api_errors::bad_request("a patch may not change apiVersion or kind");
            }
            return result;
          },
          options));
}

void ObjectHandler::apply(Exchange& exchange, const std::string& subresource) {
  const RequestInfo& info = exchange.info;
  const Kind& kind = *exchange.kind;
  Json body = read_body(exchange);
  if (string_at(body, "apiVersion") != kind.api_version() || string_at(body, "kind") != kind.kind) {
    throw api_errors::bad_request("Incorrect version specified in apply patch. Specified patch version: " +
                                  string_at(body, "apiVersion") + ", expected: " + kind.api_version());
  }
  if (info.parameter("fieldManager").empty()) {
    throw ApiError(
        422, "Invalid",
        "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply "
        "patch",
        Json::object());
  }
  if (const std::string name = string_at(body, "metadata.name"); !name.empty() && name != info.name) {
    throw api_errors::bad_request(
        fmt::format("the name of the object ({}) does not match the name on the URL ({})", name, info.name));
  }
  set_path(body, "metadata.name", info.name);
  if (kind.namespaced) set_path(body, "metadata.namespace", info.name_space);
  WriteOptions options = write_options(exchange);
  options.apply = true;
  const ApplyRequest request{kind, options.manager, subresource, info.flag("force"), objects_.clock().now()};
  for (int attempt = 0;; ++attempt) {
    if (objects_.store().get({kind.storage, info.name_space, info.name})) {
      return exchange.send_object(
          200,
          objects_.update(
              kind, info.name_space, info.name, subresource,
              [&](const Json& current) { return apply_configuration(request, current, body); }, options));
    }
    if (!subresource.empty()) throw api_errors::not_found(kind, info.name);
    try {
      return exchange.send_object(
          201, objects_.create(kind, info.name_space, apply_configuration(request, nullptr, body), options));
    } catch (const ApiError& error) {
      if (error.reason() != "AlreadyExists" || attempt >= 5) throw;
    }
  }
}

void ObjectHandler::remove(Exchange& exchange) {
  const RequestInfo& info = exchange.info;
  const Kind& kind = *exchange.kind;
  const auto deleted = objects_.remove(kind, info.name_space, info.name, read_delete_options(exchange));
  static const std::vector<std::string> kReturned = {"pods",
                                                     "services",
                                                     "namespaces",
                                                     "persistentvolumeclaims",
                                                     "persistentvolumes",
                                                     "serviceaccounts",
                                                     "resourcequotas",
                                                     "podtemplates"};
  const bool returned = std::find(kReturned.begin(), kReturned.end(), kind.storage) != kReturned.end();
  if (!deleted.removed || returned) return exchange.send_object(200, deleted.object);
  Json details = {{"name", info.name}};
  if (!kind.group.empty()) details["group"] = kind.group;
  details["kind"] = kind.plural;
  details["uid"] = string_at(deleted.object, "metadata.uid");
  exchange.send_json(200, {{"kind", "Status"},
                           {"apiVersion", "v1"},
                           {"metadata", Json::object()},
                           {"status", "Success"},
                           {"details", details}});
}

void ObjectHandler::subresource(Exchange& exchange) {
  const RequestInfo& info = exchange.info;
  const Kind& kind = *exchange.kind;
  if (!kind.has_subresource(info.subresource)) throw api_errors::no_such_path();
  if (info.subresource == "scale") return scale(exchange);
  if (info.subresource == "finalize") return finalize(exchange);
  if (info.subresource == "binding") return bind(exchange);
  if (info.subresource == "eviction") return evict(exchange);
  if (info.subresource == "token") return issue_token(exchange);
  if (info.method == "GET") return get(exchange);
  if (info.method == "PUT") return replace(exchange);
  if (info.method == "PATCH") return patch(exchange);
  throw api_errors::method_not_allowed(base::to_lower(info.method));
}

void ObjectHandler::finalize(Exchange& exchange) {
  const RequestInfo& info = exchange.info;
  if (info.method != "PUT") throw api_errors::method_not_allowed(base::to_lower(info.method));
  Json body = read_body(exchange);
  check_type(*exchange.kind, body);
  const std::string version = string_at(body, "metadata.resourceVersion");
  exchange.send_object(200, objects_.update(
                                *exchange.kind, "", info.name, "internal",
                                [&](const Json& current) {
                                  Json result = current;
                                  set_path(result, "spec.finalizers", value_at(body, "spec.finalizers"));
                                  if (!version.empty()) result["metadata"]["resourceVersion"] = version;
                                  return result;
                                },
                                write_options(exchange)));
}

void ObjectHandler::bind(Exchange& exchange) {
  const RequestInfo& info = exchange.info;
  if (info.method != "POST") throw api_errors::method_not_allowed(base::to_lower(info.method));
  const Json body = read_body(exchange);
  const std::string node = string_at(body, "target.name");
  if (node.empty()) throw api_errors::invalid(*exchange.kind, info.name, {causes::required("target.name")});
  objects_.update(
      *exchange.kind, info.name_space, info.name, "internal",
      [&](const Json& current) {
        const std::string bound = string_at(current, "spec.nodeName");
        if (!bound.empty()) {
          throw api_errors::conflict(
              *exchange.kind, info.name,
              fmt::format("pod {} is already assigned to node \"{}\"", info.name, bound));
        }
        Json result = current;
        set_path(result, "spec.nodeName", node);
        Json& conditions = make_path(result, "status.conditions");
        if (!conditions.is_array()) conditions = Json::array();
        const std::string now = base::format_rfc3339(objects_.clock().now());
        std::erase_if(conditions.get_ref<Json::array_t&>(),
                      [](const Json& condition) { return string_at(condition, "type") == "PodScheduled"; });
        conditions.push_back({{"type", "PodScheduled"},
                              {"status", "True"},
                              {"lastProbeTime", nullptr},
                              {"lastTransitionTime", now}});
        return result;
      },
      write_options(exchange));
  exchange.form = {};
  exchange.send_json(201, {{"kind", "Status"},
                           {"apiVersion", "v1"},
                           {"metadata", Json::object()},
                           {"status", "Success"},
                           {"code", 201}});
}

void ObjectHandler::evict(Exchange& exchange) {
  const RequestInfo& info = exchange.info;
  if (info.method != "POST") throw api_errors::method_not_allowed(base::to_lower(info.method));
  const Json body = read_body(exchange);
  DeleteOptions options;
  if (const Json* grace = at_path(body, "deleteOptions.gracePeriodSeconds")) {
    options.grace_period = grace->get<std::int64_t>();
  }
  options.uid = string_at(body, "deleteOptions.preconditions.uid");
  objects_.remove(*exchange.kind, info.name_space, info.name, options);
  exchange.form = {};
  exchange.send_json(201, {{"kind", "Status"},
                           {"apiVersion", "v1"},
                           {"metadata", Json::object()},
                           {"status", "Success"},
                           {"code", 201}});
}

void ObjectHandler::issue_token(Exchange& exchange) {
  const RequestInfo& info = exchange.info;
  if (info.method != "POST") throw api_errors::method_not_allowed(base::to_lower(info.method));
  Json request = read_body(exchange);
  if (!request.is_object()) throw api_errors::bad_request("the token request is not an object");
  exchange.form = {};
  exchange.send_json(201, tokens_.issue(*exchange.kind, info.name_space, info.name, std::move(request)));
}

namespace {

// What the scale subresource of a kind reads and writes.
struct ScalePaths {
  std::string replicas = "spec.replicas", status_replicas = "status.replicas", selector;
};

ScalePaths scale_paths(const Kind& kind) {
  ScalePaths paths;
  if (!kind.custom) return paths;
  const auto plain = [](const std::string& path) { return path.starts_with('.') ? path.substr(1) : path; };
  return {plain(kind.scale_replicas), plain(kind.scale_status_replicas), plain(kind.scale_selector)};
}

std::string scale_selector(const ScalePaths& paths, const Json& object) {
  if (!paths.selector.empty()) return string_at(object, paths.selector);
  std::string text;
  Json labels = value_at(object, "spec.selector.matchLabels");
  if (labels.is_null()) labels = value_at(object, "spec.selector");
  if (!labels.is_object()) return text;
  for (const auto& [key, value] : labels.items()) {
    if (value.is_string()) text += (text.empty() ? "" : ",") + key + "=" + value.get<std::string>();
  }
  return text;
}

Json scale_of(const Kind& kind, const Json& object) {
  const ScalePaths paths = scale_paths(kind);
  Json metadata = {{"name", string_at(object, "metadata.name")},
                   {"namespace", string_at(object, "metadata.namespace")}};
  for (const char* field : {"uid", "resourceVersion", "creationTimestamp"}) {
    metadata[field] = value_at(object, std::string("metadata.") + field);
  }
  Json spec = Json::object();
  if (const auto replicas = integer_at(object, paths.replicas); replicas != 0) spec["replicas"] = replicas;
  return {{"kind", "Scale"},
          {"apiVersion", "autoscaling/v1"},
          {"metadata", metadata},
          {"spec", spec},
          {"status",
           {{"replicas", integer_at(object, paths.status_replicas)},
            {"selector", scale_selector(paths, object)}}}};
}

}  // namespace

void ObjectHandler::scale(Exchange& exchange) {
  const RequestInfo& info = exchange.info;
  const Kind& kind = *exchange.kind;
  exchange.form = {};
  if (info.method == "GET")
    return exchange.send_json(200, scale_of(kind, objects_.get(kind, info.name_space, info.name)));
  if (info.method != "PUT" && info.method != "PATCH") {
    throw api_errors::method_not_allowed(base::to_lower(info.method));
  }
  const Json body = read_body(exchange);
  const Json after = objects_.update(
      kind, info.name_space, info.name, "",
      [&](const Json& current) {
        Json scaled = body;
        if (info.method == "PATCH") {
          const bool typed = media_type(exchange) == "application/strategic-merge-patch+json";
          scaled = typed ? apply_merge_patch(scale_of(kind, current), body)
                         : patched(exchange, scale_of(kind, current), body, nullptr);
        }
        const std::int64_t replicas = integer_at(scaled, "spec.replicas");
        if (replicas < 0) {
          throw api_errors::invalid(
              kind, info.name,
              {causes::invalid("spec.replicas", replicas, "must be greater than or equal to 0")});
        }
        Json result = current;
        set_path(result, scale_paths(kind).replicas, replicas);
        const std::string version = string_at(scaled, "metadata.resourceVersion");
        if (info.method == "PUT" && !version.empty()) result["metadata"]["resourceVersion"] = version;
        return result;
      },
      write_options(exchange));
  exchange.send_json(200, scale_of(kind, after));
}

}  // namespace salvor::local
