#include "cli/install/workloads.h"

namespace salvor::cli {
namespace {

using codec::Json;

constexpr char kBinary[] = "/usr/bin/salvor";
constexpr int kMetricsPort = 8085;
// Of no account in the image; only file system rights of volumes are asked for it.
constexpr int kServerUser = 65532;
// Time to record what is going on before the kill.
constexpr int kGraceSeconds = 60;

Json field_variable(const std::string& name, const std::string& path) {
  return {{"name", name}, {"valueFrom", {{"fieldRef", {{"fieldPath", path}}}}}};
}

Json resources_of(const ContainerResources& resources) {
  Json result = Json::object();
  const auto put = [&](const char* group, const char* name, const std::string& quantity) {
    if (!quantity.empty() && quantity != "0") result[group][name] = quantity;
  };
  put("requests", "cpu", resources.cpu_request);
  put("requests", "memory", resources.memory_request);
  put("limits", "cpu", resources.cpu_limit);
  put("limits", "memory", resources.memory_limit);
  return result;
}

Json probe(const std::string& path, int period_seconds) {
  return {{"httpGet", {{"path", path}, {"port", "metrics"}}},
          {"periodSeconds", period_seconds},
          {"timeoutSeconds", 5},
          {"failureThreshold", 3}};
}

struct Process {
  std::string name;
  std::vector<std::string> arguments;
  ContainerResources resources;
};

// What both containers have in common.
Json container(const InstallPlan& plan, const Process& process) {
  Json container = {
      {"name", process.name},
      {"image", plan.image},
      {"imagePullPolicy", "IfNotPresent"},
      {"command", {kBinary}},
      {"args", process.arguments},
      {"env", Json::array({field_variable("VELERO_NAMESPACE", "metadata.namespace"),
                           field_variable("POD_NAME", "metadata.name"),
                           field_variable("NODE_NAME", "spec.nodeName"),
                           {{"name", "TMPDIR"}, {"value", "/scratch"}}})},
      {"ports", Json::array({{{"name", "metrics"}, {"containerPort", kMetricsPort}, {"protocol", "TCP"}}})},
      {"livenessProbe", probe("/healthz", 30)},
      {"readinessProbe", probe("/readyz", 10)},
      {"volumeMounts", Json::array({{{"name", "scratch"}, {"mountPath", "/scratch"}}})}};
  if (auto resources = resources_of(process.resources); !resources.empty())
    container["resources"] = std::move(resources);
  if (plan.credentials) {
    container["env"].push_back({{"name", "AWS_SHARED_CREDENTIALS_FILE"}, {"value", "/credentials/cloud"}});
    container["volumeMounts"].push_back(
        {{"name", kCloudCredentials}, {"mountPath", "/credentials"}, {"readOnly", true}});
  }
  return container;
}

Json pod_spec(const InstallPlan& plan, const std::string& account, Json container) {
  Json volumes = Json::array({{{"name", "scratch"}, {"emptyDir", Json::object()}}});
  if (plan.credentials)
    volumes.push_back({{"name", kCloudCredentials}, {"secret", {{"secretName", kCloudCredentials}}}});
  return {{"serviceAccountName", account},
          {"terminationGracePeriodSeconds", kGraceSeconds},
          {"containers", Json::array({std::move(container)})},
          {"volumes", std::move(volumes)}};
}

Json template_metadata(const InstallPlan& plan, std::map<std::string, std::string> labels) {
  std::map<std::string, std::string> annotations = {{"prometheus.io/scrape", "true"},
                                                    {"prometheus.io/port", std::to_string(kMetricsPort)},
                                                    {"prometheus.io/path", "/metrics"}};
  for (const auto& [key, value] : plan.pod_annotations) annotations[key] = value;
  for (const auto& [key, value] : plan.pod_labels) labels.emplace(key, value);
  return {{"labels", labels}, {"annotations", annotations}};
}

Json metadata(const InstallPlan& plan, const std::string& name) {
  return {{"name", name}, {"namespace", plan.name_space}, {"labels", {{"component", "velero"}}}};
}

Json seccomp() {
  return {{"type", "RuntimeDefault"}};
}

// Files of volumes belong to anyone: their owner, mode, capabilities and devices are read and set.
Json node_agent_security(bool privileged) {
  Json security = {{"runAsUser", 0}, {"readOnlyRootFilesystem", true}};
  if (privileged) {
    security["privileged"] = true;
    return security;
  }
  security["allowPrivilegeEscalation"] = false;
  security["capabilities"] = {
      {"drop", {"ALL"}},
      {"add", {"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "MKNOD", "SETFCAP"}}};
  return security;
}

}  // namespace

Json server_deployment(const InstallPlan& plan) {
  std::vector<std::string> arguments = {"server"};
  arguments.insert(arguments.end(), plan.server_arguments.begin(), plan.server_arguments.end());
  Json server = container(plan, {"velero", std::move(arguments), plan.server_resources});
  server["securityContext"] = {{"allowPrivilegeEscalation", false},
                               {"readOnlyRootFilesystem", true},
                               {"capabilities", {{"drop", {"ALL"}}}}};
  Json spec = pod_spec(plan, plan.service_account, std::move(server));
  spec["securityContext"] = {{"runAsNonRoot", true},
                             {"runAsUser", kServerUser},
                             {"runAsGroup", kServerUser},
                             {"fsGroup", kServerUser},
                             {"seccompProfile", seccomp()}};
  return {{"apiVersion", "apps/v1"},
          {"kind", "Deployment"},
          {"metadata", metadata(plan, "velero")},
          {"spec",
           {{"replicas", plan.replicas},
            {"selector", {{"matchLabels", {{"deploy", "velero"}}}}},
            {"template",
             {{"metadata", template_metadata(plan, {{"component", "velero"}, {"deploy", "velero"}})},
              {"spec", std::move(spec)}}}}}};
}

Json node_agent_daemon_set(const InstallPlan& plan) {
  std::vector<std::string> arguments = {"node-agent"};
  arguments.insert(arguments.end(), plan.node_agent_arguments.begin(), plan.node_agent_arguments.end());
  Json agent = container(plan, {"node-agent", std::move(arguments), plan.node_agent_resources});
  agent["securityContext"] = node_agent_security(plan.privileged_node_agent);
  const auto mount = [&](const char* name, const char* path) {
    agent["volumeMounts"].push_back(
        {{"name", name}, {"mountPath", path}, {"mountPropagation", "HostToContainer"}});
  };
  mount("host-pods", "/host_pods");
  mount("host-plugins", "/var/lib/kubelet/plugins");
  Json spec = pod_spec(plan, kNodeAgentAccount, std::move(agent));
  spec["securityContext"] = {{"runAsUser", 0}, {"seccompProfile", seccomp()}};
  spec["volumes"].push_back({{"name", "host-pods"}, {"hostPath", {{"path", plan.kubelet_root + "/pods"}}}});
  spec["volumes"].push_back(
      {{"name", "host-plugins"}, {"hostPath", {{"path", plan.kubelet_root + "/plugins"}}}});
  return {
      {"apiVersion", "apps/v1"},
      {"kind", "DaemonSet"},
      {"metadata", metadata(plan, "node-agent")},
      {"spec",
       {{"selector", {{"matchLabels", {{"name", "node-agent"}}}}},
        {"template",
         {{"metadata", template_metadata(
                           plan, {{"component", "velero"}, {"name", "node-agent"}, {"role", "node-agent"}})},
          {"spec", std::move(spec)}}}}}};
}

}  // namespace salvor::cli
