#include "local/api/service_account_tokens.h"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include "base/text.h"
#include "codec/hash.h"
#include "local/api/json_paths.h"

namespace salvor::local {

namespace {

constexpr const char* kIssuer = "https://kubernetes.default.svc.cluster.local";
constexpr std::int64_t kDefaultSeconds = 3600, kLeastSeconds = 600, kMostSeconds = std::int64_t{1} << 32;
// What kubelets ask for; clients that never read their token file again may use such a token for a year, as
// with a kube-apiserver.
constexpr std::int64_t kRenewedSeconds = 3607, kYearSeconds = 365 * 24 * 3600;

std::string to_base64url(std::string_view data) {
  std::string text = codec::to_base64(data);
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  text.erase(text.find_last_not_of('=') + 1);
  return text;
}

std::int64_t seconds_since_epoch(base::Time time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

Json claims_of(std::string_view part) {
  const auto text = codec::from_base64(part);
  return text ? Json::parse(*text, nullptr, false) : Json();
}

// Kind of a bound object -> where it is stored and whether in a namespace.
const std::string& storage_of(const std::string& kind) {
  static const std::map<std::string, std::string> kStorages = {
      {"Pod", "pods"}, {"Secret", "secrets"}, {"Node", "nodes"}};
  static const std::string kNone;
  const auto found = kStorages.find(kind);
  return found == kStorages.end() ? kNone : found->second;
}

}  // namespace

std::string ServiceAccountTokens::sign(std::string_view text) const {
  const auto digest = codec::hmac_sha256(key_, text);
  return to_base64url(codec::as_view(digest));
}

bool ServiceAccountTokens::exists(const ObjectKey& key, const std::string& uid) const {
  const auto stored = objects_.store().get(key);
  return stored && string_at(Json::parse(stored->body), "metadata.uid") == uid;
}

// The claim of a boundObjectRef: {"pod": {"name", "uid"}}.
Json ServiceAccountTokens::binding(const std::string& name_space, const std::string& account,
                                   const Json& reference) const {
  const std::string kind = string_at(reference, "kind"), name = string_at(reference, "name");
  const std::string& storage = storage_of(kind);
  if (storage.empty() || (string_at(reference, "apiVersion") != "v1"))
    throw api_errors::bad_request(fmt::format("cannot bind token to object of type {}", kind));
  const KindPtr bound = objects_.kinds().find("", "v1", storage);
  const Json object = objects_.get(*bound, bound->namespaced ? name_space : "", name);
  const std::string uid = string_at(object, "metadata.uid"), wanted = string_at(reference, "uid");
  if (!wanted.empty() && wanted != uid) {
    throw api_errors::conflict(
        *bound, name,
        fmt::format("the UID in the bound object reference ({}) does not match the UID "
                    "in record. The object might have been deleted and then recreated",
                    wanted));
  }
  if (kind == "Pod" && string_at(object, "spec.serviceAccountName") != account) {
    throw api_errors::bad_request(fmt::format(
        "cannot bind token for serviceaccount \"{}\" to pod running with different serviceaccount name.",
        account));
  }
  Json claim = {{base::to_lower(kind), {{"name", name}, {"uid", uid}}}};
  if (kind == "Pod" && !string_at(object, "spec.nodeName").empty())
    claim["node"] = {{"name", string_at(object, "spec.nodeName")}};
  return claim;
}

Json ServiceAccountTokens::issue(const Kind& accounts, const std::string& name_space, const std::string& name,
                                 Json request) {
  const Json account = objects_.get(accounts, name_space, name);
  Json& spec = make_path(request, "spec");
  if (!spec.is_object()) spec = Json::object();
  if (value_at(spec, "audiences").empty()) spec["audiences"] = Json::array({kIssuer});
  set_default(spec, "expirationSeconds", kDefaultSeconds);
  const std::int64_t seconds = integer_at(spec, "expirationSeconds");
  const char* const wrong = seconds < kLeastSeconds  ? "may not specify a duration less than 10 minutes"
                            : seconds > kMostSeconds ? "may not specify a duration larger than 2^32 seconds"
                                                     : nullptr;
  if (wrong != nullptr) {
    const Kind kind{.group = "authentication.k8s.io", .version = "v1", .kind = "TokenRequest"};
    throw api_errors::invalid(kind, "", {causes::invalid("spec.expirationSeconds", seconds, wrong)});
  }
  const base::Time now = objects_.clock().now();
  const Json* reference = at_path(spec, "boundObjectRef");
  Json kubernetes = {{"namespace", name_space},
                     {"serviceaccount", {{"name", name}, {"uid", string_at(account, "metadata.uid")}}}};
  if (reference != nullptr) kubernetes.update(binding(name_space, name, *reference));
  const bool extended = seconds == kRenewedSeconds && kubernetes.contains("pod");
  const std::int64_t issued = seconds_since_epoch(now);
  const Json claims = {{"aud", spec["audiences"]},
                       {"exp", issued + (extended ? kYearSeconds : seconds)},
                       {"iat", issued},
                       {"iss", kIssuer},
                       {"jti", objects_.random().uuid()},
                       {"kubernetes.io", kubernetes},
                       {"nbf", issued},
                       {"sub", service_account_user(name_space, name).name}};
  const std::string text = to_base64url(R"({"alg":"HS256","typ":"JWT"})") + "." + to_base64url(claims.dump());
  request["kind"] = "TokenRequest";
  request["apiVersion"] = "authentication.k8s.io/v1";
  request["metadata"] = {
      {"name", name}, {"namespace", name_space}, {"creationTimestamp", base::format_rfc3339(now)}};
  request["status"] = {{"token", text + "." + sign(text)},
                       {"expirationTimestamp", base::format_rfc3339(now + std::chrono::seconds(seconds))}};
  return request;
}

std::optional<User> ServiceAccountTokens::authenticate(std::string_view token) const {
  const size_t end = token.rfind('.'), middle = token.find('.');
  if (end == std::string_view::npos || end == middle) return std::nullopt;
  const std::string expected = sign(token.substr(0, end));
  const std::string_view signature = token.substr(end + 1);
  if (signature.size() != expected.size() ||
      CRYPTO_memcmp(signature.data(), expected.data(), expected.size()) != 0)
    return std::nullopt;
  const Json claims = claims_of(token.substr(middle + 1, end - middle - 1));
  if (!claims.is_object()) return std::nullopt;
  const Json audiences = value_at(claims, "aud");
  const std::int64_t now = seconds_since_epoch(objects_.clock().now());
  if (std::find(audiences.begin(), audiences.end(), Json(kIssuer)) == audiences.end() ||
      integer_at(claims, "exp") <= now || !claims.contains("kubernetes.io"))
    return std::nullopt;
  const Json& about = claims["kubernetes.io"];
  const std::string name_space = string_at(about, "namespace");
  const std::string name = string_at(about, "serviceaccount.name");
  User user = service_account_user(name_space, name);
  user.uid = string_at(about, "serviceaccount.uid");
  if (!exists({"serviceaccounts", name_space, name}, user.uid)) return std::nullopt;
  user.extra.emplace_back("authentication.kubernetes.io/credential-id", "JTI=" + string_at(claims, "jti"));
  for (const char* kind : {"Pod", "Secret"}) {
    const Json* bound = at_path(about, base::to_lower(kind));
    if (bound == nullptr) continue;
    const std::string bound_name = string_at(*bound, "name"), uid = string_at(*bound, "uid");
    if (!exists({storage_of(kind), name_space, bound_name}, uid)) return std::nullopt;
    if (std::string_view(kind) != "Pod") continue;
    user.extra.emplace_back("authentication.kubernetes.io/pod-name", bound_name);
    user.extra.emplace_back("authentication.kubernetes.io/pod-uid", uid);
  }
  if (const std::string node = string_at(about, "node.name"); !node.empty())
    user.extra.emplace_back("authentication.kubernetes.io/node-name", node);
  return user;
}

}  // namespace salvor::local
