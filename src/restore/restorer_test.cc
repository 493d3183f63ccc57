#include "restore/restorer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <set>

#include "restore/restore_test_support.h"

namespace salvor::restore {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;
using namespace kube::resources;

const kube::GroupVersionResource kWidgets{"example.io", "v1", "widgets"};

Json parse(const std::string& text) {
  return codec::parse_json(text, "test");
}

Json config_map(const std::string& name_space, const std::string& name, const std::string& value = "1") {
  return {{"apiVersion", "v1"},
          {"kind", "ConfigMap"},
          {"metadata", {{"name", name}, {"namespace", name_space}, {"uid", "old"}}},
          {"data", {{"k", value}}}};
}

TEST_F(RestoreTest, CreatesObjectsInTheirMappedNamespaceWithTheRestoresLabels) {
  put("configmaps", config_map("app", "c"));
  put("namespaces",
      parse(R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"app","labels":{"team":"x"}}})"));
  restore_.spec.namespace_mapping = {{"app", "app-test"}};
  const auto outcome = run();
  EXPECT_THAT(all_of(outcome.results.errors), IsEmpty());
  EXPECT_EQ((*cluster_.find(kNamespaces, {"", "app-test"}))["metadata"]["labels"]["team"], "x");
  const auto created = cluster_.find(kConfigMaps, {"app-test", "c"});
  ASSERT_TRUE(created);
  EXPECT_EQ((*created)["metadata"]["labels"]["velero.io/restore-name"], "r1");
  EXPECT_NE((*created)["metadata"]["uid"], "old");
  EXPECT_FALSE(cluster_.find(kConfigMaps, {"app", "c"}));
  EXPECT_EQ(outcome.progress.items_restored, 2);  // the namespace too
}

TEST_F(RestoreTest, AnExistingObjectThatDiffersIsAWarningOrUpdatedAsThePolicySays) {
  put("configmaps", config_map("app", "c", "backup"));
  cluster_.add(kNamespaces, parse(R"({"metadata":{"name":"app"}})"));
  cluster_.add(kConfigMaps, config_map("app", "c", "cluster"));
  auto outcome = run();
  EXPECT_THAT(outcome.results.warnings.namespaces["app"],
              ElementsAre("could not restore, ConfigMap:c already exists. Warning: the in-cluster version is "
                          "different than the backed-up version"));
  EXPECT_EQ((*cluster_.find(kConfigMaps, {"app", "c"}))["data"]["k"], "cluster");

  restore_.spec.existing_resource_policy = "update";
  outcome = run();
  EXPECT_THAT(all_of(outcome.results.warnings), IsEmpty());
  EXPECT_EQ((*cluster_.find(kConfigMaps, {"app", "c"}))["data"]["k"], "backup");
  EXPECT_EQ(outcome.resources.entries().at("v1/ConfigMap"), std::vector<std::string>{"app/c(updated)"});
}

TEST_F(RestoreTest, WaitsForDefinitionsBeforeTheirCustomResources) {
  put("customresourcedefinitions.apiextensions.k8s.io",
      parse(
          R"({"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"widgets.example.io"},
        "spec":{"group":"example.io","scope":"Namespaced","names":{"plural":"widgets","kind":"Widget"},
        "versions":[{"name":"v1","served":true,"schema":{}}]}})"));
  put("widgets.example.io",
      parse(R"({"apiVersion":"example.io/v1","kind":"Widget","metadata":{"name":"w","namespace":"app"}})"));
  const auto outcome = run();
  EXPECT_THAT(all_of(outcome.results.errors), IsEmpty());
  EXPECT_THAT(all_of(outcome.results.warnings), IsEmpty());
  EXPECT_TRUE(cluster_.find(kWidgets, {"app", "w"}));
}

TEST_F(RestoreTest, AMissingKindIsOneWarningAndTheRestGoesOn) {
  for (const char* name : {"w1", "w2"})
    put("widgets.example.io", {{"apiVersion", "example.io/v1"},
                               {"kind", "Widget"},
                               {"metadata", {{"name", name}, {"namespace", "app"}}}});
  put("configmaps", config_map("app", "c"));
  const auto outcome = run();
  EXPECT_THAT(outcome.results.warnings.cluster,
              ElementsAre("could not restore 2 objects of widgets.example.io: the cluster has no such kind"));
  EXPECT_THAT(all_of(outcome.results.errors), IsEmpty());
  EXPECT_TRUE(cluster_.find(kConfigMaps, {"app", "c"}));
  EXPECT_EQ(outcome.progress.total_items, 2);  // the namespace too
}

TEST_F(RestoreTest, AVersionThatTheClusterDoesNotServeIsAnErrorOfThatObject) {
  cluster_.add_kind(kWidgets, "Widget", true);
  put("widgets.example.io",
      parse(
          R"({"apiVersion":"example.io/v1beta1","kind":"Widget","metadata":{"name":"w","namespace":"app"}})"));
  const auto outcome = run();
  EXPECT_THAT(
      outcome.results.errors.namespaces.at("app"),
      ElementsAre("error restoring widgets.example.io app/w: the cluster serves widgets.example.io as "
                  "example.io/v1, not as example.io/v1beta1 as in the backup"));
}

TEST_F(RestoreTest, AnObjectThatAdmissionRejectsIsAnErrorAndTheRestGoesOn) {
  put("configmaps", config_map("app", "bad"));
  put("configmaps", config_map("app", "good"));
  cluster_.answer([](const net::ServerRequest& request) -> std::optional<TargetCluster::Answer> {
    if (request.method == "POST" && request.body.find("\"bad\"") != std::string::npos)
      return TargetCluster::Answer{403, "Forbidden",
                                   "admission webhook \"policy.example.io\" denied the request: no"};
    return std::nullopt;
  });
  const auto outcome = run();
  EXPECT_THAT(
      outcome.results.errors.namespaces.at("app"),
      ElementsAre("error restoring configmaps app/bad: admission webhook \"policy.example.io\" denied "
                  "the request: no"));
  EXPECT_TRUE(cluster_.find(kConfigMaps, {"app", "good"}));
  EXPECT_THAT(outcome.resources.entries().at("v1/ConfigMap"),
              UnorderedElementsAre("app/bad(failed)", "app/good(created)"));
}

TEST_F(RestoreTest, AWebhookThatCannotBeCalledFailsItsObjectAfterAFewAttempts) {
  put("configmaps", config_map("app", "bad"));
  std::atomic<int> calls = 0;
  cluster_.answer([&](const net::ServerRequest& request) -> std::optional<TargetCluster::Answer> {
    if (request.method != "POST" || request.path.find("configmaps") == std::string::npos) return std::nullopt;
    ++calls;
    return TargetCluster::Answer{500, "InternalError", "failed calling webhook \"x\": connection refused"};
  });
  const auto outcome = run();
  EXPECT_EQ(outcome.results.errors.count(), 1U);
  EXPECT_EQ(calls, 5);
}

TEST_F(RestoreTest, AStormOfRefusalsAndFailuresIsWaitedOutWithoutLossOrDoubles) {
  for (int i = 0; i < 60; ++i) put("configmaps", config_map("app", "c" + std::to_string(i)));
  std::atomic<int> calls = 0;
  cluster_.answer([&](const net::ServerRequest& request) -> std::optional<TargetCluster::Answer> {
    if (request.method != "POST" || request.path.find("configmaps") == std::string::npos) return std::nullopt;
    const int call = ++calls;
    if (call > 150) return std::nullopt;
    if (call % 3 == 0)
      return TargetCluster::Answer{.status = 500, .after_commit = true};  // the answer is lost
    if (call % 3 == 1) return TargetCluster::Answer{429, "TooManyRequests", "slow down", 0};
    return TargetCluster::Answer{.status = 503, .reason = "ServiceUnavailable"};
  });
  const auto outcome = run();
  EXPECT_THAT(all_of(outcome.results.errors), IsEmpty());
  EXPECT_THAT(all_of(outcome.results.warnings), IsEmpty());
  EXPECT_EQ(cluster_.all(kConfigMaps).size(), 60U);
  // What was created by a call whose answer was lost is this restore's own.
  for (const auto& entry : outcome.resources.entries().at("v1/ConfigMap"))
    EXPECT_THAT(entry, HasSubstr("(created)"));
}

TEST_F(RestoreTest, SendsFewerAtOnceWhenTheServerRefusesEvenIfARepeatSucceeds) {
  for (int i = 0; i < 60; ++i) put("configmaps", config_map("app", "c" + std::to_string(i)));
  std::mutex mutex;
  std::set<std::string> refused;
  cluster_.answer([&](const net::ServerRequest& request) -> std::optional<TargetCluster::Answer> {
    if (request.method != "POST" || request.path.find("configmaps") == std::string::npos) return std::nullopt;
    std::lock_guard lock(mutex);
    if (refused.size() >= 20 || !refused.insert(std::string(request.body)).second) return std::nullopt;
    return TargetCluster::Answer{429, "TooManyRequests", "slow down", 0};
  });
  base::StringSink log;
  logger_ = base::Logger(std::make_shared<base::StreamLogSink>(log, clock_));
  const auto outcome = run();
  EXPECT_THAT(all_of(outcome.results.errors), IsEmpty());
  EXPECT_EQ(cluster_.all(kConfigMaps).size(), 60U);
  EXPECT_THAT(log.data(), HasSubstr("refuses requests: continuing with 8 at a time"));
}

TEST_F(RestoreTest, AnOutageLongerThanItsPatienceFailsTheObjects) {
  put("configmaps", config_map("app", "c"));
  options_.longest_outage = std::chrono::milliseconds(300);
  cluster_.answer([&](const net::ServerRequest& request) -> std::optional<TargetCluster::Answer> {
    if (request.method == "GET") return std::nullopt;
    return TargetCluster::Answer{.status = 503, .reason = "ServiceUnavailable", .message = "gone"};
  });
  const auto outcome = run();
  EXPECT_THAT(all_of(outcome.results.errors), ElementsAre(HasSubstr("error restoring configmaps app/c: ")));
}

TEST_F(RestoreTest, StatusIsWrittenForTheKindsThatTheSpecNames) {
  const auto object = [](const char* kind) {
    return Json{{"apiVersion", "apps/v1"},
                {"kind", kind},
                {"metadata", {{"name", "x"}, {"namespace", "app"}}},
                {"spec", {{"replicas", 1}}},
                {"status", {{"readyReplicas", 1}}}};
  };
  put("deployments.apps", object("Deployment"));
  put("statefulsets.apps", object("StatefulSet"));
  restore_.spec.restore_status = velero::RestoreStatusSpec{{"deploy", "deployments.apps"}, {}};
  run();
  EXPECT_EQ((*cluster_.find(kDeployments, {"app", "x"}))["status"]["readyReplicas"], 1);
  EXPECT_FALSE(cluster_.find(kStatefulSets, {"app", "x"})->contains("status"));
}

TEST_F(RestoreTest, OrSelectorsTakeWhatAnyOfThemMatches) {
  for (const char* value : {"a", "b", "c"}) {
    Json object = config_map("app", std::string("c-") + value);
    object["metadata"]["labels"]["x"] = value;
    put("configmaps", object);
  }
  restore_.spec.or_label_selectors = {kube::LabelSelector::parse("x=a"), kube::LabelSelector::parse("x=b")};
  const auto outcome = run();
  EXPECT_EQ(outcome.progress.total_items, 3);  // the namespace too
  EXPECT_FALSE(cluster_.find(kConfigMaps, {"app", "c-c"}));
  EXPECT_TRUE(cluster_.find(kConfigMaps, {"app", "c-b"}));
}

TEST_F(RestoreTest, ModifiersOfTheConfigMapArePutOnAndTheirFailuresAreErrors) {
  put("configmaps", config_map("app", "c"));
  cluster_.add(kConfigMaps, {{"metadata", {{"name", "mods"}, {"namespace", "velero"}}}, {"data", {{"m", R"(
version: v1
resourceModifierRules:
- conditions: {groupResource: configmaps, namespaces: [app]}
  patches: [{operation: replace, path: /data/k, value: changed}]
- conditions: {groupResource: configmaps}
  patches: [{operation: remove, path: /data/absent}]
)"}}}});
  restore_.spec.namespace_mapping = {{"app", "test"}};
  restore_.spec.resource_modifier =
      velero::TypedReference{.api_group = std::nullopt, .kind = "ConfigMap", .name = "mods"};
  const auto outcome = run();
  EXPECT_EQ((*cluster_.find(kConfigMaps, {"test", "c"}))["data"]["k"], "changed");
  EXPECT_THAT(outcome.results.errors.namespaces.at("test"),
              ElementsAre(HasSubstr("cannot apply the JSON patch of a resource modifier to configmaps c")));
}

TEST_F(RestoreTest, PluginConfigMapsChangeStorageClassesAndImages) {
  const auto plugin = [&](const char* action, Json data) {
    cluster_.add(
        kConfigMaps,
        {{"metadata",
          {{"name", action},
           {"namespace", "velero"},
           {"labels",
            {{"velero.io/plugin-config", ""}, {std::string("velero.io/") + action, "RestoreItemAction"}}}}},
         {"data", std::move(data)}});
  };
  plugin("change-storage-class", {{"gp2", "gp3"}, {"old", "absent"}});
  plugin("change-image-name", {{"1", "docker.io/,registry.example.io/"}});
  cluster_.add(kStorageClasses, parse(R"({"metadata":{"name":"gp3"}})"));
  const auto claim = [](const char* name, const char* storage_class) {
    return Json{{"apiVersion", "v1"},
                {"kind", "PersistentVolumeClaim"},
                {"metadata", {{"name", name}, {"namespace", "app"}}},
                {"spec", {{"storageClassName", storage_class}}}};
  };
  put("persistentvolumeclaims", claim("good", "gp2"));
  put("persistentvolumeclaims", claim("bad", "old"));
  put("deployments.apps",
      parse(R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d","namespace":"app"},
    "spec":{"template":{"spec":{"containers":[{"name":"c","image":"docker.io/nginx:1"}]}}}})"));
  const auto outcome = run();
  EXPECT_EQ((*cluster_.find(kPersistentVolumeClaims, {"app", "good"}))["spec"]["storageClassName"], "gp3");
  EXPECT_EQ(
      (*cluster_.find(kDeployments, {"app", "d"}))["spec"]["template"]["spec"]["containers"][0]["image"],
      "registry.example.io/nginx:1");
  EXPECT_THAT(all_of(outcome.results.errors), ElementsAre(HasSubstr("no such storage class")));
  EXPECT_FALSE(cluster_.find(kPersistentVolumeClaims, {"app", "bad"}));
}

TEST_F(RestoreTest, VolumesOfKopiaAreNamedAsNotReadable) {
  put("pods", parse(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"app"},"spec":{
    "containers":[{"name":"c","image":"i","volumeMounts":[{"name":"data"},{"name":"old"}]}],"volumes":[{"name":"data"},{"name":"old"}]}})"));
  for (const auto& [volume, uploader] : std::map<std::string, std::string>{{"data", "kopia"}, {"old", ""}}) {
    auto& backup = pod_volume_backups_.emplace_back();
    backup.metadata = velero::ObjectMeta("velero", "b1-" + volume);
    backup.spec.pod = {.name_space = "app", .name = "p"};
    backup.spec.volume = volume;
    backup.spec.uploader_type = uploader;
    backup.status.phase = velero::phase::kCompleted;
    backup.status.snapshot_id = "1234";
  }
  options_.pod_volume_timeout = std::chrono::milliseconds(1);
  const auto outcome = run();
  EXPECT_THAT(
      outcome.results.errors.namespaces.at("app"),
      Contains("volume data of pod app/p is not restored: its data is in a kopia repository, and only "
               "restic's can be read"));
  const auto orders = cluster_.all(velero::resources::kPodVolumeRestores);
  ASSERT_EQ(orders.size(), 1U);
  EXPECT_EQ(orders[0]["spec"]["volume"], "old");
  // Nothing waits for the volume that nobody fills.
  const auto pod = *cluster_.find(kPods, {"app", "p"});
  EXPECT_EQ(pod["spec"]["initContainers"][0]["volumeMounts"].size(), 1U);
}

TEST_F(RestoreTest, UploaderSettingsReachTheOrdersOfVolumeData) {
  put("pods",
      parse(
          R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"app"},"spec":{"containers":[{"name":"c","image":"i"}]}})"));
  auto& backup = pod_volume_backups_.emplace_back();
  backup.spec.pod = {.name_space = "app", .name = "p"};
  backup.spec.volume = "data";
  backup.status.phase = velero::phase::kCompleted;
  backup.status.snapshot_id = "1234";
  restore_.spec.uploader_config = velero::UploaderConfigForRestore{true, 7};
  options_.pod_volume_timeout = std::chrono::milliseconds(1);
  run();
  const auto orders = cluster_.all(velero::resources::kPodVolumeRestores);
  ASSERT_EQ(orders.size(), 1U);
  EXPECT_EQ(orders[0]["spec"]["uploaderSettings"],
            parse(R"({"ParallelFilesDownload":"7","WriteSparseFiles":"true"})"));
}

TEST_F(RestoreTest, ProvisionedVolumesGetThePolicyAndLabelsOfTheBackedUpOnes) {
  put("persistentvolumes",
      parse(R"({"apiVersion":"v1","kind":"PersistentVolume","metadata":{"name":"pv-1"},"spec":{
    "persistentVolumeReclaimPolicy":"Delete","claimRef":{"namespace":"app","name":"data"}}})"));
  put("persistentvolumeclaims",
      parse(R"({"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"data","namespace":"app"},
    "spec":{"volumeName":"pv-1","storageClassName":"local"}})"));
  auto& info = volume_infos_.emplace_back();
  info.pvc_name = "data";
  info.pvc_namespace = "app";
  info.pv_info = velero::PersistentVolumeInfo{"Retain", {{"tier", "gold"}}};
  // The cluster binds the claim as soon as it is looked at.
  cluster_.add(kPersistentVolumes,
               parse(R"({"metadata":{"name":"pvc-new"},"spec":{"persistentVolumeReclaimPolicy":"Delete"}})"));
  cluster_.answer([&](const net::ServerRequest& request) -> std::optional<TargetCluster::Answer> {
    if (request.method == "GET" && request.path.ends_with("/persistentvolumeclaims/data")) {
      auto claim = *cluster_.find(kPersistentVolumeClaims, {"app", "data"});
      claim["spec"]["volumeName"] = "pvc-new";
      claim["status"]["phase"] = "Bound";
      cluster_.add(kPersistentVolumeClaims, claim);
    }
    return std::nullopt;
  });
  const auto outcome = run();
  EXPECT_THAT(all_of(outcome.results.errors), IsEmpty());
  EXPECT_FALSE(cluster_.find(kPersistentVolumes, {"", "pv-1"}));
  const auto volume = *cluster_.find(kPersistentVolumes, {"", "pvc-new"});
  EXPECT_EQ(volume["spec"]["persistentVolumeReclaimPolicy"], "Retain");
  EXPECT_EQ(volume["metadata"]["labels"]["tier"], "gold");
}

TEST_F(RestoreTest, ASnapshotBecomesOneVolumeHoweverOftenItsObjectIsTried) {
  put("persistentvolumes",
      parse(R"({"apiVersion":"v1","kind":"PersistentVolume","metadata":{"name":"pv-1"},"spec":{
    "claimRef":{"namespace":"app","name":"data"}}})"));
  auto& snapshot = snapshots_.emplace_back();
  snapshot.spec.persistent_volume_name = "pv-1";
  snapshot.status.phase = velero::phase::kCompleted;
  std::atomic<int> calls = 0;
  cluster_.answer([&](const net::ServerRequest& request) -> std::optional<TargetCluster::Answer> {
    if (request.method == "POST" && ++calls <= 2) return TargetCluster::Answer{};
    return std::nullopt;
  });
  const auto outcome = run();
  EXPECT_THAT(all_of(outcome.results.errors), IsEmpty());
  EXPECT_TRUE(cluster_.find(kPersistentVolumes, {"", "pv-1"}));
  EXPECT_EQ(volumes_made_, 1);
}

TEST_F(RestoreTest, NamesLongerThanALabelAreShortenedInLabelsOnly) {
  const std::string name(80, 'n');
  restore_.metadata = velero::ObjectMeta("velero", name);
  put("configmaps", config_map("app", std::string(200, 'c')));
  const auto outcome = run();
  EXPECT_THAT(all_of(outcome.results.errors), IsEmpty());
  const auto created = cluster_.find(kConfigMaps, {"app", std::string(200, 'c')});
  ASSERT_TRUE(created);
  EXPECT_EQ((*created)["metadata"]["labels"]["velero.io/restore-name"].get<std::string>().size(), 63U);
}

TEST_F(RestoreTest, ADryRunPlansTheSameAndChangesNothing) {
  put("configmaps", config_map("app", "changed", "backup"));
  put("configmaps", config_map("app", "new"));
  put("configmaps", config_map("app", "same"));
  put("jobs.batch",
      parse(
          R"({"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"j","namespace":"app"},"status":{"completionTime":"t"}})"));
  put("events", parse(R"({"apiVersion":"v1","kind":"Event","metadata":{"name":"e","namespace":"app"}})"));
  put("customresourcedefinitions.apiextensions.k8s.io",
      parse(
          R"({"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"widgets.example.io"},
        "spec":{"group":"example.io","scope":"Namespaced","names":{"plural":"widgets","kind":"Widget"},
        "versions":[{"name":"v1","served":true,"schema":{}}]}})"));
  put("widgets.example.io",
      parse(R"({"apiVersion":"example.io/v1","kind":"Widget","metadata":{"name":"w","namespace":"app"}})"));
  cluster_.add(kConfigMaps, config_map("t", "changed", "cluster"));
  cluster_.add(kConfigMaps, config_map("t", "same"));
  restore_.spec.namespace_mapping = {{"app", "t"}};
  restore_.spec.existing_resource_policy = "update";
  options_.dry_run = true;
  const auto outcome = run();
  EXPECT_THAT(cluster_.writes(), IsEmpty());
  EXPECT_THAT(
      lines_of(outcome.plan),
      UnorderedElementsAre("skip events : 1 objects: the restore excludes the resource",
                           "create customresourcedefinitions.apiextensions.k8s.io widgets.example.io",
                           "create namespaces t", "update configmaps t/changed: exists and differs",
                           "create configmaps t/new", "skip configmaps t/same: exists and is the same",
                           "skip jobs.batch t/j: is complete", "create widgets.example.io t/w"));
  for (const auto& object : outcome.plan) {
    if (object.action != "update") continue;
    // Beside the labels of the restore.
    std::vector<std::string> paths;
    for (const auto& change : object.changes) paths.push_back(change.path);
    EXPECT_THAT(paths, Contains("data.k"));
  }
}

TEST_F(RestoreTest, ADryRunWithoutUpdatesTellsWhatDiffersAndHidesSecrets) {
  put("secrets",
      parse(
          R"({"apiVersion":"v1","kind":"Secret","metadata":{"name":"s","namespace":"app"},"data":{"p":"YmFja3Vw"}})"));
  cluster_.add(
      kSecrets,
      parse(
          R"({"apiVersion":"v1","kind":"Secret","metadata":{"name":"s","namespace":"app"},"data":{"p":"Y2x1c3Rlcg=="}})"));
  cluster_.add(kNamespaces, parse(R"({"metadata":{"name":"app"}})"));
  options_.dry_run = true;
  const auto outcome = run();
  ASSERT_EQ(outcome.plan.size(), 1U);
  EXPECT_EQ(outcome.plan[0].action, "skip");
  const std::string text = codec::to_json(to_json(outcome.plan[0]));
  EXPECT_THAT(text, HasSubstr("data.p"));
  EXPECT_THAT(text, Not(HasSubstr("YmFja3Vw")));
  EXPECT_THAT(text, Not(HasSubstr("Y2x1c3Rlcg")));
}

TEST_F(RestoreTest, ManyObjectsOfAKindAreCreatedSideBySide) {
  for (int i = 0; i < 200; ++i)
    put("secrets", {{"apiVersion", "v1"},
                    {"kind", "Secret"},
                    {"metadata", {{"name", "s" + std::to_string(i)}, {"namespace", "app"}}}});
  // Each request waits until others are there, or until it is clear that none come.
  std::mutex mutex;
  std::condition_variable more;
  int waiting = 0;
  cluster_.answer([&](const net::ServerRequest& request) -> std::optional<TargetCluster::Answer> {
    if (request.method != "POST" || request.path.find("/secrets") == std::string::npos) return std::nullopt;
    std::unique_lock lock(mutex);
    ++waiting;
    more.notify_all();
    more.wait_for(lock, std::chrono::seconds(5), [&] { return waiting >= 16; });
    return std::nullopt;
  });
  run();
  EXPECT_GE(cluster_.most_at_once(), 16U);
  EXPECT_LE(cluster_.most_at_once(), options_.most_connections);
  EXPECT_EQ(cluster_.all(kSecrets).size(), 200U);
}

}  // namespace
}  // namespace salvor::restore
