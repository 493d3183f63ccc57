#include "local/local_control_plane.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "kube/client.h"

namespace salvor::local {
namespace {

namespace fs = std::filesystem;
namespace resources = kube::resources;
using codec::get_string;
using codec::Json;
using namespace std::chrono_literals;

constexpr const char* kPostgresPrograms = "/usr/lib/postgresql/15/bin";

class LocalControlPlaneTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "pods need root";
    up();
  }

  void up() {
    plane_ = std::make_unique<LocalControlPlane>(LocalOptions{directory_.path() / "plane", 0, "", true},
                                                 clock_, random_, base::Logger());
    client_ = std::make_unique<kube::Client>(plane_->connection());
  }
  void down() {
    client_.reset();
    plane_.reset();
  }

  void await(const std::string& what, const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    while (std::chrono::steady_clock::now() < deadline) {
      if (condition()) return;
      std::this_thread::sleep_for(20ms);
    }
    FAIL() << "not within 60 s: " << what;
  }

  std::optional<Json> pod(const std::string& name) {
    return client_->get(resources::kPods, {"default", name});
  }
  std::string phase(const std::string& name) {
    const auto found = pod(name);
    return found ? get_string(*found, {"status", "phase"}) : "gone";
  }
  bool ready(const std::string& name) {
    const auto found = pod(name);
    if (!found) return false;
    for (const auto& condition : found->value("status", Json::object()).value("conditions", Json::array())) {
      if (get_string(condition, {"type"}) == "Ready") return get_string(condition, {"status"}) == "True";
    }
    return false;
  }
  std::string exec(const std::string& name, const std::vector<std::string>& command) {
    base::StringSink out;
    kube::ExecOptions options;
    options.command = command;
    options.output = &out;
    options.error_output = &out;
    client_->exec({"default", name}, options);
    return out.take();
  }
  Json shell_pod(const std::string& name, const std::string& script) {
    return {{"apiVersion", "v1"},
            {"kind", "Pod"},
            {"metadata", {{"name", name}, {"namespace", "default"}}},
            {"spec",
             {{"restartPolicy", "Never"},
              {"terminationGracePeriodSeconds", 2},
              {"containers",
               Json::array(
                   {{{"name", "main"}, {"image", "debian"}, {"command", {"/bin/bash", "-c", script}}}})}}}};
  }
  Json claim(const std::string& name) {
    return {{"apiVersion", "v1"},
            {"kind", "PersistentVolumeClaim"},
            {"metadata", {{"name", name}, {"namespace", "default"}}},
            {"spec",
             {{"accessModes", Json::array({"ReadWriteOnce"})},
              {"resources", {{"requests", {{"storage", "1Gi"}}}}}}}};
  }

  base::TempDir directory_;
  base::SystemClock clock_;
  base::SystemRandom random_;
  std::unique_ptr<LocalControlPlane> plane_;
  std::unique_ptr<kube::Client> client_;
};

TEST_F(LocalControlPlaneTest, RunsPostgresFromAPodOnAProvisionedVolume) {
  if (!fs::exists(std::string(kPostgresPrograms) + "/postgres"))
    GTEST_SKIP() << "PostgreSQL 15 is not installed";
  client_->create(resources::kPersistentVolumeClaims, claim("data"));
  Json postgres = shell_pod("postgres",
                            "set -e; initdb -D \"$PGDATA\" -U postgres -A trust >/tmp/initdb.log; "
                            "exec postgres -D \"$PGDATA\" -k /tmp");
  Json& spec = postgres["spec"];
  spec["securityContext"] = {{"runAsUser", 999}, {"runAsGroup", 999}, {"fsGroup", 999}};
  spec["volumes"] = Json::array({{{"name", "data"}, {"persistentVolumeClaim", {{"claimName", "data"}}}}});
  Json& container = spec["containers"][0];
  container["volumeMounts"] = Json::array({{{"name", "data"}, {"mountPath", "/var/lib/postgresql/data"}}});
  container["env"] =
      Json::array({{{"name", "PATH"}, {"value", std::string(kPostgresPrograms) + ":/usr/bin:/bin"}},
                   {{"name", "PGHOST"}, {"value", "/tmp"}},
                   {{"name", "PGDATA"}, {"value", "/var/lib/postgresql/data/pgdata"}}});
  container["readinessProbe"] = {{"exec", {{"command", {"pg_isready", "-U", "postgres"}}}}};
  client_->create(resources::kPods, postgres);
  await("postgres is ready", [&] { return ready("postgres"); });
  EXPECT_EQ(exec("postgres", {"psql", "-U", "postgres", "-Atc", "SELECT 6 * 7"}), "42\n");
  // The data mover finds the volume where kubelet would have it.
  const std::string volume = get_string(
      client_->require(resources::kPersistentVolumeClaims, {"default", "data"}), {"spec", "volumeName"});
  const fs::path seen = plane_->pods_directory() / kube::uid_of(*pod("postgres")) / "volumes" /
                        "kubernetes.io~local-volume" / volume / "pgdata" / "PG_VERSION";
  EXPECT_EQ(base::read_file(seen), "15\n");
}

TEST_F(LocalControlPlaneTest, RunsPodsAgainAfterARestartAndKeepsTheirData) {
  client_->create(resources::kPersistentVolumeClaims, claim("data"));
  Json keeper = shell_pod("keeper", "echo run >> /data/runs; sleep 1000");
  keeper["spec"]["restartPolicy"] = "Always";
  keeper["spec"]["volumes"] =
      Json::array({{{"name", "data"}, {"persistentVolumeClaim", {{"claimName", "data"}}}}});
  keeper["spec"]["containers"][0]["volumeMounts"] = Json::array({{{"name", "data"}, {"mountPath", "/data"}}});
  client_->create(resources::kPods, keeper);
  await("the pod is ready", [&] { return ready("keeper"); });
  down();
  up();
  await("the pod ran twice", [&] {
    return ready("keeper") && exec("keeper", {"cat", "/data/runs"}) == "run\nrun\n";
  });
  EXPECT_EQ((*pod("keeper"))["status"]["containerStatuses"][0]["restartCount"], 1);
}

TEST_F(LocalControlPlaneTest, RemovesVolumesOfADeletedNamespaceAfterTheirPods) {
  client_->create(resources::kNamespaces,
                  {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", "shop"}}}});
  Json data = claim("data");
  data["metadata"]["namespace"] = "shop";
  client_->create(resources::kPersistentVolumeClaims, data);
  Json user = shell_pod("user", "touch /data/file; sleep 1000");
  user["metadata"]["namespace"] = "shop";
  user["spec"]["volumes"] =
      Json::array({{{"name", "data"}, {"persistentVolumeClaim", {{"claimName", "data"}}}}});
  user["spec"]["containers"][0]["volumeMounts"] = Json::array({{{"name", "data"}, {"mountPath", "/data"}}});
  client_->create(resources::kPods, user);
  const fs::path volumes = directory_.path() / "plane" / "volumes";
  await("the pod writes to its volume", [&] {
    for (const auto& entry : fs::directory_iterator(volumes)) {
      if (fs::exists(entry.path() / "file")) return true;
    }
    return false;
  });
  client_->remove(resources::kNamespaces, {"", "shop"});
  await("the namespace is gone", [&] { return !client_->get(resources::kNamespaces, {"", "shop"}); });
  await("its volume is gone",
        [&] { return client_->list(resources::kPersistentVolumes, "").empty() && fs::is_empty(volumes); });
}

TEST_F(LocalControlPlaneTest, APodReachesTheApiAsItsServiceAccount) {
  const std::string ask =
      "d=/var/run/secrets/kubernetes.io/serviceaccount; cat $d/namespace; echo; "
      "curl -sS --cacert $d/ca.crt -H \"Authorization: Bearer $(cat $d/token)\" "
      "https://$1:$KUBERNETES_SERVICE_PORT/api/v1/namespaces/default/pods";
  const auto answer = [&](const std::string& pod, const std::string& host) {
    return exec(pod, {"/bin/bash", "-c", ask, "ask", host});
  };
  client_->create(resources::kPods, shell_pod("asking", "sleep 1000"));
  Json beside = shell_pod("beside", "sleep 1000");
  beside["spec"]["hostNetwork"] = true;
  beside["spec"]["securityContext"] = {{"runAsUser", 1234}};
  client_->create(resources::kPods, beside);
  await("both pods are ready", [&] { return ready("asking") && ready("beside"); });
  for (const auto& [pod, host] :
       {std::pair{"asking", "kubernetes.default.svc"}, std::pair{"asking", "$KUBERNETES_SERVICE_HOST"},
        std::pair{"beside", "$KUBERNETES_SERVICE_HOST"}}) {
    const std::string said =
        answer(pod, host[0] == '$' ? exec(pod, {"printenv", host + 1}).substr(0, 9) : host);
    EXPECT_TRUE(said.starts_with("default\n")) << said;
    EXPECT_NE(
        said.find("User \\\"system:serviceaccount:default:default\\\" cannot list resource \\\"pods\\\""),
        std::string::npos)
        << said;
  }
  // The volume ends with the pod; so does the token, and the API server lets go of the pod's network.
  client_->remove(resources::kPods, {"default", "asking"});
  await("the pod is gone", [&] { return !pod("asking"); });
}

TEST_F(LocalControlPlaneTest, KubeletsDirectoryShowsTheVolumesOfPods) {
  Json agent = shell_pod("agent", "sleep 1000");
  agent["spec"]["volumes"] =
      Json::array({{{"name", "pods"}, {"hostPath", {{"path", "/var/lib/kubelet/pods"}}}}});
  agent["spec"]["containers"][0]["volumeMounts"] =
      Json::array({{{"name", "pods"}, {"mountPath", "/host_pods"}, {"mountPropagation", "HostToContainer"}}});
  client_->create(resources::kPods, agent);
  await("the agent is ready", [&] { return ready("agent"); });
  client_->create(resources::kPersistentVolumeClaims, claim("data"));
  Json user = shell_pod("user", "echo precious > /data/file; sleep 1000");
  user["spec"]["volumes"] =
      Json::array({{{"name", "data"}, {"persistentVolumeClaim", {{"claimName", "data"}}}}});
  user["spec"]["containers"][0]["volumeMounts"] = Json::array({{{"name", "data"}, {"mountPath", "/data"}}});
  client_->create(resources::kPods, user);
  await("the user is ready", [&] { return ready("user"); });
  const std::string file =
      "/host_pods/" + kube::uid_of(*pod("user")) + "/volumes/kubernetes.io~local-volume/*/file";
  await("the agent sees the user's file", [&] {
    return exec("agent", {"/bin/bash", "-c", "cat " + file + " 2>/dev/null"}) == "precious\n";
  });
  exec("agent", {"/bin/bash", "-c", "echo restored > " + file});
  EXPECT_EQ(exec("user", {"cat", "/data/file"}), "restored\n");
}

TEST_F(LocalControlPlaneTest, RefusesRootWhereAPodForbidsIt) {
  Json rooted = shell_pod("rooted", "true");
  rooted["spec"]["securityContext"] = {{"runAsNonRoot", true}};
  client_->create(resources::kPods, rooted);
  await("it is refused", [&] {
    const auto found = pod("rooted");
    const Json* waiting = codec::find(*found, {"status", "containerStatuses"});
    return waiting != nullptr &&
           get_string(waiting->at(0), {"state", "waiting", "reason"}) == "CreateContainerConfigError";
  });
}

TEST_F(LocalControlPlaneTest, RunsInitContainersInOrderAndReportsFailure) {
  Json first = shell_pod("steps", "cat /shared/steps");
  first["spec"]["volumes"] = Json::array({{{"name", "shared"}, {"emptyDir", Json::object()}}});
  const Json mount = Json::array({{{"name", "shared"}, {"mountPath", "/shared"}}});
  first["spec"]["containers"][0]["volumeMounts"] = mount;
  first["spec"]["initContainers"] = Json::array();
  for (const char* name : {"one", "two"}) {
    first["spec"]["initContainers"].push_back(
        {{"name", name},
         {"image", "debian"},
         {"command", {"/bin/sh", "-c", std::string("echo ") + name + " >> /shared/steps"}},
         {"volumeMounts", mount}});
  }
  client_->create(resources::kPods, first);
  Json failing = shell_pod("failing", "exit 3");
  client_->create(resources::kPods, failing);
  await("both pods are over", [&] { return phase("steps") == "Succeeded" && phase("failing") == "Failed"; });
  EXPECT_EQ(client_->raw("GET", "/api/v1/namespaces/default/pods/steps/log"), "one\ntwo\n");
  EXPECT_EQ((*pod("failing"))["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"], 3);
}

TEST_F(LocalControlPlaneTest, AdoptsRestoredPodsInsteadOfMakingMore) {
  const Json labels{{"app", "web"}};
  Json web = shell_pod("web-restored", "sleep 1000");
  web["metadata"]["labels"] = labels;
  web["spec"]["restartPolicy"] = "Always";
  client_->create(resources::kPods, web);
  client_->create(resources::kReplicaSets,
                  {{"apiVersion", "apps/v1"},
                   {"kind", "ReplicaSet"},
                   {"metadata", {{"name", "web"}, {"namespace", "default"}}},
                   {"spec",
                    {{"replicas", 2},
                     {"selector", {{"matchLabels", labels}}},
                     {"template", {{"metadata", {{"labels", labels}}}, {"spec", web["spec"]}}}}}});
  await("two replicas are ready", [&] {
    const auto set = client_->get(resources::kReplicaSets, {"default", "web"});
    return set && set->value("status", Json::object()).value("readyReplicas", 0) == 2;
  });
  kube::ListOptions options;
  options.label_selector = "app=web";
  EXPECT_EQ(client_->list(resources::kPods, "default", options).size(), 2U);
  EXPECT_EQ(get_string((*pod("web-restored"))["metadata"]["ownerReferences"][0], {"name"}), "web");
}

}  // namespace
}  // namespace salvor::local
