#include <gmock/gmock.h>

#include "base/file.h"
#include "cli/cli_test_support.h"
#include "cli/install/access_rules.h"
#include "cli/install/manifests.h"
#include "cli/redaction.h"
#include "codec/yaml.h"

namespace salvor::cli {
namespace {

using codec::Json;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

const std::filesystem::path kDeploy = std::filesystem::path(SALVOR_SOURCE_DIR) / "deploy/base";

std::vector<Json> dry_run(std::vector<std::string> words) {
  words.insert(words.begin(), "install");
  words.insert(words.end(), {"--dry-run", "-o", "yaml"});
  const auto result = run_command(nullptr, words);
  EXPECT_EQ(result.code, 0) << result.err;
  return codec::parse_yaml(result.out, "install");
}

Json find(const std::vector<Json>& objects, const std::string& kind, const std::string& name) {
  for (const auto& object : objects)
    if (codec::get_string(object, {"kind"}) == kind && kube::name_of(object) == name) return object;
  ADD_FAILURE() << "no " << kind << " " << name;
  return Json::object();
}

// Whether RBAC rules let one do `verb` on `resource` of `group`.
bool grants(const Json& role, const std::string& group, const std::string& resource,
            const std::string& verb) {
  const auto holds = [](const Json& rule, const char* member, const std::string& wanted) {
    const auto& list = rule.at(member);
    return std::any_of(list.begin(), list.end(),
                       [&](const Json& one) { return one == wanted || one == "*"; });
  };
  return std::any_of(role.at("rules").begin(), role.at("rules").end(), [&](const Json& rule) {
    return holds(rule, "apiGroups", group) && holds(rule, "resources", resource) &&
           holds(rule, "verbs", verb);
  });
}

TEST(InstallTest, TheServerReadsEverythingAndWritesButIsNoClusterAdmin) {
  const auto objects = dry_run({"--provider", "aws", "--bucket", "b", "--no-secret"});
  const auto role = find(objects, "ClusterRole", "velero-server");
  EXPECT_TRUE(grants(role, "apps", "deployments", "list"));
  EXPECT_TRUE(grants(role, "apps", "deployments", "create"));
  EXPECT_TRUE(grants(role, "rbac.authorization.k8s.io", "roles", "escalate"));
  EXPECT_FALSE(grants(role, "apps", "deployments", "delete"));
  EXPECT_FALSE(grants(role, "", "namespaces", "delete"));
  EXPECT_FALSE(grants(role, "", "users", "impersonate"));
  const auto own = find(objects, "Role", "velero-server");
  EXPECT_TRUE(grants(own, "velero.io", "backups", "delete"));
  for (const auto& object : objects)
    EXPECT_NE(codec::get_string(object, {"roleRef", "name"}), "cluster-admin");
}

TEST(InstallTest, ABackupOnlyServerCannotWriteToApplications) {
  const auto objects = dry_run({"--provider", "aws", "--bucket", "b", "--no-secret", "--backup-only"});
  const auto role = find(objects, "ClusterRole", "velero-server");
  EXPECT_TRUE(grants(role, "", "secrets", "list"));
  EXPECT_TRUE(grants(role, "", "pods/exec", "create"));
  EXPECT_FALSE(grants(role, "", "secrets", "create"));
  EXPECT_FALSE(grants(role, "rbac.authorization.k8s.io", "roles", "escalate"));
}

TEST(InstallTest, ChosenNamespacesAreTheOnlyOnesThatTheServerReaches) {
  const auto objects =
      dry_run({"--provider", "aws", "--bucket", "b", "--no-secret", "--access-namespaces", "shop,ml"});
  const auto cluster = find(objects, "ClusterRole", "velero-server-volumes");
  EXPECT_FALSE(grants(cluster, "", "secrets", "get"));
  EXPECT_TRUE(grants(cluster, "", "persistentvolumes", "create"));
  for (const auto& object : objects) {
    if (codec::get_string(object, {"kind"}) != "ClusterRoleBinding") continue;
    EXPECT_NE(codec::get_string(object, {"roleRef", "name"}), "velero-server-applications");
  }
  int bindings = 0;
  for (const auto& object : objects)
    bindings += codec::get_string(object, {"roleRef", "name"}) == "velero-server-applications";
  EXPECT_EQ(bindings, 2);
}

TEST(InstallTest, RightsForCsiSnapshotsComeWithTheFeature) {
  const std::vector<std::string> plain = {"--provider", "aws",         "--bucket",
                                          "b",          "--no-secret", "--backup-only"};
  auto with_feature = plain;
  with_feature.push_back("--features=EnableCSI");
  const auto without = find(dry_run(plain), "ClusterRole", "velero-server");
  const auto with = find(dry_run(with_feature), "ClusterRole", "velero-server");
  const char group[] = "snapshot.storage.k8s.io";
  for (const auto& [resource, verb] :
       {std::pair{"volumesnapshots", "create"}, std::pair{"volumesnapshots", "delete"},
        std::pair{"volumesnapshotcontents", "create"}, std::pair{"volumesnapshotcontents", "patch"},
        std::pair{"volumesnapshotcontents", "delete"}}) {
    EXPECT_FALSE(grants(without, group, resource, verb)) << resource << " " << verb;
    EXPECT_TRUE(grants(with, group, resource, verb)) << resource << " " << verb;
  }
  EXPECT_FALSE(grants(with, group, "volumesnapshotclasses", "delete"));
  const auto server = find(dry_run(with_feature), "Deployment", "velero");
  EXPECT_THAT(server.dump(), HasSubstr("--features=EnableCSI"));
  with_feature.insert(with_feature.end(), {"--access-namespaces", "shop"});
  const auto objects = dry_run(with_feature);
  const auto cluster = find(objects, "ClusterRole", "velero-server-volumes");
  EXPECT_TRUE(grants(cluster, group, "volumesnapshotcontents", "patch"));
  EXPECT_TRUE(grants(cluster, group, "volumesnapshots", "list"));
  EXPECT_FALSE(grants(cluster, group, "volumesnapshots", "delete"));
  EXPECT_TRUE(
      grants(find(objects, "ClusterRole", "velero-server-applications"), group, "volumesnapshots", "delete"));
}

// Kustomize adds them to what is in deploy/base.
TEST(InstallTest, TheKustomizeComponentForCsiAddsWhatInstallAdds) {
  const auto patches = codec::parse_yaml(
      base::read_file(kDeploy.parent_path() / "components/csi/kustomization.yaml"), "csi")[0]["patches"];
  Json added = Json::array(), arguments = Json::array();
  for (const auto& patch : patches) {
    const auto operations = codec::parse_yaml(patch["patch"].get<std::string>(), "patch")[0];
    for (const auto& operation : operations)
      (patch["target"]["kind"] == "ClusterRole" ? added : arguments).push_back(operation["value"]);
  }
  const std::vector<std::string> flags = {"--no-default-backup-location", "--no-secret", "--use-node-agent",
                                          "--features=EnableCSI"};
  Json base_rules;
  for (const auto& object : codec::parse_yaml(base::read_file(kDeploy / "salvor.yaml"), "salvor"))
    if (object["kind"] == "ClusterRole" && kube::name_of(object) == "velero-server")
      base_rules = object["rules"];
  const auto wanted = find(dry_run(flags), "ClusterRole", "velero-server")["rules"];
  EXPECT_EQ(wanted.size(), base_rules.size() + added.size());
  for (const auto& rule : wanted)
    EXPECT_TRUE(std::find(base_rules.begin(), base_rules.end(), rule) != base_rules.end() ||
                std::find(added.begin(), added.end(), rule) != added.end())
        << rule;
  EXPECT_EQ(arguments, Json::array({"--features=EnableCSI"}));
}

TEST(InstallTest, ClusterAdminIsGivenOnlyWhenAskedFor) {
  const auto objects = dry_run({"--provider", "aws", "--bucket", "b", "--no-secret", "--cluster-admin"});
  EXPECT_EQ(codec::get_string(find(objects, "ClusterRoleBinding", "velero"), {"roleRef", "name"}),
            "cluster-admin");
  const auto refused = run_command(nullptr, {"install", "--provider", "aws", "--bucket", "b", "--no-secret",
                                             "--cluster-admin", "--backup-only", "--dry-run", "-o", "yaml"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.err, HasSubstr("--cluster-admin grants everything"));
}

TEST(InstallTest, CredentialsReachThePodsThroughASecretAndNotThroughArguments) {
  const base::TempDir dir;
  base::write_file_atomic(dir.path() / "credentials", "[default]\naws_secret_access_key = hunter2\n");
  const auto objects = dry_run({"--provider", "aws", "--bucket", "b", "--secret-file",
                                (dir.path() / "credentials").string(), "--use-node-agent"});
  EXPECT_EQ(codec::get_string(find(objects, "Secret", "cloud-credentials"), {"data", "cloud"}).empty(),
            false);
  for (const auto& [kind, name] : {std::pair{"Deployment", "velero"}, std::pair{"DaemonSet", "node-agent"}}) {
    const auto workload = find(objects, kind, name);
    EXPECT_THAT(workload.dump(), AllOf(HasSubstr("/credentials/cloud"), Not(HasSubstr("hunter2"))));
  }
}

TEST(InstallTest, TheServersPodRunsWithoutRootAndWithoutRightsOfTheKernel) {
  const auto server =
      find(dry_run({"--provider", "aws", "--bucket", "b", "--no-secret"}), "Deployment", "velero");
  const auto& pod = server["spec"]["template"]["spec"];
  EXPECT_EQ(pod["securityContext"]["runAsNonRoot"], true);
  EXPECT_EQ(pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"], true);
  EXPECT_EQ(pod["containers"][0]["securityContext"]["capabilities"]["drop"][0], "ALL");
}

TEST(InstallTest, TwoReplicasElectALeader) {
  const auto objects = dry_run({"--provider", "aws", "--bucket", "b", "--no-secret", "--replicas", "2"});
  const auto server = find(objects, "Deployment", "velero");
  EXPECT_EQ(server["spec"]["replicas"], 2);
  EXPECT_THAT(server["spec"]["template"]["spec"]["containers"][0]["args"].get<std::vector<std::string>>(),
              Contains("--leader-elect"));
}

TEST(InstallTest, MissingFlagsAreNamed) {
  const auto refused = [](std::vector<std::string> words) {
    words.insert(words.begin(), "install");
    const auto result = run_command(nullptr, words);
    EXPECT_EQ(result.code, 1);
    return result.err;
  };
  EXPECT_THAT(refused({"--bucket", "b", "--no-secret"}), HasSubstr("--provider is required"));
  EXPECT_THAT(refused({"--provider", "aws", "--no-secret"}), HasSubstr("--bucket is required"));
  EXPECT_THAT(refused({"--provider", "aws", "--bucket", "b"}), HasSubstr("--secret-file or --no-secret"));
  EXPECT_THAT(refused({"--provider", "gcp", "--bucket", "b", "--no-secret"}),
              HasSubstr("provider \"gcp\" is not known"));
}

TEST(InstallTest, TheKustomizeTreeIsWhatInstallPrints) {
  const auto file = [](const char* name) { return codec::parse_yaml(base::read_file(kDeploy / name), name); };
  const char hint[] = "run scripts/deploy-manifests after a change of the manifests";
  EXPECT_EQ(file("crds.yaml"), dry_run({"--crds-only"})) << hint;
  auto all = file("crds.yaml");
  const auto rest = file("salvor.yaml");
  all.insert(all.end(), rest.begin(), rest.end());
  EXPECT_EQ(all.size(), dry_run({"--no-default-backup-location", "--no-secret", "--use-node-agent"}).size())
      << hint;
  for (const auto& object : dry_run({"--no-default-backup-location", "--no-secret", "--use-node-agent"})) {
    if (codec::get_string(object, {"kind"}) == "CustomResourceDefinition") continue;
    EXPECT_THAT(rest, Contains(object)) << hint;
  }
}

TEST(RedactionTest, ValuesThatTellSecretsAreReplacedAndReferencesStay) {
  Json secret = {
      {"kind", "Secret"},
      {"metadata",
       {{"name", "s"}, {"annotations", {{"kubectl.kubernetes.io/last-applied-configuration", "hunter2"}}}}},
      {"data", {{"cloud", "hunter2"}}}};
  redact(secret);
  EXPECT_THAT(secret.dump(), Not(HasSubstr("hunter2")));
  Json pod = {{"kind", "Pod"},
              {"spec",
               {{"containers",
                 Json::array({{{"name", "c"},
                               {"env", Json::array({{{"name", "PGPASSWORD"}, {"value", "hunter2"}}})}}})},
                {"volumes", Json::array({{{"secret", {{"secretName", "cloud-credentials"}}}}})}}}};
  redact(pod);
  EXPECT_THAT(pod.dump(), AllOf(Not(HasSubstr("hunter2")), HasSubstr("cloud-credentials")));
  Json location = {{"kind", "BackupStorageLocation"},
                   {"spec",
                    {{"config", {{"secretAccessKey", "hunter2"}, {"region", "eu"}}},
                     {"credential", {{"name", "cloud-credentials"}, {"key", "cloud"}}}}}};
  redact(location);
  EXPECT_THAT(location.dump(), AllOf(Not(HasSubstr("hunter2")), HasSubstr("\"cloud\""), HasSubstr("eu")));
}

}  // namespace
}  // namespace salvor::cli
