// Who may do what at the embedded API server: tokens of service accounts, RBAC, and what admission gives to
// pods.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "codec/hash.h"
#include "kube/client.h"
#include "local/api/api_server.h"
#include "local/api/rbac_authorizer.h"

namespace salvor::local {
namespace {

namespace resources = kube::resources;
using base::ErrorCode;
using codec::get_string;
using codec::Json;

const kube::GroupVersionResource kRoles{"rbac.authorization.k8s.io", "v1", "roles"};
const kube::GroupVersionResource kBindings{"rbac.authorization.k8s.io", "v1", "rolebindings"};
const kube::GroupVersionResource kClusterRoles{"rbac.authorization.k8s.io", "v1", "clusterroles"};
const kube::GroupVersionResource kClusterBindings{"rbac.authorization.k8s.io", "v1", "clusterrolebindings"};

Json named(const char* kind, const std::string& name, const std::string& name_space = "default") {
  Json metadata{{"name", name}};
  if (!name_space.empty()) metadata["namespace"] = name_space;
  return {{"apiVersion", "v1"}, {"kind", kind}, {"metadata", metadata}};
}

class Access : public testing::Test {
 protected:
  Access()
      : server_({.directory = directory_.path() / "state", .clock = clock_, .random = random_}),
        admin_(connection()) {
    admin_.create(resources::kServiceAccounts, named("ServiceAccount", "robot"));
  }

  kube::Connection connection() {
    kube::KubeconfigOptions options;
    options.path = server_.kubeconfig().string();
    return kube::load_connection(options);
  }
  std::unique_ptr<kube::Client> client_with(const std::string& token) {
    auto with_token = connection();
    with_token.token = [token] { return token; };
    return std::make_unique<kube::Client>(std::move(with_token));
  }
  Json request_token(Json spec = Json::object(), const std::string& account = "robot") {
    const Json request{{"apiVersion", "authentication.k8s.io/v1"}, {"kind", "TokenRequest"}, {"spec", spec}};
    return Json::parse(admin_.raw("POST", "/api/v1/namespaces/default/serviceaccounts/" + account + "/token",
                                  request.dump(), "application/json"));
  }
  std::string token(Json spec = Json::object()) {
    return get_string(request_token(std::move(spec)), {"status", "token"});
  }
  static Json review(kube::Client& client, const char* group, const char* kind, const char* plural,
                     Json spec = nullptr) {
    Json body{{"apiVersion", std::string(group) + "/v1"}, {"kind", kind}};
    if (!spec.is_null()) body["spec"] = std::move(spec);
    return Json::parse(client.raw("POST", fmt::format("/apis/{}/v1/{}", group, plural), body.dump(),
                                  "application/json"))["status"];
  }
  static Json who_am_i(kube::Client& client) {
    return review(client, "authentication.k8s.io", "SelfSubjectReview", "selfsubjectreviews")["userInfo"];
  }
  // The message that the server refuses a call with.
  static std::string refused(const std::function<void()>& call) {
    try {
      call();
    } catch (const base::Error& error) {
      return error.message();
    }
    return "nothing was refused";
  }
  // The account may do what the rules say, in the namespace of the binding.
  void allow(const std::string& name_space, Json rules) {
    Json role = named("Role", "robot", name_space);
    role["apiVersion"] = "rbac.authorization.k8s.io/v1";
    role["rules"] = std::move(rules);
    admin_.create(kRoles, role);
    Json binding = named("RoleBinding", "robot", name_space);
    binding["apiVersion"] = role["apiVersion"];
    binding["roleRef"] = {{"apiGroup", "rbac.authorization.k8s.io"}, {"kind", "Role"}, {"name", "robot"}};
    binding["subjects"] =
        Json::array({{{"kind", "ServiceAccount"}, {"name", "robot"}, {"namespace", "default"}}});
    admin_.create(kBindings, binding);
  }
  Json pod(const std::string& name) {
    Json pod = named("Pod", name);
    pod["spec"] = {{"serviceAccountName", "robot"},
                   {"containers", Json::array({{{"name", "main"}, {"image", "debian"}}})}};
    return pod;
  }

  base::TempDir directory_;
  base::ManualClock clock_{*base::parse_rfc3339("2026-11-22T10:00:00Z")};
  base::SystemRandom random_;
  ApiServer server_;
  kube::Client admin_;
};

TEST_F(Access, ATokenIsItsServiceAccount) {
  const Json answer = request_token();
  EXPECT_EQ(get_string(answer, {"status", "expirationTimestamp"}), "2026-11-22T11:00:00Z");
  const auto robot = client_with(get_string(answer, {"status", "token"}));
  const Json user = who_am_i(*robot);
  EXPECT_EQ(get_string(user, {"username"}), "system:serviceaccount:default:robot");
  EXPECT_EQ(user["groups"], Json::array({"system:serviceaccounts", "system:serviceaccounts:default",
                                         "system:authenticated"}));
  const Json seen = review(admin_, "authentication.k8s.io", "TokenReview", "tokenreviews",
                           {{"token", get_string(answer, {"status", "token"})}});
  EXPECT_EQ(seen["authenticated"], true);
  EXPECT_EQ(seen["user"], user);
}

TEST_F(Access, ATokenEndsWithItsTimeItsAccountAndItsPod) {
  admin_.create(resources::kPods, pod("p"));
  const std::string short_one = token({{"expirationSeconds", 600}});
  const std::string of_pod =
      token({{"expirationSeconds", 7200},
             {"boundObjectRef", {{"apiVersion", "v1"}, {"kind", "Pod"}, {"name", "p"}}}});
  const std::string long_one = token({{"expirationSeconds", 7200}});
  const auto code = [&](const std::string& text) {
    try {
      who_am_i(*client_with(text));
    } catch (const base::Error& error) {
      return error.code();
    }
    return ErrorCode::kInternal;
  };
  for (const auto& good : {short_one, of_pod, long_one}) EXPECT_EQ(code(good), ErrorCode::kInternal);
  clock_.advance(std::chrono::seconds(601));
  EXPECT_EQ(code(short_one), ErrorCode::kUnauthenticated);
  EXPECT_EQ(code(of_pod), ErrorCode::kInternal);
  admin_.raw("DELETE", "/api/v1/namespaces/default/pods/p?gracePeriodSeconds=0");
  EXPECT_EQ(code(of_pod), ErrorCode::kUnauthenticated);
  EXPECT_EQ(code(long_one), ErrorCode::kInternal);
  admin_.remove(resources::kServiceAccounts, {"default", "robot"});
  admin_.create(resources::kServiceAccounts, named("ServiceAccount", "robot"));  // another one of that name
  EXPECT_EQ(code(long_one), ErrorCode::kUnauthenticated);
}

TEST_F(Access, ATokenThatWasChangedIsNobodys) {
  const std::string good = token();
  const size_t middle = good.find('.'), end = good.rfind('.');
  auto claims = *codec::from_base64(good.substr(middle + 1, end - middle - 1));
  claims.replace(claims.find("robot"), 5, "admin");
  for (const std::string& bad :
       {good.substr(0, middle + 1) + codec::to_base64(claims) + good.substr(end), good.substr(0, end + 1),
        good.substr(0, good.size() - 4) + "AAAA", std::string("a.b.c"), std::string("..")}) {
    EXPECT_THROW(who_am_i(*client_with(bad)), base::Error) << bad;
  }
}

TEST_F(Access, TokensThatCannotBeIssuedAreRefused) {
  EXPECT_THAT(refused([&] {
                request_token({{"expirationSeconds", 10}});
              }),
              testing::HasSubstr("may not specify a duration less than 10 minutes"));
  EXPECT_THAT(refused([&] { request_token(Json::object(), "nobody"); }), testing::HasSubstr("not found"));
  admin_.create(resources::kServiceAccounts, named("ServiceAccount", "other"));
  admin_.create(resources::kPods, pod("p"));
  const Json reference{{"boundObjectRef", {{"apiVersion", "v1"}, {"kind", "Pod"}, {"name", "p"}}}};
  EXPECT_THAT(refused([&] { request_token(reference, "other"); }),
              testing::HasSubstr("different serviceaccount name"));
}

TEST_F(Access, AnAccountMayWhatItsRolesSayAndNothingElse) {
  const auto robot = client_with(token());
  EXPECT_EQ(
      refused([&] { robot->list(resources::kPods, "default"); }),
      "pods is forbidden: User \"system:serviceaccount:default:robot\" cannot list resource \"pods\" in API "
      "group \"\" in the namespace \"default\"");
  EXPECT_THAT(refused([&] { robot->list(resources::kNodes, ""); }),
              testing::HasSubstr("cannot list resource \"nodes\" in API group \"\" at the cluster scope"));
  EXPECT_FALSE(robot->raw("GET", "/version").empty());
  EXPECT_FALSE(robot->raw("GET", "/apis").empty());
  EXPECT_THAT(refused([&] { robot->raw("GET", "/metrics"); }),
              testing::HasSubstr("cannot get path \"/metrics\""));

  allow("default", Json::array({{{"apiGroups", {""}}, {"resources", {"pods"}}, {"verbs", {"list", "create"}}},
                                {{"apiGroups", {""}},
                                 {"resources", {"configmaps"}},
                                 {"resourceNames", {"mine"}},
                                 {"verbs", {"get", "patch", "update"}}}}));
  EXPECT_TRUE(robot->list(resources::kPods, "default").empty());
  robot->create(resources::kPods, pod("made"));
  EXPECT_THAT(refused([&] {
                robot->get(resources::kPods, {"default", "made"});
              }),
              testing::HasSubstr("pods \"made\" is forbidden"));
  EXPECT_THAT(refused([&] { robot->raw("GET", "/api/v1/namespaces/default/pods/made/log"); }),
              testing::HasSubstr("cannot get resource \"pods/log\""));
  EXPECT_THAT(refused([&] { robot->list(resources::kPods, "kube-system"); }),
              testing::HasSubstr("in the namespace \"kube-system\""));
  EXPECT_THAT(refused([&] { robot->list(resources::kPods, ""); }),
              testing::HasSubstr("at the cluster scope"));
  admin_.create(resources::kConfigMaps, named("ConfigMap", "mine"));
  admin_.create(resources::kConfigMaps, named("ConfigMap", "yours"));
  EXPECT_TRUE(robot->get(resources::kConfigMaps, {"default", "mine"}));
  EXPECT_THAT(refused([&] {
                robot->get(resources::kConfigMaps, {"default", "yours"});
              }),
              testing::HasSubstr("is forbidden"));

  admin_.remove(kBindings, {"default", "robot"});
  EXPECT_THAT(refused([&] { robot->list(resources::kPods, "default"); }), testing::HasSubstr("is forbidden"));
}

TEST_F(Access, ApplyingWhatIsNotThereNeedsTheRightToCreate) {
  allow("default", Json::array({{{"apiGroups", {""}}, {"resources", {"configmaps"}}, {"verbs", {"patch"}}}}));
  const auto robot = client_with(token());
  const auto apply = [&](const std::string& name) {
    robot->raw("PATCH", "/api/v1/namespaces/default/configmaps/" + name + "?fieldManager=t",
               named("ConfigMap", name).dump(), "application/apply-patch+yaml");
  };
  EXPECT_THAT(refused([&] { apply("new"); }), testing::HasSubstr("cannot create resource \"configmaps\""));
  admin_.create(resources::kConfigMaps, named("ConfigMap", "old"));
  apply("old");
}

TEST_F(Access, AClusterRoleReachesAsFarAsItsBinding) {
  admin_.create(
      kClusterRoles,
      {{"apiVersion", "rbac.authorization.k8s.io/v1"},
       {"kind", "ClusterRole"},
       {"metadata", {{"name", "reader"}}},
       {"rules", Json::array({{{"apiGroups", {"*"}}, {"resources", {"*"}}, {"verbs", {"get", "list"}}}})}});
  Json binding = named("RoleBinding", "reader");
  binding["apiVersion"] = "rbac.authorization.k8s.io/v1";
  binding["roleRef"] = {
      {"apiGroup", "rbac.authorization.k8s.io"}, {"kind", "ClusterRole"}, {"name", "reader"}};
  binding["subjects"] = Json::array({{{"kind", "Group"},
                                      {"apiGroup", "rbac.authorization.k8s.io"},
                                      {"name", "system:serviceaccounts:default"}}});
  admin_.create(kBindings, binding);
  const auto robot = client_with(token());
  robot->list(resources::kSecrets, "default");
  EXPECT_TRUE(robot->get(resources::kNamespaces, {"", "default"}));
  EXPECT_THAT(refused([&] { robot->list(resources::kSecrets, ""); }), testing::HasSubstr("is forbidden"));
  binding["kind"] = "ClusterRoleBinding";
  binding["metadata"] = {{"name", "reader"}};
  admin_.create(kClusterBindings, binding);
  robot->list(resources::kSecrets, "");
  robot->list(resources::kNodes, "");
}

TEST_F(Access, TheDefaultRolesAreThereAndTakeInWhatIsLabelledForThem) {
  const auto bind = [&](const std::string& role) {
    Json binding = named("RoleBinding", role);
    binding["apiVersion"] = "rbac.authorization.k8s.io/v1";
    binding["roleRef"] = {{"apiGroup", "rbac.authorization.k8s.io"}, {"kind", "ClusterRole"}, {"name", role}};
    binding["subjects"] =
        Json::array({{{"kind", "ServiceAccount"}, {"name", "robot"}, {"namespace", "default"}}});
    admin_.create(kBindings, binding);
  };
  const auto robot = client_with(token());
  bind("view");
  robot->list(resources::kPods, "default");
  EXPECT_THAT(refused([&] { robot->list(resources::kSecrets, "default"); }),
              testing::HasSubstr("is forbidden"));
  const auto make = [&] { robot->create(resources::kConfigMaps, named("ConfigMap", "made")); };
  EXPECT_THAT(refused(make), testing::HasSubstr("is forbidden"));
  bind("edit");
  make();
  robot->list(resources::kSecrets, "default");
  EXPECT_THAT(refused([&] { robot->list(kRoles, "default"); }), testing::HasSubstr("is forbidden"));

  const kube::GroupVersionResource toys{"example.com", "v1", "toys"};
  EXPECT_THAT(refused([&] { robot->list(toys, "default"); }), testing::HasSubstr("is forbidden"));
  admin_.create(
      kClusterRoles,
      {{"apiVersion", "rbac.authorization.k8s.io/v1"},
       {"kind", "ClusterRole"},
       {"metadata",
        {{"name", "toys"}, {"labels", {{"rbac.authorization.k8s.io/aggregate-to-view", "true"}}}}},
       {"rules",
        Json::array({{{"apiGroups", {"example.com"}}, {"resources", {"toys"}}, {"verbs", {"list"}}}})}});
  EXPECT_THAT(refused([&] { robot->list(toys, "default"); }), testing::HasSubstr("could not find"));
}

TEST_F(Access, ReviewsAndImpersonationTellWhatAnAccountMay) {
  allow("default",
        Json::array({{{"apiGroups", {"apps"}}, {"resources", {"deployments"}}, {"verbs", {"get"}}}}));
  const Json wanted{
      {"verb", "get"}, {"group", "apps"}, {"resource", "deployments"}, {"namespace", "default"}};
  Json other = wanted;
  other["verb"] = "delete";
  const auto robot = client_with(token());
  auto acting = connection();
  acting.headers = {{"Impersonate-User", "system:serviceaccount:default:robot"}};
  kube::Client impersonating(std::move(acting));
  const char* const group = "authorization.k8s.io";
  for (kube::Client* client : {robot.get(), &impersonating}) {
    const auto may = [&](const Json& attributes) {
      return review(*client, group, "SelfSubjectAccessReview", "selfsubjectaccessreviews",
                    {{"resourceAttributes", attributes}})["allowed"];
    };
    EXPECT_EQ(may(wanted), true);
    EXPECT_EQ(may(other), false);
  }
  EXPECT_EQ(
      review(admin_, group, "SubjectAccessReview", "subjectaccessreviews",
             {{"user", "system:serviceaccount:default:robot"}, {"resourceAttributes", other}})["allowed"],
      false);
  const Json rules = review(*robot, group, "SelfSubjectRulesReview", "selfsubjectrulesreviews",
                            {{"namespace", "default"}})["resourceRules"];
  EXPECT_NE(std::find(rules.begin(), rules.end(),
                      Json({{"verbs", {"get"}}, {"apiGroups", {"apps"}}, {"resources", {"deployments"}}})),
            rules.end());
  auto climbing = connection();
  climbing.token = [text = token()] { return text; };
  climbing.headers = {{"Impersonate-User", "kubernetes-admin"}, {"Impersonate-Group", "system:masters"}};
  kube::Client climber(std::move(climbing));
  EXPECT_THAT(refused([&] { climber.list(resources::kSecrets, ""); }),
              testing::HasSubstr("cannot impersonate"));
}

TEST_F(Access, PodsGetTheTokenOfTheirAccount) {
  const Json made = admin_.create(resources::kPods, pod("p"));
  const Json& volume = made["spec"]["volumes"][0];
  EXPECT_THAT(get_string(volume, {"name"}), testing::StartsWith("kube-api-access-"));
  EXPECT_EQ(volume["projected"]["sources"].size(), 3U);
  EXPECT_EQ(made["spec"]["containers"][0]["volumeMounts"],
            Json::array({{{"name", volume["name"]},
                          {"readOnly", true},
                          {"mountPath", "/var/run/secrets/kubernetes.io/serviceaccount"}}}));
  Json without = pod("without");
  without["spec"]["automountServiceAccountToken"] = false;
  EXPECT_FALSE(admin_.create(resources::kPods, without)["spec"].contains("volumes"));
  // As a restored one has it: with the volume that it got where it was backed up.
  Json restored = pod("restored");
  restored["spec"]["volumes"] = made["spec"]["volumes"];
  restored["spec"]["containers"] = made["spec"]["containers"];
  EXPECT_EQ(admin_.create(resources::kPods, restored)["spec"]["volumes"], made["spec"]["volumes"]);
  Json stranger = pod("stranger");
  stranger["spec"]["serviceAccountName"] = "nobody";
  EXPECT_THAT(refused([&] { admin_.create(resources::kPods, stranger); }),
              testing::HasSubstr("error looking up service account default/nobody"));
}

TEST(AccessRule, CoversWhatItNames) {
  const AccessRule rule{{"get"}, {"apps"}, {"deployments", "*/scale"}, {}, {}};
  EXPECT_TRUE(rule.covers({"get", "apps", "deployments", "", "ns", "x", ""}));
  EXPECT_TRUE(rule.covers({"get", "apps", "statefulsets", "scale", "ns", "x", ""}));
  EXPECT_FALSE(rule.covers({"get", "apps", "deployments", "status", "ns", "x", ""}));
  EXPECT_FALSE(rule.covers({"get", "", "deployments", "", "ns", "x", ""}));
  EXPECT_FALSE(rule.covers({"list", "apps", "deployments", "", "ns", "", ""}));
  const AccessRule paths{{"*"}, {}, {}, {}, {"/apis/*", "/version"}};
  EXPECT_TRUE(paths.covers({"get", "", "", "", "", "", "/apis/apps"}));
  EXPECT_FALSE(paths.covers({"get", "", "", "", "", "", "/versions"}));
}

}  // namespace
}  // namespace salvor::local
