#include "kube/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "kube/discovery.h"
#include "kube/scripted_server_test_support.h"

namespace salvor::kube {
namespace {

using base::ErrorCode;
using testing::ElementsAre;
using Answer = ScriptedServer::Answer;
using Request = net::ServerRequest;

ErrorCode code_of(const std::function<void()>& function) {
  try {
    function();
  } catch (const base::Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "no error";
  return ErrorCode::kInternal;
}

// What a server that waits for its API server asks for; far more than any error needs that will not pass.
constexpr int kMany = 10'000;

TEST(ClientTest, MapsStatusAnswersToTypedErrors) {
  const std::vector<std::tuple<int, std::string, ErrorCode>> cases = {
      {400, "BadRequest", ErrorCode::kInvalidArgument},
      {401, "Unauthorized", ErrorCode::kUnauthenticated},
      {403, "Forbidden", ErrorCode::kPermissionDenied},
      {404, "NotFound", ErrorCode::kNotFound},
      {409, "AlreadyExists", ErrorCode::kAlreadyExists},
      {409, "Conflict", ErrorCode::kConflict},
      {410, "Expired", ErrorCode::kGone},
      {422, "Invalid", ErrorCode::kInvalidArgument},
      {429, "TooManyRequests", ErrorCode::kUnavailable},
      {500, "InternalError", ErrorCode::kUnavailable},
      {503, "ServiceUnavailable", ErrorCode::kUnavailable},
      {504, "Timeout", ErrorCode::kTimeout}};
  size_t index = 0;
  ScriptedServer server([&](const Request&) {
    const auto& [status, reason, code] = cases[index];
    return Answer{status, status_body(status, reason, "pods \"x\": " + reason), {}};
  });
  auto options = ScriptedServer::quick();
  options.retry.attempts = 1;
  auto client = server.client(options);
  for (; index < cases.size(); ++index) {
    const auto& [status, reason, code] = cases[index];
    try {
      client.require(resources::kPods, {"ns", "x"});
      ADD_FAILURE() << reason;
    } catch (const StatusError& error) {
      EXPECT_EQ(error.code(), code) << reason;
      EXPECT_EQ(error.reason(), reason);
      EXPECT_EQ(error.http_status(), status);
      EXPECT_EQ(error.message(), "pods \"x\": " + reason);
      EXPECT_EQ(error.retryable(), status >= 500 || status == 429);
    }
  }
}

TEST(ClientTest, ErrorsWithoutAStatusNameTheRequestAndQuoteTheBody) {
  ScriptedServer server([](const Request&) { return Answer{404, "404 page not found\n", {}}; });
  auto client = server.client();
  try {
    client.raw("GET", "/nothing?token=secret");
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.message(), "GET /nothing: HTTP 404: 404 page not found");
  }
  EXPECT_EQ(client.get(resources::kPods, {"ns", "x"}), std::nullopt);
}

TEST(ClientTest, RepeatsTooManyRequestsAndHonoursRetryAfter) {
  std::atomic<int> calls = 0;
  ScriptedServer server([&](const Request&) {
    if (++calls < 3)
      return Answer{429, status_body(429, "TooManyRequests", "slow down"), {{"Retry-After", "0"}}};
    return Answer{
        201, R"({"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"x","namespace":"ns"}})", {}};
  });
  const auto created = server.client().create(
      resources::kConfigMaps,
      {{"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"metadata", {{"name", "x"}, {"namespace", "ns"}}}});
  EXPECT_EQ(name_of(created), "x");
  EXPECT_EQ(calls, 3);
}

TEST(ClientTest, RepeatsAfterInternalErrorsWhatMayBeDoneTwice) {
  std::atomic<int> calls = 0;
  ScriptedServer server([&](const Request&) {
    ++calls;
    return Answer{500, status_body(500, "InternalError", "etcd"), {}};
  });
  auto client = server.client();
  EXPECT_EQ(code_of([&] { client.require(resources::kPods, {"ns", "x"}); }), ErrorCode::kUnavailable);
  EXPECT_EQ(calls, 4);
  const auto calls_of = [&](const std::function<void()>& function) {
    calls = 0;
    EXPECT_EQ(code_of(function), ErrorCode::kUnavailable);
    return calls.load();
  };
  const ObjectName name{"ns", "x"};
  const Json named = {{"metadata", {{"name", "x"}, {"namespace", "ns"}}}};
  EXPECT_EQ(calls_of([&] { client.update(resources::kPods, named); }), 4);
  EXPECT_EQ(calls_of([&] { client.create(resources::kPods, named); }), 4);
  EXPECT_EQ(calls_of([&] { client.remove(resources::kPods, name); }), 4);
  EXPECT_EQ(calls_of([&] { client.patch(resources::kPods, name, PatchType::kMerge, Json::object()); }), 4);
  EXPECT_EQ(calls_of([&] { client.patch(resources::kPods, name, PatchType::kJson, Json::array()); }), 1);
  EXPECT_EQ(calls_of([&] {
              client.create(resources::kPods, {{"metadata", {{"generateName", "x-"}, {"namespace", "ns"}}}});
            }),
            1);
}

TEST(ClientTest, WaitsPatientlyForAServerThatIsGoneOrOverloaded) {
  for (const int status : {429, 503}) {
    std::atomic<int> calls = 0;
    ScriptedServer server([&](const Request&) {
      if (++calls < 50) return Answer{status, status_body(status, "Unavailable", "later"), {}};
      return Answer{200, R"({"kind":"Pod","metadata":{"name":"x"}})", {}};
    });
    auto options = ScriptedServer::quick();
    options.retry.attempts = kMany;
    auto client = server.client(options);
    EXPECT_EQ(name_of(client.require(resources::kPods, {"ns", "x"})), "x");
    EXPECT_EQ(calls, 50);
    EXPECT_EQ(client.refusals(), 49U);
  }
}

TEST(ClientTest, HasNoPatienceWithAWebhookThatFails) {
  std::atomic<int> calls = 0;
  ScriptedServer server([&](const Request&) {
    ++calls;
    return Answer{500, status_body(500, "InternalError", "failed calling webhook"), {}};
  });
  auto options = ScriptedServer::quick();
  options.retry.attempts = kMany;
  EXPECT_EQ(
      code_of([&] {
        server.client(options).create(resources::kPods, {{"metadata", {{"name", "x"}, {"namespace", "ns"}}}});
      }),
      ErrorCode::kUnavailable);
  EXPECT_EQ(calls, 5);
}

TEST(ClientTest, FindsAServerAgainThatCameBackAfterItsAttempts) {
  std::uint16_t port = 0;
  {
    ScriptedServer first([](const Request&) { return Answer{}; });
    port = first.port();
  }
  Connection connection;
  connection.server = "http://127.0.0.1:" + std::to_string(port);
  auto options = ScriptedServer::quick();
  options.retry.attempts = kMany;
  Client client(connection, options);
  auto answer = std::async(std::launch::async, [&] { return client.require(resources::kPods, {"ns", "x"}); });
  // Longer than all attempts without patience take.
  ASSERT_EQ(answer.wait_for(std::chrono::milliseconds(200)), std::future_status::timeout);
  ScriptedServer second([](const Request&) { return Answer{200, R"({"metadata":{"name":"x"}})", {}}; }, port);
  EXPECT_EQ(name_of(answer.get()), "x");
}

TEST(ClientTest, RefusedConnectionsAreRepeatedThenReported) {
  std::string url;
  {
    ScriptedServer server([](const Request&) { return Answer{}; });
    url = server.url();
  }
  Connection connection;
  connection.server = url;
  Client client(connection, ScriptedServer::quick());
  EXPECT_EQ(code_of([&] { client.get(resources::kPods, {"ns", "x"}); }), ErrorCode::kUnavailable);
  EXPECT_EQ(code_of([&] {
              client.create(resources::kPods, {{"metadata", {{"name", "x"}, {"namespace", "ns"}}}});
            }),
            ErrorCode::kUnavailable);
}

TEST(ClientTest, SendsTheVerbPathAndBodyOfEachCall) {
  std::vector<std::string> bodies;
  std::vector<std::string> types;
  ScriptedServer server([&](const Request& request) {
    bodies.push_back(request.body);
    types.emplace_back(request.header("content-type"));
    return Answer{200, R"({"metadata":{"name":"x"}})", {}};
  });
  auto client = server.client();
  const Json object = {{"metadata", {{"name", "x"}, {"namespace", "ns"}}}};
  client.update(resources::kDeployments, object);
  client.update_status(resources::kDeployments, object);
  client.patch(resources::kDeployments, {"ns", "x"}, PatchType::kMerge, {{"spec", {{"paused", true}}}});
  client.patch(resources::kNodes, {"", "n"}, PatchType::kApply, object, "status");
  client.remove(resources::kDeployments, {"ns", "x"}, "Foreground", "u-1");
  EXPECT_THAT(server.requests(), ElementsAre("PUT /apis/apps/v1/namespaces/ns/deployments/x",
                                             "PUT /apis/apps/v1/namespaces/ns/deployments/x/status",
                                             "PATCH /apis/apps/v1/namespaces/ns/deployments/x",
                                             "PATCH /api/v1/nodes/n/status?fieldManager=salvor&force=true",
                                             "DELETE /apis/apps/v1/namespaces/ns/deployments/x"));
  EXPECT_THAT(types, ElementsAre("application/json", "application/json", "application/merge-patch+json",
                                 "application/apply-patch+yaml", "application/json"));
  EXPECT_EQ(bodies[2], R"({"spec":{"paused":true}})");
  EXPECT_EQ(
      bodies[4],
      R"({"kind":"DeleteOptions","apiVersion":"v1","propagationPolicy":"Foreground","preconditions":{"uid":"u-1"}})");
}

TEST(ClientTest, ObjectsWithoutANameAreRefusedBeforeTheyBecomeACollection) {
  ScriptedServer server([](const Request&) { return Answer{}; });
  auto client = server.client();
  EXPECT_EQ(code_of([&] { client.remove(resources::kPods, {"ns", ""}); }), ErrorCode::kInvalidArgument);
  EXPECT_TRUE(server.requests().empty());
}

TEST(ClientTest, StopsWaitingForARetryWhenCancelled) {
  base::CancelSource cancel;
  ScriptedServer server([&](const Request&) {
    cancel.cancel();
    return Answer{503, "", {{"Retry-After", "60"}}};
  });
  EXPECT_EQ(code_of([&] {
              server.client().get(resources::kPods, {"ns", "x"}, cancel.token());
            }),
            ErrorCode::kCancelled);
}

TEST(ClientTest, KeepsToTheQueryRate) {
  ScriptedServer server([](const Request&) { return Answer{200, "{}", {}}; });
  auto options = ScriptedServer::quick();
  options.queries_per_second = 100;
  auto client = server.client(options);
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) client.raw("GET", "/version");
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(150));
}

TEST(DiscoveryTest, ReadsTheAggregatedDocument) {
  ScriptedServer server([](const Request& request) {
    EXPECT_NE(request.header("accept").find("as=APIGroupDiscoveryList"), std::string::npos);
    if (request.path == "/api")
      return Answer{
          200,
          R"({"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2","items":[{"metadata":{},
        "versions":[{"version":"v1","freshness":"Current","resources":[{"resource":"pods","responseKind":{"group":"","version":"",
        "kind":"Pod"},"scope":"Namespaced","singularResource":"pod","verbs":["create","delete","get","list"],"shortNames":["po"],
        "subresources":[{"subresource":"exec","responseKind":{"kind":"PodExecOptions"}}]},{"resource":"nodes","responseKind":
        {"kind":"Node"},"scope":"Cluster","singularResource":"node","verbs":["get"]}]}]}]})",
          {}};
    return Answer{
        200,
        R"({"kind":"APIGroupDiscoveryList","items":[{"metadata":{"name":"apps"},"versions":[{"version":"v1",
      "resources":[{"resource":"deployments","responseKind":{"kind":"Deployment"},"scope":"Namespaced","singularResource":
      "deployment","verbs":["list"],"shortNames":["deploy"]}]},{"version":"v1beta1","resources":[{"resource":"deployments",
      "responseKind":{"kind":"Deployment"},"scope":"Namespaced","verbs":["list"]}]}]},{"metadata":{"name":"metrics.k8s.io"},
      "versions":[{"version":"v1beta1","freshness":"Stale","resources":[]}]}]})",
        {}};
  });
  auto client = server.client();
  Discovery discovery(client);
  discovery.refresh();
  std::vector<std::string> names;
  for (const auto& resource : discovery.preferred()) names.push_back(resource.gvr.group_resource());
  EXPECT_THAT(names, ElementsAre("pods", "nodes", "deployments.apps"));
  for (const auto* name : {"deploy", "Deployment", "deployments", "deployments.apps", "deployment.v1.apps"}) {
    const auto found = discovery.find(name);
    ASSERT_TRUE(found) << name;
    EXPECT_EQ(found->gvr, (GroupVersionResource{"apps", "v1", "deployments"}));
  }
  EXPECT_TRUE(discovery.find("deployments.v1beta1.apps"));
  EXPECT_FALSE(discovery.find("deployments.extensions"));
  EXPECT_TRUE(discovery.find("po")->namespaced);
  EXPECT_FALSE(discovery.find_kind("v1", "Node")->namespaced);
  EXPECT_TRUE(discovery.find("pods")->has_verb("create"));
  EXPECT_THAT(discovery.failures(), ElementsAre(testing::StartsWith("metrics.k8s.io/v1beta1: ")));
}

TEST(DiscoveryTest, FallsBackToOneRequestPerVersionAndSkipsFailingGroups) {
  ScriptedServer server([](const Request& request) {
    if (request.path == "/api") return Answer{200, R"({"kind":"APIVersions","versions":["v1"]})", {}};
    if (request.path == "/apis")
      return Answer{
          200,
          R"({"kind":"APIGroupList","groups":[{"name":"broken.io","versions":[{"groupVersion":"broken.io/v1",
        "version":"v1"}],"preferredVersion":{"version":"v1"}},{"name":"batch","versions":[{"version":"v1beta1"},{"version":"v1"}],
        "preferredVersion":{"groupVersion":"batch/v1","version":"v1"}}]})",
          {}};
    if (request.path == "/api/v1")
      return Answer{
          200,
          R"({"kind":"APIResourceList","resources":[{"name":"pods","singularName":"pod","namespaced":true,
        "kind":"Pod","verbs":["list"],"shortNames":["po"]},{"name":"pods/exec","namespaced":true,"kind":"X","verbs":[]}]})",
          {}};
    if (request.path == "/apis/batch/v1")
      return Answer{
          200, R"({"resources":[{"name":"jobs","namespaced":true,"kind":"Job","verbs":["list"]}]})", {}};
    if (request.path == "/apis/batch/v1beta1")
      return Answer{
          200,
          R"({"resources":[{"name":"cronjobs","namespaced":true,"kind":"CronJob","verbs":["list"]}]})",
          {}};
    return Answer{503, "no endpoints", {}};
  });
  auto client = server.client();
  Discovery discovery(client);
  discovery.refresh();
  std::vector<std::string> names;
  for (const auto& resource : discovery.preferred()) names.push_back(resource.gvr.group_resource());
  EXPECT_THAT(names, ElementsAre("pods", "jobs.batch"));
  EXPECT_TRUE(discovery.find("cronjobs"));
  EXPECT_THAT(discovery.failures(), ElementsAre(testing::StartsWith("broken.io/v1: ")));
}

}  // namespace
}  // namespace salvor::kube
