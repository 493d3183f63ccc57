#include "local/api/api_handler.h"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include "base/error.h"
#include "base/text.h"
#include "local/api/access_reviews.h"
#include "local/api/discovery_documents.h"
#include "local/api/json_paths.h"
#include "local/api/pod_streams.h"

namespace salvor::local {

namespace {

constexpr const char* kGitVersion = "v1.36.0+salvor";

Json version_document() {
  return {{"major", "1"},        {"minor", "36"},           {"gitVersion", kGitVersion},
          {"gitCommit", ""},     {"gitTreeState", "clean"}, {"buildDate", "2026-04-01T00:00:00Z"},
          {"goVersion", "none"}, {"compiler", "g++"},       {"platform", "linux/amd64"}};
}

bool is_public(const std::string& path) {
  return path == "/version" || path == "/healthz" || path == "/livez" || path == "/readyz";
}

ApiError from_base(const base::Error& error) {
  using base::ErrorCode;
  switch (error.code()) {
    case ErrorCode::kInvalidArgument:
      return api_errors::bad_request(error.message());
    case ErrorCode::kNotFound:
      return {404, "NotFound", error.message(), Json::object()};
    case ErrorCode::kUnavailable:
      return {503, "ServiceUnavailable", error.message()};
    case ErrorCode::kTimeout:
      return {504, "Timeout", error.message()};
    case ErrorCode::kNoSpace:
      return {507, "InternalError", error.message()};
    default:
      return {500, "InternalError", "Internal error occurred: " + error.message()};
  }
}

}  // namespace

ApiHandler::ApiHandler(ObjectService& objects, ServiceAccountTokens& tokens, PodBackend* pods)
    : objects_(objects),
      tokens_(tokens),
      authorizer_(objects.store()),
      collections_(objects),
      object_handler_(objects, tokens),
      open_api_(objects.kinds()),
      pods_(pods) {}

void ApiHandler::set_pod_backend(PodBackend* pods) {
  std::unique_lock lock(pods_mutex_);
  pods_ = pods;
}

std::optional<User> ApiHandler::authenticate(std::string_view token) const {
  if (token.size() == options_.token.size() &&
      CRYPTO_memcmp(token.data(), options_.token.data(), token.size()) == 0)
    return administrator();
  return tokens_.authenticate(token);
}

User ApiHandler::user_of(const net::ServerRequest& request) const {
  const std::string_view header = request.header("Authorization");
  auto user = header.starts_with("Bearer ") ? authenticate(header.substr(7)) : std::nullopt;
  if (!user) throw ApiError(401, "Unauthorized", "Unauthorized");
  const std::string name(request.header("Impersonate-User"));
  if (name.empty()) return *user;
  if (!user->is_administrator()) {
    throw ApiError(
        403, "Forbidden",
        fmt::format("users \"{}\" is forbidden: User \"{}\" cannot impersonate resource \"users\" in "
                    "API group \"\" at the cluster scope",
                    name, user->name),
        {{"name", name}, {"kind", "users"}});
  }
  const auto parts = base::split(name, ':');
  User other{name, std::string(request.header("Impersonate-Uid")), {}, {}};
  for (const auto& [key, value] : request.headers) {
    if (base::to_lower(key) == "impersonate-group") other.groups.push_back(value);
  }
  if (other.groups.empty() && parts.size() == 4 && name.starts_with("system:serviceaccount:"))
    other.groups = service_account_user(parts[2], parts[3]).groups;
  if (!other.in_group("system:authenticated")) other.groups.emplace_back("system:authenticated");
  return other;
}

void ApiHandler::authorize(const Exchange& exchange) {
  const RequestInfo& info = exchange.info;
  if (exchange.user.is_administrator()) return;
  AccessRequest request;
  if (info.is_resource) {
    request = {access_verb(info.method, !info.name.empty(), info.flag("watch")),
               info.group,
               info.resource,
               info.subresource,
               info.name_space,
               info.name,
               ""};
    if (info.group.empty() && info.resource == "namespaces") request.name_space = info.name;
  } else {
    request.verb = base::to_lower(info.method);
    request.path = exchange.http.path;
  }
  const auto check = [&] {
    if (authorizer_.allows(exchange.user, request)) return;
    Json details = Json::object();
    if (!info.name.empty()) details["name"] = info.name;
    if (!info.group.empty()) details["group"] = info.group;
    if (info.is_resource) details["kind"] = info.resource;
    throw ApiError(403, "Forbidden", refusal(exchange.user, request), details);
  };
  check();
  // Applying what is not there makes it.
  if (request.verb != "patch" || !exchange.http.header("Content-Type").starts_with("application/apply-patch"))
    return;
  const KindPtr kind = objects_.kinds().find(info.group, info.version, info.resource);
  if (!kind || objects_.store().get({kind->storage, info.name_space, info.name})) return;
  request.verb = "create";
  check();
}

void ApiHandler::handle(const net::ServerRequest& request, net::ServerReply& reply) {
  Exchange exchange{.http = request,
                    .reply = reply,
                    .info = parse_request(request),
                    .user = {},
                    .form = {},
                    .kind = nullptr,
                    .warnings = {}};
  const auto fail = [&](const ApiError& error) {
    exchange.form = {};
    exchange.send_json(error.code(), error.status());
  };
  try {
    answer(exchange);
  } catch (const ApiError& error) {
    fail(error);
  } catch (const base::Error& error) {
    if (error.code() == base::ErrorCode::kCancelled || request.cancel.cancelled()) throw;
    options_.logger.warning("{} {}: {}", request.method, request.path, error.message());
    fail(from_base(error));
  } catch (const Json::exception& error) {
    // Rules read documents as their schema says they are; where a document is not, it is the client's
    // mistake.
    fail(api_errors::bad_request(fmt::format("the object provided cannot be handled: {}", error.what())));
  }
}

void ApiHandler::answer(Exchange& exchange) {
  if (!is_public(exchange.http.path)) {
    exchange.user = user_of(exchange.http);
    authorize(exchange);
  }
  if (answer_plain(exchange)) return;
  if (!exchange.info.is_resource) throw api_errors::no_such_path();
  answer_resource(exchange);
}

bool ApiHandler::answer_plain(Exchange& exchange) {
  const std::string& path = exchange.http.path;
  const auto& segments = exchange.info.segments;
  if (segments.empty()) {
    Json paths = Json::array({"/api", "/api/v1", "/apis", "/healthz", "/livez", "/openapi/v2", "/openapi/v3",
                              "/readyz", "/version"});
    exchange.send_json(200, {{"paths", paths}});
    return true;
  }
  if (segments[0] == "healthz" || segments[0] == "livez" || segments[0] == "readyz") {
    exchange.reply.send(200, {{"Content-Type", "text/plain; charset=utf-8"}}, "ok");
    return true;
  }
  if (path == "/version" || path == "/version/") {
    exchange.send_json(200, version_document());
    return true;
  }
  if (segments[0] == "openapi") return open_api_.answer(exchange);
  std::string content_type = "application/json";
  const auto document = discovery_document(objects_.kinds(), segments, exchange.http.header("Accept"),
                                           options_.address, content_type);
  if (!document) return false;
  exchange.reply.send(200, {{"Content-Type", content_type}, {"Vary", "Accept"}},
                      codec::to_json(*document, 0, false));
  return true;
}

void ApiHandler::answer_resource(Exchange& exchange) {
  const RequestInfo& info = exchange.info;
  exchange.kind = objects_.kinds().find(info.group, info.version, info.resource);
  if (!exchange.kind) throw api_errors::no_such_path();
  const Kind& kind = *exchange.kind;
  if (!kind.deprecation.empty()) exchange.warnings.push_back(kind.deprecation);
  if (!kind.namespaced && !info.name_space.empty()) throw api_errors::no_such_path();
  const std::string& method = info.method;
  if (!info.subresource.empty() &&
      (info.subresource == "exec" || info.subresource == "attach" || info.subresource == "log")) {
    if (kind.storage != "pods") throw api_errors::no_such_path();
    std::shared_lock lock(pods_mutex_);
    serve_pod_stream(exchange, objects_, pods_);
    return;
  }
  exchange.form = choose_form(exchange.http, info);
  if (!kind.stored()) {
    if (method != "POST") throw api_errors::method_not_allowed(method, &kind);
    return review_access(exchange, authorizer_,
                         [this](const std::string& token) { return authenticate(token); });
  }
  const bool watch = info.flag("watch");
  if (info.name.empty() || (watch && method == "GET")) {
    if (kind.namespaced && info.name_space.empty() && method != "GET") {
      throw api_errors::method_not_allowed(base::to_lower(method));
    }
    if (method == "GET") return watch ? collections_.watch(exchange) : collections_.list(exchange);
    if (method == "POST") return object_handler_.create(exchange);
    if (method == "DELETE" && kind.has_verb("deletecollection")) {
      return collections_.remove_all(exchange, read_delete_options(exchange));
    }
    throw api_errors::method_not_allowed(base::to_lower(method));
  }
  if (kind.namespaced && info.name_space.empty()) throw api_errors::no_such_path();
  if (!info.subresource.empty()) return object_handler_.subresource(exchange);
  if (method == "GET" || method == "HEAD") return object_handler_.get(exchange);
  if (method == "PUT") return object_handler_.replace(exchange);
  if (method == "PATCH") return object_handler_.patch(exchange);
  if (method == "DELETE") return object_handler_.remove(exchange);
  throw api_errors::method_not_allowed(base::to_lower(method));
}

}  // namespace salvor::local
