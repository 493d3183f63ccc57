// `backup diff` and `find` on buckets, without and with a cluster.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/bucket_test_support.h"
#include "cli/cli_test_support.h"
#include "kube/client.h"
#include "local/api/api_server.h"

namespace salvor::cli {
namespace {

using codec::Json;
using ::testing::HasSubstr;
using ::testing::Not;

Json deployment(int replicas, const std::string& image) {
  Json object = object_of("apps/v1", "Deployment", "shop", "web");
  object["metadata"]["resourceVersion"] = std::to_string(replicas * 100);
  object["spec"] = {
      {"replicas", replicas},
      {"template", {{"spec", {{"containers", Json::array({{{"name", "web"}, {"image", image}}})}}}}}};
  object["status"]["readyReplicas"] = replicas;
  return object;
}

Json secret(const std::string& value) {
  Json object = object_of("v1", "Secret", "shop", "s");
  object["data"]["password"] = value;
  return object;
}

class DiffTest : public testing::Test {
 protected:
  DiffTest() {
    bucket_.put("b1", "2026-11-20T01:00:00Z",
                {{"deployments.apps", deployment(3, "web:1")},
                 {"secrets", secret("b2xk")},
                 {"configmaps", object_of("v1", "ConfigMap", "shop", "gone")},
                 {"configmaps", object_of("v1", "ConfigMap", "shop", "same")},
                 {"events", object_of("v1", "Event", "shop", "e1")}});
    bucket_.put("b2", "2026-11-21T01:00:00Z",
                {{"deployments.apps", deployment(2, "web:2")},
                 {"secrets", secret("bmV3")},
                 {"configmaps", object_of("v1", "ConfigMap", "shop", "new")},
                 {"configmaps", object_of("v1", "ConfigMap", "shop", "same")},
                 {"events", object_of("v1", "Event", "shop", "e2")}});
    bucket_.put("b3", "2026-11-22T01:00:00Z", {{"deployments.apps", deployment(2, "web:2")}}, true);
  }
  CommandResult run(std::vector<std::string> words) {
    words.insert(words.begin(), {"--bucket", bucket_.path()});
    return run_command(nullptr, std::move(words));
  }
  TestBucket bucket_;
};

TEST_F(DiffTest, TellsWhatWasAddedRemovedAndChangedByField) {
  const auto result = run({"backup", "diff", "b1", "b2"});
  EXPECT_EQ(result.out,
            "- configmaps shop/gone\n"
            "+ configmaps shop/new\n"
            "~ deployments.apps shop/web\n"
            "    spec.replicas: 3 -> 2\n"
            "    spec.template.spec.containers[name=web].image: \"web:1\" -> \"web:2\"\n"
            "~ secrets shop/s\n"
            "    data.password: \"***\" -> \"***\"\n"
            "1 added, 1 removed, 2 changed, 1 the same\n");
  EXPECT_EQ(result.code, 2);
}

TEST_F(DiffTest, ABackupDoesNotDifferFromItselfAndSaysSoByItsExitCode) {
  const auto result = run({"backup", "diff", "b1", "b1"});
  EXPECT_EQ(result.out, "0 added, 0 removed, 0 changed, 4 the same\n");
  EXPECT_EQ(result.code, 0);
}

TEST_F(DiffTest, NoiseAndLeftOutKindsComeBackOnRequest) {
  const auto result = run({"backup", "diff", "b1", "b2", "--all-fields", "--exclude-resources", "secrets",
                           "--include-resources", "deployments.apps,events"});
  EXPECT_THAT(result.out, HasSubstr("metadata.resourceVersion: \"300\" -> \"200\""));
  EXPECT_THAT(result.out, HasSubstr("status.readyReplicas: 3 -> 2"));
  EXPECT_THAT(result.out, HasSubstr("+ events shop/e2"));
  EXPECT_THAT(result.out, Not(HasSubstr("configmaps")));
}

TEST_F(DiffTest, TheJsonHoldsTheSame) {
  const auto result = run({"backup", "diff", "b1", "b2", "-o", "json"});
  const Json document = codec::parse_json(result.out, "output");
  EXPECT_EQ(document["summary"], codec::parse_json(R"({"added":1,"removed":1,"changed":2,"same":1})", "x"));
  EXPECT_EQ(document["differences"][2]["changes"][0],
            codec::parse_json(R"({"path":"spec.replicas","before":3,"after":2})", "x"));
  EXPECT_EQ(result.code, 2);
}

TEST_F(DiffTest, WrongArgumentsAndMissingBackupsAreRefused) {
  EXPECT_THAT(run({"backup", "diff", "b1"}).err, HasSubstr("name two backups, or one backup and --live"));
  EXPECT_THAT(run({"backup", "diff", "b1", "absent"}).err, HasSubstr("backup \"absent\" not found"));
  EXPECT_THAT(run({"backup", "diff", "b1", "b2", "-o", "xml"}).err, HasSubstr("invalid output format"));
}

TEST_F(DiffTest, ADamagedTarballIsAnErrorAndNotADifference) {
  bucket_.damage("b2");
  const auto result = run({"backup", "diff", "b1", "b2"});
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, HasSubstr("b2.tar.gz"));
}

TEST_F(DiffTest, FindNamesTheBackupsThatHoldAnObjectNewestFirst) {
  const auto result = run({"find", "deploy/web", "-n", "shop"});
  EXPECT_EQ(result.out,
            "BACKUP   CREATED                         STATUS      RESOURCE           NAMESPACE   CHANGE\n"
            "b3       2026-11-22 01:00:00 +0000 UTC   Completed   deployments.apps   shop        same\n"
            "b2       2026-11-21 01:00:00 +0000 UTC   Completed   deployments.apps   shop        changed: "
            "spec.replicas and 1 more\n"
            "b1       2026-11-20 01:00:00 +0000 UTC   Completed   deployments.apps   shop        first\n");
  EXPECT_EQ(result.code, 0);
}

TEST_F(DiffTest, FindTakesAnyNameOfAKindAndNoOtherKinds) {
  for (const char* kind : {"Deployment", "deployments", "deployments.apps", "deployment.apps"})
    EXPECT_EQ(run({"find", std::string(kind) + "/web"}).code, 0) << kind;
  EXPECT_THAT(run({"find", "statefulset/web"}).err, HasSubstr("statefulset/web is in no backup"));
  EXPECT_EQ(run({"find", "deployment/web", "-n", "other"}).code, 1);
  EXPECT_THAT(run({"find", "web"}).err, HasSubstr("is no KIND/NAME"));
}

TEST_F(DiffTest, FindGoesOnPastADamagedBackupAndFails) {
  bucket_.damage("b2");
  const auto result = run({"find", "deployment/web", "-o", "json"});
  EXPECT_EQ(result.code, 1);
  const Json document = codec::parse_json(result.out, "output");
  ASSERT_EQ(document["backups"].size(), 2U);
  EXPECT_EQ(document["backups"][0]["change"], "changed");
  EXPECT_EQ(document["failures"][0]["backup"], "b2");
}

// The embedded API server: what it takes and answers is what a cluster does.
class LiveTest : public DiffTest {
 protected:
  LiveTest() {
    create({"", "v1", "namespaces"}, object_of("v1", "Namespace", "", "shop"));
    // As a backup of it holds it.
    Json map = object_of("v1", "ConfigMap", "shop", "settings");
    map["data"]["k"] = "v";
    create({"", "v1", "configmaps"}, map);
    map["metadata"]["name"] = "will-go";
    create({"", "v1", "configmaps"}, map);
  }
  void create(const kube::GroupVersionResource& gvr, const Json& object) { client_.create(gvr, object); }
  Json get(const std::string& name) { return client_.require({"", "v1", "configmaps"}, {"shop", name}); }
  CommandResult run_live(std::vector<std::string> words) {
    words.insert(words.end(), {"--kubeconfig", server_.kubeconfig().string()});
    return run(std::move(words));
  }

  base::TempDir directory_;
  base::SystemClock clock_;
  base::SystemRandom random_;
  local::ApiServer server_{{.directory = directory_.path(), .clock = clock_, .random = random_}};
  kube::Client client_{kube::load_connection({.path = server_.kubeconfig().string(), .context = ""})};
};

TEST_F(LiveTest, ABackupIsComparedWithTheClusterAsItIsNow) {
  bucket_.put("live", "2026-11-22T01:00:00Z",
              {{"configmaps", get("settings")}, {"configmaps", get("will-go")}});
  const std::vector<std::string> command{"backup",    "diff", "live", "--live", "--include-resources",
                                         "configmaps"};
  EXPECT_EQ(run_live(command).code, 2);  // the cluster has more than two
  Json settings = get("settings");
  settings["data"]["k"] = "changed";
  client_.update({"", "v1", "configmaps"}, settings);
  client_.remove({"", "v1", "configmaps"}, {"shop", "will-go"});
  create({"", "v1", "configmaps"}, object_of("v1", "ConfigMap", "shop", "added"));
  const auto result = run_live(command);
  EXPECT_THAT(result.out, HasSubstr("~ configmaps shop/settings\n    data.k: \"v\" -> \"changed\"\n"));
  EXPECT_THAT(result.out, HasSubstr("- configmaps shop/will-go\n"));
  EXPECT_THAT(result.out, HasSubstr("+ configmaps shop/added\n"));
  EXPECT_EQ(result.code, 2);
}

TEST_F(LiveTest, ADryRunOfARestorePrintsItsPlanAndChangesNothing) {
  Json settings = get("settings");
  settings["data"]["k"] = "backup";
  bucket_.put("live", "2026-11-22T01:00:00Z",
              {{"configmaps", settings}, {"secrets", secret("eA==")}, {"configmaps", get("will-go")}});
  const std::vector<std::string> command{
      "restore", "create", "--from-backup", "live", "--dry-run", "--existing-resource-policy", "update"};
  const auto result = run_live(command);
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("update   configmaps   shop        settings   exists and differs\n"));
  EXPECT_THAT(result.out, HasSubstr("    data.k: \"v\" -> \"backup\"\n"));
  EXPECT_THAT(result.out, HasSubstr("create   secrets      shop        s"));
  EXPECT_THAT(result.out, HasSubstr("skip     configmaps   shop        will-go    exists and is the same\n"));
  EXPECT_THAT(result.out, HasSubstr("Dry run: 1 would be created, 1 updated, 1 skipped, 0 would fail."));
  EXPECT_EQ(get("settings")["data"]["k"], "v");
  EXPECT_FALSE(client_.get({"", "v1", "secrets"}, {"shop", "s"}));
}

TEST_F(LiveTest, ADryRunIntoAnotherNamespaceIsTheSameInJson) {
  bucket_.put("live", "2026-11-22T01:00:00Z", {{"configmaps", get("settings")}});
  const auto result = run_live({"restore", "create", "--from-backup", "live", "--dry-run", "-o", "json",
                                "--namespace-mappings", "shop:shop-test"});
  const Json document = codec::parse_json(result.out, "output");
  EXPECT_EQ(document["summary"]["create"], 2);
  EXPECT_EQ(document["objects"][0]["resource"], "namespaces");
  EXPECT_EQ(document["objects"][1]["namespace"], "shop-test");
  EXPECT_EQ(document["objects"][1]["from"]["namespace"], "shop");
  EXPECT_FALSE(client_.get({"", "v1", "namespaces"}, {"", "shop-test"}));
}

TEST_F(LiveTest, ADryRunOfAnInvalidRestoreSaysAllThatIsWrong) {
  bucket_.put("live", "2026-11-22T01:00:00Z", {});
  const auto result = run_live({"restore", "create", "--from-backup", "live", "--dry-run",
                                "--include-resources", "nodes", "--resource-modifier-configmap", "absent"});
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, HasSubstr("nodes are non-restorable resources"));
  EXPECT_THAT(result.err, HasSubstr("resource modifiers configmaps \"absent\" not found"));
}

}  // namespace
}  // namespace salvor::cli
