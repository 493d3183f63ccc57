#include "local/api/access_reviews.h"

#include "local/api/json_paths.h"

namespace salvor::local {

namespace {

Json administrator() {
  return {{"username", "kubernetes-admin"},
          {"groups", Json::array({"system:masters", "system:authenticated"})}};
}

}  // namespace

void review_access(Exchange& exchange) {
  const Kind& kind = *exchange.kind;
  Json review = read_body(exchange);
  if (!review.is_object()) throw api_errors::bad_request("the review is not an object");
  review["kind"] = kind.kind;
  review["apiVersion"] = kind.api_version();
  if (kind.kind == "SelfSubjectRulesReview") {
    const Json all = Json::array({"*"});
    review["status"] = {
        {"resourceRules", Json::array({{{"verbs", all}, {"apiGroups", all}, {"resources", all}}})},
        {"nonResourceRules", Json::array({{{"verbs", all}, {"nonResourceURLs", all}}})},
        {"incomplete", false}};
  } else if (kind.kind == "SelfSubjectReview") {
    review["status"] = {{"userInfo", administrator()}};
  } else if (kind.kind == "TokenReview") {
    const std::string header(exchange.http.header("Authorization"));
    const bool ours = "Bearer " + string_at(review, "spec.token") == header;
    review["status"] =
        ours ? Json{{"authenticated", true}, {"user", administrator()}} : Json{{"authenticated", false}};
  } else if (kind.kind == "SelfSubjectAccessReview") {
    review["status"] = {{"allowed", true}, {"reason", "the only user is the administrator"}};
  } else if (kind.group == "authorization.k8s.io") {
    const Json groups = value_at(review, "spec.groups");
    const bool admin = string_at(review, "spec.user") == "kubernetes-admin" ||
                       std::find(groups.begin(), groups.end(), "system:masters") != groups.end();
    review["status"] = {{"allowed", admin}};
  } else {
    throw api_errors::method_not_allowed("create", &kind);
  }
  exchange.form = {};
  exchange.send_json(201, review);
}

}  // namespace salvor::local
