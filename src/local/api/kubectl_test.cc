// kubectl against the embedded API server.
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "codec/json.h"
#include "local/api/api_server.h"

namespace salvor::local {
namespace {

using base::ProcessResult;

// Answers exec and logs without processes.
class ScriptedPods final : public PodBackend {
 public:
  int exec(const PodExec& exec, const base::CancelToken&) override {
    if (exec.command.front() == "cat") {
      char buffer[4096];
      while (const size_t size = exec.input->read(buffer, sizeof buffer)) exec.output->write({buffer, size});
      return 0;
    }
    for (const std::string& word : exec.command) exec.output->write(word + "\n");
    return exec.command.front() == "fail" ? 3 : 0;
  }
  void logs(const PodLogs& logs, base::Sink& out, const base::CancelToken&) override {
    out.write("log of " + logs.pod + "/" + logs.container + "\n");
  }
};

bool have_kubectl() {
  try {
    return base::run_process({"kubectl", "version", "--client"}).exit_code == 0;
  } catch (const base::Error&) {
    return false;
  }
}

class Kubectl : public testing::Test {
 protected:
  void SetUp() override {
    if (!have_kubectl()) GTEST_SKIP() << "kubectl is not installed";
    start();
    ASSERT_EQ(run({"create", "namespace", "demo"}).exit_code, 0);
  }
  void start() {
    server_.emplace(
        ApiServerOptions{.directory = directory_.path() / "state", .clock = clock_, .random = random_},
        &pods_);
  }
  // Whether kubectl is older than 1.30: it execs over SPDY, checks fields and explains by itself.
  bool is_old() {
    const auto version =
        codec::Json::parse(run({"version", "--client", "-o", "json"}).output, nullptr, false);
    const std::string minor = codec::get_string(version, {"clientVersion", "minor"});
    return minor.empty() || std::atoi(minor.c_str()) < 30;
  }
  ProcessResult run(std::vector<std::string> arguments, const std::string& input = "") {
    arguments.insert(arguments.begin(), {"kubectl", "--kubeconfig", server_->kubeconfig().string()});
    return base::run_process(arguments,
                             {.environment = {{"HOME", directory_.path().string()}},
                              .directory = {},
                              .output = {},
                              .input = input},
                             std::chrono::seconds(60));
  }
  std::string output(std::vector<std::string> arguments, const std::string& input = "") {
    const ProcessResult result = run(std::move(arguments), input);
    EXPECT_EQ(result.exit_code, 0) << result.error_output;
    return result.output;
  }

  base::TempDir directory_;
  base::SystemClock clock_;
  base::SystemRandom random_;
  ScriptedPods pods_;
  std::optional<ApiServer> server_;
};

constexpr const char* kDeployment = R"(
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: demo}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: c, image: "nginx:1", env: [{name: A, value: "1"}, {name: B, value: "2"}]}
)";

constexpr const char* kDefinition = R"(
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: widgets, kind: Widget, shortNames: [wd]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}, scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas}}
    additionalPrinterColumns: [{name: Size, type: string, jsonPath: .spec.size}]
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [size]
            properties: {size: {type: string, enum: [S, M]}, replicas: {type: integer, default: 3}}
)";

constexpr const char* kWidget = R"(
apiVersion: example.com/v1
kind: Widget
metadata: {name: w, namespace: demo}
spec: {size: M}
)";

TEST_F(Kubectl, AppliesTwiceAndChangesNothingTheSecondTime) {
  EXPECT_EQ(output({"apply", "-f", "-"}, kDeployment), "deployment.apps/web created\n");
  EXPECT_EQ(output({"apply", "-f", "-"}, kDeployment), "deployment.apps/web unchanged\n");
  EXPECT_NE(output({"get", "deploy", "-n", "demo"}).find("web    0/2"), std::string::npos);
}

TEST_F(Kubectl, MergesAPatchOfOneContainerByItsName) {
  output({"apply", "-f", "-"}, kDeployment);
  output({"patch", "deploy", "web", "-n", "demo", "-p",
          R"({"spec":{"template":{"spec":{"containers":[{"name":"c","image":"nginx:2"}]}}}})"});
  EXPECT_EQ(output({"get", "deploy", "web", "-n", "demo", "-o",
                    "jsonpath={.spec.template.spec.containers[*].image} "
                    "{.spec.template.spec.containers[0].env[*].name} {.metadata.generation}"}),
            "nginx:2 A B 2");
}

TEST_F(Kubectl, RefusesAnUnknownField) {
  if (is_old()) GTEST_SKIP() << "needs kubectl 1.30 or newer";
  std::string wrong = kDeployment;
  wrong.replace(wrong.find("replicas: 2"), 11, "replicaz: 2");
  const ProcessResult result = run({"apply", "-f", "-"}, wrong);
  EXPECT_NE(result.exit_code, 0);
  EXPECT_NE(result.error_output.find("unknown field \"spec.replicaz\""), std::string::npos)
      << result.error_output;
}

TEST_F(Kubectl, ServesCustomResourcesWithDefaultsValidationColumnsAndScale) {
  output({"apply", "-f", "-"}, kDefinition);
  output({"wait", "--for=condition=established", "crd/widgets.example.com", "--timeout=20s"});
  EXPECT_EQ(output({"apply", "-f", "-"}, kWidget), "widget.example.com/w created\n");
  EXPECT_NE(output({"get", "wd", "-n", "demo"}).find("w      M"), std::string::npos);
  EXPECT_EQ(output({"get", "wd", "w", "-n", "demo", "-o", "jsonpath={.spec.replicas}"}), "3");
  output({"scale", "wd/w", "-n", "demo", "--replicas=5"});
  EXPECT_EQ(output({"get", "wd", "w", "-n", "demo", "-o", "jsonpath={.spec.replicas}"}), "5");
  std::string wrong = kWidget;
  wrong.replace(wrong.find("size: M"), 7, "size: Z");
  EXPECT_NE(run({"apply", "-f", "-"}, wrong).error_output.find("Unsupported value: \"Z\""),
            std::string::npos);
  output({"delete", "crd", "widgets.example.com", "--timeout=20s"});
  EXPECT_NE(run({"get", "widgets", "-n", "demo"}).exit_code, 0);
}

TEST_F(Kubectl, ExecutesAndReportsTheExitCode) {
  if (is_old()) GTEST_SKIP() << "needs kubectl 1.30 or newer";
  output({"run", "p", "-n", "demo", "--image=x", "--restart=Never"});
  EXPECT_EQ(output({"exec", "p", "-n", "demo", "--", "a", "b"}), "a\nb\n");
  EXPECT_EQ(run({"exec", "p", "-n", "demo", "--", "fail"}).exit_code, 3);
  EXPECT_EQ(output({"exec", "-i", "p", "-n", "demo", "--", "cat"}, "some input"), "some input");
  EXPECT_EQ(output({"logs", "p", "-n", "demo"}), "log of p/p\n");
}

TEST_F(Kubectl, AppliesServerSideWithOwnershipAndConflicts) {
  const std::string two =
      "---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: m, namespace: demo}, data: {a: x, b: w}}";
  const std::string one =
      "---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: m, namespace: demo}, data: {a: x}}";
  const std::string other =
      "---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: m, namespace: demo}, data: {a: z}}";
  output({"apply", "--server-side", "-f", "-"}, two);
  output({"apply", "--server-side", "-f", "-"}, one);
  EXPECT_EQ(output({"get", "cm", "m", "-n", "demo", "-o", "jsonpath={.data}"}), R"({"a":"x"})");
  const ProcessResult refused = run({"apply", "--server-side", "--field-manager=other", "-f", "-"}, other);
  EXPECT_NE(refused.error_output.find("conflict with \"kubectl\" using v1: .data.a"), std::string::npos);
  output({"apply", "--server-side", "--field-manager=other", "--force-conflicts", "-f", "-"}, other);
}

TEST_F(Kubectl, DeletesANamespaceWithAllThatIsInIt) {
  output({"apply", "-f", "-"}, kDeployment);
  output({"create", "configmap", "m", "-n", "demo", "--from-literal=a=b"});
  output({"delete", "namespace", "demo", "--timeout=30s"});
  EXPECT_EQ(output({"get", "all,cm,sa", "-n", "demo"}), "");
}

TEST_F(Kubectl, CollectsDependentsOfADeletedOwner) {
  if (is_old()) GTEST_SKIP() << "needs kubectl 1.30 or newer";
  output({"create", "configmap", "owner", "-n", "demo"});
  const std::string uid = output({"get", "cm", "owner", "-n", "demo", "-o", "jsonpath={.metadata.uid}"});
  output({"apply", "-f", "-"},
         "---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: owned, namespace: demo, ownerReferences: "
         "[{apiVersion: "
         "v1, kind: ConfigMap, name: owner, uid: " +
             uid + "}]}}");
  output({"delete", "cm", "owner", "-n", "demo"});
  output({"wait", "--for=delete", "cm/owned", "-n", "demo", "--timeout=20s"});
}

TEST_F(Kubectl, FindsEverythingAgainAfterARestart) {
  output({"create", "configmap", "m", "-n", "demo", "--from-literal=a=b"});
  const std::uint16_t port = server_->port();
  server_.reset();
  start();
  EXPECT_EQ(server_->port(), port);
  EXPECT_EQ(output({"get", "cm", "m", "-n", "demo", "-o", "jsonpath={.data.a}"}), "b");
}

TEST_F(Kubectl, KnowsItsKindsAndItsRights) {
  if (is_old()) GTEST_SKIP() << "needs kubectl 1.30 or newer";
  EXPECT_NE(output({"api-resources"}).find("deployments"), std::string::npos);
  EXPECT_NE(output({"api-versions"}).find("apps/v1"), std::string::npos);
  EXPECT_EQ(output({"auth", "can-i", "create", "pods"}), "yes\n");
  EXPECT_NE(output({"explain", "deployment.spec.strategy"}).find("rollingUpdate"), std::string::npos);
}

}  // namespace
}  // namespace salvor::local
