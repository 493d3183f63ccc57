#include "local/api/defaults.h"

#include "local/api/json_paths.h"

namespace salvor::local {

namespace {

struct Default {
  std::string_view path;
  const char* json;
};

void apply(Json& object, std::initializer_list<Default> defaults) {
  for (const Default& entry : defaults) set_default(object, entry.path, Json::parse(entry.json));
}

// Calls for each element of a list that is an object.
template <typename Function>
void each(Json& object, std::string_view path, Function function) {
  Json* list = at_path(object, path);
  if (list == nullptr || !list->is_array()) return;
  for (Json& item : *list) {
    if (item.is_object()) function(item);
  }
}

bool tagged_latest(const std::string& image) {
  const size_t slash = image.rfind('/');
  const std::string last = slash == std::string::npos ? image : image.substr(slash + 1);
  if (last.find('@') != std::string::npos) return false;
  const size_t colon = last.find(':');
  return colon == std::string::npos || last.substr(colon + 1) == "latest";
}

void probe_defaults(Json& container, const char* name) {
  Json* probe = at_path(container, name);
  if (probe == nullptr || !probe->is_object()) return;
  apply(*probe, {{"timeoutSeconds", "1"},
                 {"periodSeconds", "10"},
                 {"successThreshold", "1"},
                 {"failureThreshold", "3"}});
  if (probe->contains("httpGet")) apply((*probe)["httpGet"], {{"path", "\"/\""}, {"scheme", "\"HTTP\""}});
  if (probe->contains("grpc")) set_default((*probe)["grpc"], "service", "");
}

void container_defaults(Json& container) {
  set_default(container, "imagePullPolicy",
              tagged_latest(string_at(container, "image")) ? "Always" : "IfNotPresent");
  apply(container, {{"terminationMessagePath", "\"/dev/termination-log\""},
                    {"terminationMessagePolicy", "\"File\""},
                    {"resources", "{}"}});
  for (const char* probe : {"livenessProbe", "readinessProbe", "startupProbe"})
    probe_defaults(container, probe);
  each(container, "ports", [](Json& port) { set_default(port, "protocol", "TCP"); });
  each(container, "env", [](Json& variable) {
    if (Json* reference = at_path(variable, "valueFrom.fieldRef"))
      set_default(*reference, "apiVersion", "v1");
  });
  if (Json* resources = at_path(container, "resources"); resources->contains("limits")) {
    const Json limits = (*resources)["limits"];  // a copy: what it lies in grows below
    for (const auto& [name, value] : limits.items()) {
      if (!make_path(*resources, "requests").contains(name)) (*resources)["requests"][name] = value;
    }
  }
  for (const char* hook : {"lifecycle.postStart.httpGet", "lifecycle.preStop.httpGet"}) {
    if (Json* get = at_path(container, hook)) apply(*get, {{"path", "\"/\""}, {"scheme", "\"HTTP\""}});
  }
}

void volume_defaults(Json& volume) {
  for (const char* source : {"secret", "configMap", "downwardAPI", "projected"}) {
    if (volume.contains(source)) set_default(volume, std::string(source) + ".defaultMode", 420);
  }
  if (Json* path = at_path(volume, "hostPath")) set_default(*path, "type", "");
  each(volume, "projected.sources", [](Json& source) {
    if (Json* token = at_path(source, "serviceAccountToken")) set_default(*token, "expirationSeconds", 3600);
  });
  // Without any source a volume is an empty directory.
  if (volume.size() == 1 && volume.contains("name")) volume["emptyDir"] = Json::object();
  if (Json* claim = at_path(volume, "ephemeral.volumeClaimTemplate.spec")) {
    set_default(*claim, "volumeMode", "Filesystem");
  }
}

void pod_spec_defaults(Json& spec) {
  if (!spec.is_object()) return;
  apply(spec, {{"restartPolicy", "\"Always\""},
               {"terminationGracePeriodSeconds", "30"},
               {"dnsPolicy", "\"ClusterFirst\""},
               {"securityContext", "{}"},
               {"schedulerName", "\"default-scheduler\""}});
  if (spec.contains("serviceAccountName")) {
    set_default(spec, "serviceAccount", spec["serviceAccountName"]);
  } else if (spec.contains("serviceAccount")) {
    spec["serviceAccountName"] = spec["serviceAccount"];
  }
  each(spec, "containers", container_defaults);
  each(spec, "initContainers", container_defaults);
  each(spec, "ephemeralContainers", container_defaults);
  each(spec, "volumes", volume_defaults);
}

void pod_defaults(Json& pod) {
  Json& spec = make_path(pod, "spec");
  pod_spec_defaults(spec);
  if (!spec.is_object()) return;
  // Defaults of pods proper: admission (ServiceAccount, Priority, DefaultTolerationSeconds) and decoding.
  set_default(spec, "enableServiceLinks", true);
}

void claim_defaults(Json& claim) {
  set_default(claim, "spec.volumeMode", "Filesystem");
}

void deployment_defaults(Json& object) {
  apply(object, {{"spec.replicas", "1"},
                 {"spec.strategy.type", "\"RollingUpdate\""},
                 {"spec.revisionHistoryLimit", "10"},
                 {"spec.progressDeadlineSeconds", "600"}});
  if (string_at(object, "spec.strategy.type") == "RollingUpdate") {
    apply(object, {{"spec.strategy.rollingUpdate.maxUnavailable", "\"25%\""},
                   {"spec.strategy.rollingUpdate.maxSurge", "\"25%\""}});
  }
  pod_spec_defaults(make_path(object, "spec.template.spec"));
}

void stateful_set_defaults(Json& object) {
  apply(object, {{"spec.replicas", "1"},
                 {"spec.podManagementPolicy", "\"OrderedReady\""},
                 {"spec.updateStrategy.type", "\"RollingUpdate\""},
                 {"spec.revisionHistoryLimit", "10"},
                 {"spec.persistentVolumeClaimRetentionPolicy.whenDeleted", "\"Retain\""},
                 {"spec.persistentVolumeClaimRetentionPolicy.whenScaled", "\"Retain\""}});
  if (string_at(object, "spec.updateStrategy.type") == "RollingUpdate") {
    set_default(object, "spec.updateStrategy.rollingUpdate.partition", 0);
  }
  pod_spec_defaults(make_path(object, "spec.template.spec"));
  each(object, "spec.volumeClaimTemplates", [](Json& claim) {
    set_default(claim, "apiVersion", "v1");
    set_default(claim, "kind", "PersistentVolumeClaim");
    claim_defaults(claim);
    set_default(claim, "status.phase", "Pending");
  });
}

void daemon_set_defaults(Json& object) {
  apply(object, {{"spec.updateStrategy.type", "\"RollingUpdate\""}, {"spec.revisionHistoryLimit", "10"}});
  if (string_at(object, "spec.updateStrategy.type") == "RollingUpdate") {
    apply(object, {{"spec.updateStrategy.rollingUpdate.maxUnavailable", "1"},
                   {"spec.updateStrategy.rollingUpdate.maxSurge", "0"}});
  }
  pod_spec_defaults(make_path(object, "spec.template.spec"));
}

void replica_set_defaults(Json& object) {
  set_default(object, "spec.replicas", 1);
  if (at_path(object, "spec.template.spec") != nullptr)
    pod_spec_defaults(make_path(object, "spec.template.spec"));
}

void job_spec_defaults(Json& spec) {
  apply(spec, {{"backoffLimit", "6"},
               {"completionMode", "\"NonIndexed\""},
               {"suspend", "false"},
               {"podReplacementPolicy", "\"TerminatingOrFailed\""},
               {"manualSelector", "false"}});
  if (!spec.contains("completions") && !spec.contains("parallelism")) spec["completions"] = 1;
  set_default(spec, "parallelism", 1);
  pod_spec_defaults(make_path(spec, "template.spec"));
}

void cron_job_defaults(Json& object) {
  apply(object, {{"spec.concurrencyPolicy", "\"Allow\""},
                 {"spec.suspend", "false"},
                 {"spec.successfulJobsHistoryLimit", "3"},
                 {"spec.failedJobsHistoryLimit", "1"}});
  Json& spec = make_path(object, "spec.jobTemplate.spec");
  if (spec.is_object() && spec.contains("template")) pod_spec_defaults(make_path(spec, "template.spec"));
}

void service_defaults(Json& object) {
  apply(object, {{"spec.sessionAffinity", "\"None\""}, {"spec.type", "\"ClusterIP\""}});
  if (string_at(object, "spec.sessionAffinity") == "ClientIP") {
    set_default(object, "spec.sessionAffinityConfig.clientIP.timeoutSeconds", 10800);
  }
  const std::string type = string_at(object, "spec.type");
  if (type != "ExternalName") set_default(object, "spec.internalTrafficPolicy", "Cluster");
  if (type == "NodePort" || type == "LoadBalancer")
    set_default(object, "spec.externalTrafficPolicy", "Cluster");
  if (type == "LoadBalancer") set_default(object, "spec.allocateLoadBalancerNodePorts", true);
  each(object, "spec.ports", [](Json& port) {
    set_default(port, "protocol", "TCP");
    if (!port.contains("targetPort") && port.contains("port")) port["targetPort"] = port["port"];
  });
}

void role_binding_defaults(Json& object) {
  set_default(object, "roleRef.apiGroup", "rbac.authorization.k8s.io");
  each(object, "subjects", [](Json& subject) {
    const std::string kind = string_at(subject, "kind");
    if (kind == "User" || kind == "Group") set_default(subject, "apiGroup", "rbac.authorization.k8s.io");
  });
}

void secret_defaults(Json& object) {
  set_default(object, "type", "Opaque");
}

void network_policy_defaults(Json& object) {
  if (Json* spec = at_path(object, "spec");
      spec != nullptr && spec->is_object() && !spec->contains("policyTypes")) {
    (*spec)["policyTypes"] = Json::array({"Ingress"});
    if (spec->contains("egress") && !(*spec)["egress"].empty()) (*spec)["policyTypes"].push_back("Egress");
  }
}

void csi_driver_defaults(Json& object) {
  apply(object, {{"spec.attachRequired", "true"},
                 {"spec.podInfoOnMount", "false"},
                 {"spec.storageCapacity", "false"},
                 {"spec.fsGroupPolicy", "\"ReadWriteOnceWithFSType\""},
                 {"spec.volumeLifecycleModes", "[\"Persistent\"]"},
                 {"spec.requiresRepublish", "false"},
                 {"spec.seLinuxMount", "false"}});
}

void crd_defaults(Json& object) {
  const std::string kind = string_at(object, "spec.names.kind");
  std::string singular = kind;
  std::transform(singular.begin(), singular.end(), singular.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  set_default(object, "spec.names.singular", singular);
  set_default(object, "spec.names.listKind", kind + "List");
  set_default(object, "spec.conversion.strategy", "None");
}

using Function = void (*)(Json&);

const std::map<std::string, Function>& functions() {
  static const std::map<std::string, Function> table = {
      {"pods", pod_defaults},
      {"deployments.apps", deployment_defaults},
      {"statefulsets.apps", stateful_set_defaults},
      {"daemonsets.apps", daemon_set_defaults},
      {"replicasets.apps", replica_set_defaults},
      {"replicationcontrollers", replica_set_defaults},
      {"jobs.batch", [](Json& object) { job_spec_defaults(make_path(object, "spec")); }},
      {"cronjobs.batch", cron_job_defaults},
      {"podtemplates", [](Json& object) { pod_spec_defaults(make_path(object, "template.spec")); }},
      {"services", service_defaults},
      {"secrets", secret_defaults},
      {"persistentvolumeclaims", claim_defaults},
      {"persistentvolumes",
       [](Json& object) {
         apply(object,
               {{"spec.persistentVolumeReclaimPolicy", "\"Retain\""}, {"spec.volumeMode", "\"Filesystem\""}});
         if (Json* path = at_path(object, "spec.hostPath")) set_default(*path, "type", "");
         if (Json* claim = at_path(object, "spec.claimRef")) {
           set_default(*claim, "kind", "PersistentVolumeClaim");
           set_default(*claim, "apiVersion", "v1");
         }
       }},
      {"storageclasses.storage.k8s.io",
       [](Json& object) {
         apply(object, {{"reclaimPolicy", "\"Delete\""}, {"volumeBindingMode", "\"Immediate\""}});
       }},
      {"rolebindings.rbac.authorization.k8s.io", role_binding_defaults},
      {"clusterrolebindings.rbac.authorization.k8s.io", role_binding_defaults},
      {"networkpolicies.networking.k8s.io", network_policy_defaults},
      {"csidrivers.storage.k8s.io", csi_driver_defaults},
      {"customresourcedefinitions.apiextensions.k8s.io", crd_defaults},
      {"horizontalpodautoscalers.autoscaling",
       [](Json& object) { set_default(object, "spec.minReplicas", 1); }},
      {"priorityclasses.scheduling.k8s.io",
       [](Json& object) { set_default(object, "preemptionPolicy", "PreemptLowerPriority"); }},
  };
  return table;
}

void default_tolerations(Json& spec) {
  // What the DefaultTolerationSeconds admission of every cluster adds.
  Json& tolerations = make_path(spec, "tolerations");
  if (!tolerations.is_array()) tolerations = Json::array();
  for (const char* key : {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"}) {
    const bool there = std::any_of(tolerations.begin(), tolerations.end(), [&](const Json& toleration) {
      const std::string has = string_at(toleration, "key");
      return has == key || (has.empty() && string_at(toleration, "operator") == "Exists");
    });
    if (there) continue;
    tolerations.push_back(
        {{"key", key}, {"operator", "Exists"}, {"effect", "NoExecute"}, {"tolerationSeconds", 300}});
  }
}

const char* quality_of_service(const Json& spec) {
  bool any = false, guaranteed = true;
  for (const Json& container : spec.value("containers", Json::array())) {
    const Json* limits = at_path(container, "resources.limits");
    const Json* requests = at_path(container, "resources.requests");
    if ((limits != nullptr && !limits->empty()) || (requests != nullptr && !requests->empty())) any = true;
    for (const char* name : {"cpu", "memory"}) {
      if (limits == nullptr || !limits->contains(name) || requests == nullptr || !requests->contains(name) ||
          (*limits)[name] != (*requests)[name]) {
        guaranteed = false;
      }
    }
  }
  return !any ? "BestEffort" : guaranteed ? "Guaranteed" : "Burstable";
}

void prepare_pod(Json& object) {
  Json& spec = make_path(object, "spec");
  set_default(spec, "serviceAccountName", "default");
  set_default(spec, "serviceAccount", spec["serviceAccountName"]);
  set_default(spec, "priority", 0);
  set_default(spec, "preemptionPolicy", "PreemptLowerPriority");
  default_tolerations(spec);
  object["status"] = {{"phase", "Pending"}, {"qosClass", quality_of_service(spec)}};
}

// A job's pods are found by a label with its uid; a real server makes up selector and labels the same way.
void prepare_job(Json& object) {
  object["status"] = Json::object();
  if (flag_at(object, "spec.manualSelector")) return;
  const std::string uid = string_at(object, "metadata.uid");
  set_path(object, "spec.selector", {{"matchLabels", {{"batch.kubernetes.io/controller-uid", uid}}}});
  Json& labels = make_path(object, "spec.template.metadata.labels");
  if (!labels.is_object()) labels = Json::object();
  const std::string name = string_at(object, "metadata.name");
  labels["batch.kubernetes.io/controller-uid"] = uid;
  labels["batch.kubernetes.io/job-name"] = name;
  labels["controller-uid"] = uid;
  labels["job-name"] = name;
}

}  // namespace

void apply_defaults(const Kind& kind, Json& object) {
  const auto found = functions().find(kind.storage);
  if (!kind.custom && found != functions().end()) found->second(object);
}

void prepare_for_create(const Kind& kind, Json& object) {
  if (kind.custom) {
    if (kind.has_subresource("status")) object.erase("status");
    return;
  }
  const std::string& storage = kind.storage;
  if (storage == "pods") return prepare_pod(object);
  if (storage == "jobs.batch") return prepare_job(object);
  if (storage == "nodes") {  // kubelets register with their status
    set_default(object, "spec", Json::object());
    return set_default(object, "status", Json::object());
  }
  if (storage == "namespaces") {
    set_path(object, "status", {{"phase", "Active"}});
    Json& finalizers = make_path(object, "spec.finalizers");
    if (!finalizers.is_array()) finalizers = Json::array();
    if (std::find(finalizers.begin(), finalizers.end(), "kubernetes") == finalizers.end()) {
      finalizers.push_back("kubernetes");
    }
    return;
  }
  if (storage == "persistentvolumeclaims" || storage == "persistentvolumes") {
    object["status"] = {{"phase", "Pending"}};
    return;
  }
  if (storage == "services") {
    object["status"] = {{"loadBalancer", Json::object()}};
  } else if (kind.has_subresource("status")) {
    object["status"] = Json::object();
  }
}

}  // namespace salvor::local
