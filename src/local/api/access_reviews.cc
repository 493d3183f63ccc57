#include "local/api/access_reviews.h"

#include "local/api/json_paths.h"

namespace salvor::local {

namespace {

AccessRequest access_request(const Json& spec) {
  if (const Json* path = at_path(spec, "nonResourceAttributes"))
    return {string_at(*path, "verb"), "", "", "", "", "", string_at(*path, "path")};
  const Json wanted = value_at(spec, "resourceAttributes");
  AccessRequest request{string_at(wanted, "verb"),
                        string_at(wanted, "group"),
                        string_at(wanted, "resource"),
                        string_at(wanted, "subresource"),
                        string_at(wanted, "namespace"),
                        string_at(wanted, "name"),
                        ""};
  if (request.group.empty() && request.resource == "namespaces" && !request.name.empty())
    request.name_space = request.name;
  return request;
}

Json access_status(const User& user, const Json& spec, RbacAuthorizer& authorizer) {
  if (at_path(spec, "resourceAttributes") == nullptr && at_path(spec, "nonResourceAttributes") == nullptr)
    throw api_errors::bad_request("the review names neither resourceAttributes nor nonResourceAttributes");
  const bool allowed = authorizer.allows(user, access_request(spec));
  Json status = {{"allowed", allowed}};
  if (allowed)
    status["reason"] = user.is_administrator() ? "the administrator may everything" : "RBAC: allowed";
  return status;
}

User user_in(const Json& spec) {
  User user{string_at(spec, "user"), string_at(spec, "uid"), {}, {}};
  for (const Json& group : value_at(spec, "groups")) user.groups.push_back(group.get<std::string>());
  return user;
}

Json rules_status(const std::vector<AccessRule>& rules) {
  Json resource_rules = Json::array(), path_rules = Json::array();
  for (const AccessRule& rule : rules) {
    if (!rule.paths.empty()) path_rules.push_back({{"verbs", rule.verbs}, {"nonResourceURLs", rule.paths}});
    if (rule.resources.empty()) continue;
    Json entry = {{"verbs", rule.verbs}, {"apiGroups", rule.groups}, {"resources", rule.resources}};
    if (!rule.names.empty()) entry["resourceNames"] = rule.names;
    resource_rules.push_back(std::move(entry));
  }
  return {{"resourceRules", resource_rules}, {"nonResourceRules", path_rules}, {"incomplete", false}};
}

}  // namespace

void review_access(Exchange& exchange, RbacAuthorizer& authorizer, const TokenCheck& who_has) {
  const Kind& kind = *exchange.kind;
  Json review = read_body(exchange);
  if (!review.is_object()) throw api_errors::bad_request("the review is not an object");
  review["kind"] = kind.kind;
  review["apiVersion"] = kind.api_version();
  const Json spec = value_at(review, "spec");
  if (kind.kind == "SelfSubjectRulesReview") {
    review["status"] = rules_status(authorizer.rules_of(exchange.user, string_at(spec, "namespace")));
  } else if (kind.kind == "SelfSubjectReview") {
    review["status"] = {{"userInfo", user_info(exchange.user)}};
  } else if (kind.kind == "TokenReview") {
    const auto user = who_has(string_at(spec, "token"));
    review["status"] =
        user ? Json{{"authenticated", true}, {"user", user_info(*user)}} : Json{{"authenticated", false}};
  } else if (kind.kind == "SelfSubjectAccessReview") {
    review["status"] = access_status(exchange.user, spec, authorizer);
  } else if (kind.group == "authorization.k8s.io") {
    review["status"] = access_status(user_in(spec), spec, authorizer);
  } else {
    throw api_errors::method_not_allowed("create", &kind);
  }
  exchange.form = {};
  exchange.send_json(201, review);
}

}  // namespace salvor::local
