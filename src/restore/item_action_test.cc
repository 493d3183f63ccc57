#include "restore/item_action.h"

#include <gtest/gtest.h>

#include "restore/metadata.h"
#include "restore/resource_order.h"
#include "restore/restore_hooks.h"

namespace salvor::restore {
namespace {

const std::map<std::string, std::string> kMapping{{"neurectomy", "restore-test"}};

ActionContext context(std::vector<std::string> volumes = {}, std::optional<bool> node_ports = {}) {
  return {.namespace_mapping = kMapping,
          .preserve_node_ports = node_ports,
          .volumes_with_data = [volumes](const kube::ObjectName&) { return volumes; },
          .restore_uid = "uid-1",
          .helper_image = "salvor/salvor:1"};
}

Json parse(const char* text) {
  return codec::parse_json(text, "test");
}

TEST(PodAction, ForgetsItsNodeAndPriorityAndNamesItsClaims) {
  Json pod = parse(R"({"metadata":{"name":"p","namespace":"neurectomy"},"spec":{"nodeName":"n","priority":0,
    "serviceAccountName":"ml","volumes":[{"name":"ml-token-abc","secret":{}},
    {"name":"data","persistentVolumeClaim":{"claimName":"pg-data"}}],
    "containers":[{"name":"c","volumeMounts":[{"name":"ml-token-abc"},{"name":"data"}]}]}})");
  const auto result = run_item_actions("pods", pod, context());
  EXPECT_FALSE(pod["spec"].contains("nodeName"));
  EXPECT_FALSE(pod["spec"].contains("priority"));
  EXPECT_EQ(pod["spec"]["volumes"].size(), 1U);
  EXPECT_EQ(pod["spec"]["containers"][0]["volumeMounts"].size(), 1U);
  EXPECT_FALSE(pod["spec"].contains("initContainers"));
  ASSERT_EQ(result.additional.size(), 1U);
  EXPECT_EQ(result.additional[0].group_resource, "persistentvolumeclaims");
  EXPECT_EQ(result.additional[0].name, (kube::ObjectName{"neurectomy", "pg-data"}));
}

TEST(PodAction, WaitsForVolumeDataBeforeItsOwnInitContainers) {
  Json pod = parse(R"({"metadata":{"name":"p","namespace":"neurectomy"},"spec":{
    "initContainers":[{"name":"restic-wait"},{"name":"own"}],"containers":[{"name":"c"}]}})");
  run_item_actions("pods", pod, context({"data"}));
  const Json& init = pod["spec"]["initContainers"];
  ASSERT_EQ(init.size(), 2U);
  EXPECT_EQ(init[0]["name"], "restore-wait");
  EXPECT_EQ(init[0]["args"], Json::array({"uid-1"}));
  EXPECT_EQ(init[0]["volumeMounts"][0]["mountPath"], "/restores/data");
  EXPECT_EQ(init[1]["name"], "own");
}

TEST(PodAction, WaitsInThePodsOwnImageWhenNoHelperImageIsGiven) {
  Json pod = parse(R"({"metadata":{"name":"p","namespace":"neurectomy"},"spec":{"containers":[
    {"name":"side","image":"side:1"},
    {"name":"c","image":"postgres:15","volumeMounts":[{"name":"data","mountPath":"/d"}]}]}})");
  auto without_image = context({"data"});
  without_image.helper_image.clear();
  run_item_actions("pods", pod, without_image);
  const Json& wait = pod["spec"]["initContainers"][0];
  EXPECT_EQ(wait["name"], "restore-wait");
  EXPECT_EQ(wait["image"], "postgres:15");
  EXPECT_EQ(wait["command"][0], "/bin/sh");
  EXPECT_NE(wait["command"][2].get<std::string>().find(".velero/uid-1"), std::string::npos);
}

TEST(ServiceAction, DropsAllocatedPortsAndAddressesButKeepsChosenOnes) {
  const char* text = R"({"metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":
    "{\"spec\":{\"ports\":[{\"nodePort\":30001,\"port\":80}]}}"}},"spec":{"clusterIP":"10.96.0.9",
    "clusterIPs":["10.96.0.9"],"healthCheckNodePort":31000,
    "ports":[{"port":80,"nodePort":30001},{"port":81,"nodePort":30002}]}})";
  Json service = parse(text);
  run_item_actions("services", service, context());
  EXPECT_FALSE(service["spec"].contains("clusterIP"));
  EXPECT_FALSE(service["spec"].contains("healthCheckNodePort"));
  EXPECT_EQ(service["spec"]["ports"][0]["nodePort"], 30001);
  EXPECT_FALSE(service["spec"]["ports"][1].contains("nodePort"));
  service = parse(text);
  run_item_actions("services", service, context({}, true));
  EXPECT_EQ(service["spec"]["ports"][1]["nodePort"], 30002);
}

TEST(ServiceAction, KeepsPortsThatAManagerOtherThanAControllerOwns) {
  Json service = parse(R"({"metadata":{"managedFields":[
    {"manager":"helm","fieldsV1":{"f:spec":{"f:ports":{"k:{\"port\":80,\"protocol\":\"TCP\"}":{"f:nodePort":{}}}}}},
    {"manager":"lb-controller","fieldsV1":{"f:spec":{"f:ports":{"k:{\"port\":81,\"protocol\":\"TCP\"}":{"f:nodePort":{}}}}}}]},
    "spec":{"clusterIP":"None","ports":[{"port":80,"protocol":"TCP","nodePort":1},{"port":81,"protocol":"TCP","nodePort":2}]}})");
  run_item_actions("services", service, context());
  EXPECT_EQ(service["spec"]["clusterIP"], "None");
  EXPECT_TRUE(service["spec"]["ports"][0].contains("nodePort"));
  EXPECT_FALSE(service["spec"]["ports"][1].contains("nodePort"));
}

TEST(JobAction, DropsTheControllersUid) {
  Json job = parse(R"({"spec":{"selector":{"matchLabels":{"controller-uid":"u","a":"b"}},
    "template":{"metadata":{"labels":{"batch.kubernetes.io/controller-uid":"u","job-name":"j"}}}}})");
  run_item_actions("jobs.batch", job, context());
  EXPECT_EQ(job["spec"]["selector"]["matchLabels"], parse(R"({"a":"b"})"));
  EXPECT_EQ(job["spec"]["template"]["metadata"]["labels"], parse(R"({"job-name":"j"})"));
}

TEST(BindingAction, MovesSubjectsToTheMappedNamespace) {
  Json binding = parse(R"({"subjects":[{"kind":"ServiceAccount","namespace":"neurectomy"},{"kind":"User"},
    {"kind":"ServiceAccount","namespace":"other"}]})");
  run_item_actions("rolebindings.rbac.authorization.k8s.io", binding, context());
  EXPECT_EQ(binding["subjects"][0]["namespace"], "restore-test");
  EXPECT_EQ(binding["subjects"][2]["namespace"], "other");
}

TEST(SecretAction, SkipsGeneratedTokensAndCleansChosenOnes) {
  Json secret =
      parse(R"({"metadata":{"name":"ml-token-x1","annotations":{"kubernetes.io/service-account.name":"ml",
    "kubernetes.io/service-account.uid":"u"}},"type":"kubernetes.io/service-account-token",
    "data":{"token":"t","ca.crt":"c","own":"o"}})");
  Json generated = secret;
  EXPECT_TRUE(run_item_actions("secrets", generated, context()).skip);
  secret["metadata"]["name"] = "chosen";
  EXPECT_FALSE(run_item_actions("secrets", secret, context()).skip);
  EXPECT_EQ(codec::to_json(secret["data"]), R"({"own":"o"})");
  EXPECT_FALSE(secret["metadata"]["annotations"].contains("kubernetes.io/service-account.uid"));
}

TEST(ClaimAction, ForgetsBindingAndAsksForItsVolume) {
  Json claim =
      parse(R"({"metadata":{"name":"c","annotations":{"pv.kubernetes.io/bind-completed":"yes","x":"y",
    "volume.kubernetes.io/selected-node":"n"}},"spec":{"volumeName":"pv-1"}})");
  const auto result = run_item_actions("persistentvolumeclaims", claim, context());
  EXPECT_EQ(claim["metadata"]["annotations"], parse(R"({"x":"y"})"));
  ASSERT_EQ(result.additional.size(), 1U);
  EXPECT_EQ(result.additional[0].name, (kube::ObjectName{"", "pv-1"}));
}

TEST(Metadata, ResetRemovesExactlyTheSourceClustersFields) {
  Json object =
      parse(R"({"metadata":{"name":"n","uid":"u","resourceVersion":"1","generation":2,"generateName":"g",
    "creationTimestamp":"t","deletionTimestamp":"d","ownerReferences":[],"selfLink":"s","labels":{"a":"b"},
    "finalizers":["f"],"managedFields":[]},"status":{}})");
  reset_metadata(object);
  EXPECT_EQ(codec::to_json(object),
            R"({"metadata":{"name":"n","labels":{"a":"b"},"finalizers":["f"],"managedFields":[]}})");
}

TEST(Metadata, ObjectsThatDifferOnlyInVolatilePartsAreTheSame) {
  const Json backed_up = parse(
      R"({"metadata":{"name":"n","namespace":"a","labels":{"velero.io/backup-name":"b"}},"data":{"x":"1","y":"2"}})");
  const Json existing = parse(
      R"({"metadata":{"uid":"u","name":"n","namespace":"c","managedFields":[1]},"data":{"y":"2","x":"1"},"status":{"s":1}})");
  EXPECT_TRUE(same_object(backed_up, existing));
  Json changed = existing;
  changed["data"]["x"] = "3";
  EXPECT_FALSE(same_object(backed_up, changed));
}

TEST(Metadata, MergePatchTurnsTheExistingIntoTheBackedUp) {
  const Json existing = parse(R"({"a":{"x":1,"y":2},"b":[1],"c":"same"})");
  const Json backed_up = parse(R"({"a":{"x":1,"z":3},"b":[1,2],"c":"same"})");
  EXPECT_EQ(codec::to_json(merge_patch(existing, backed_up)), R"({"a":{"y":null,"z":3},"b":[1,2]})");
  Json patched = existing;
  patched.merge_patch(merge_patch(existing, backed_up));
  EXPECT_EQ(nlohmann::json::parse(patched.dump()), nlohmann::json::parse(backed_up.dump()));
}

TEST(Metadata, AnExistingServiceAccountGainsWhatTheBackupHas) {
  const Json existing = parse(R"({"metadata":{"labels":{"a":"cluster"}},"secrets":[{"name":"s1"}]})");
  const Json backed_up =
      parse(R"({"metadata":{"labels":{"a":"backup","b":"2"}},"secrets":[{"name":"s1"},{"name":"s2"}],
    "imagePullSecrets":[{"name":"pull"}]})");
  EXPECT_EQ(
      codec::to_json(merge_service_account(existing, backed_up)),
      R"({"metadata":{"labels":{"a":"cluster","b":"2"}},"secrets":[{"name":"s1"},{"name":"s2"}],"imagePullSecrets":[{"name":"pull"}]})");
}

TEST(ResourceOrder, PutsWhatOthersNeedFirstAndLowPrioritiesLast) {
  const auto order = order_resources(
      {"customresourcedefinitions", "persistentvolumes", "pods", "-", "late"},
      {"zebras", "pods", "late", "customresourcedefinitions.apiextensions.k8s.io", "apples",
       "persistentvolumes"},
      [](const std::string& entry) {
        return entry == "customresourcedefinitions" ? "customresourcedefinitions.apiextensions.k8s.io"
                                                    : entry;
      });
  EXPECT_EQ(order, (std::vector<std::string>{"customresourcedefinitions.apiextensions.k8s.io",
                                             "persistentvolumes", "pods", "apples", "zebras", "late"}));
}

TEST(RestoreHooks, AnnotationsWinOverTheSpecAndTheFirstContainerIsTheDefault) {
  velero::RestoreHooks hooks;
  velero::RestoreResourceHookSpec spec;
  spec.name = "spec-hook";
  spec.included_namespaces = {"target"};
  spec.post_hooks.push_back({.exec = velero::ExecRestoreHook{.container = "", .command = {"true"}}});
  hooks.resources.push_back(spec);
  Json pod = parse(R"({"metadata":{"name":"p"},"spec":{"containers":[{"name":"first"},{"name":"second"}]}})");
  auto found = post_hooks_of(pod, hooks, "target");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].exec.container, "first");
  EXPECT_TRUE(post_hooks_of(pod, hooks, "elsewhere").empty());
  pod["metadata"]["annotations"]["post.hook.restore.velero.io/command"] = R"(["/bin/sh","-c","x"])";
  found = post_hooks_of(pod, hooks, "target");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].exec.command, (std::vector<std::string>{"/bin/sh", "-c", "x"}));
}

TEST(RestoreHooks, InitContainersComeBehindRestoreWait) {
  base::SeededRandom random(1);
  Json pod =
      parse(R"({"metadata":{"name":"p","annotations":{"init.hook.restore.velero.io/container-image":"i"}},
    "spec":{"initContainers":[{"name":"restore-wait"},{"name":"own"}],"containers":[]}})");
  add_init_hooks(pod, {}, "target", random);
  ASSERT_EQ(pod["spec"]["initContainers"].size(), 3U);
  EXPECT_EQ(pod["spec"]["initContainers"][0]["name"], "restore-wait");
  EXPECT_EQ(pod["spec"]["initContainers"][1]["image"], "i");
  EXPECT_EQ(pod["spec"]["initContainers"][2]["name"], "own");
}

}  // namespace
}  // namespace salvor::restore
