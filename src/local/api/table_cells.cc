// The columns that kubectl shows for built-in kinds.
#include <fmt/format.h>

#include "local/api/json_paths.h"
#include "local/api/table.h"

namespace salvor::local {

namespace {

std::string name_of(const Json& object) {
  return string_at(object, "metadata.name");
}
std::string age_of(const Json& object) {
  return human_age(string_at(object, "metadata.creationTimestamp"));
}

std::string or_none(std::string text) {
  return text.empty() ? "<none>" : text;
}

std::string join(const Json& list, std::string_view between = ",") {
  std::string text;
  if (!list.is_array()) return text;
  for (const Json& item : list) {
    if (!text.empty()) text += between;
    text += item.is_string() ? item.get<std::string>() : item.dump();
  }
  return text;
}

std::string containers_of(const Json& spec, const char* field) {
  std::string text;
  for (const Json& container : spec.value("containers", Json::array())) {
    text += (text.empty() ? "" : ",") + string_at(container, field);
  }
  return text;
}

std::string selector_text(const Json& selector) {
  std::string text;
  const Json labels =
      selector.is_object() && (selector.contains("matchLabels") || selector.contains("matchExpressions"))
          ? selector.value("matchLabels", Json::object())
          : selector;
  if (!labels.is_object()) return "<none>";
  for (const auto& [key, value] : labels.items()) {
    text +=
        (text.empty() ? "" : ",") + key + "=" + (value.is_string() ? value.get<std::string>() : value.dump());
  }
  return or_none(text);
}

std::string modes_text(const Json& modes) {
  std::string text;
  const std::pair<const char*, const char*> shorts[] = {{"ReadWriteOnce", "RWO"},
                                                        {"ReadOnlyMany", "ROX"},
                                                        {"ReadWriteMany", "RWX"},
                                                        {"ReadWriteOncePod", "RWOP"}};
  for (const auto& [mode, abbreviation] : shorts) {
    if (modes.is_array() && std::find(modes.begin(), modes.end(), mode) != modes.end()) {
      text += (text.empty() ? "" : ",") + std::string(abbreviation);
    }
  }
  return text;
}

std::string pod_reason(const Json& pod, std::int64_t& ready, std::int64_t& restarts) {
  std::string reason = string_at(pod, "status.phase");
  if (const std::string own = string_at(pod, "status.reason"); !own.empty()) reason = own;
  bool initializing = false;
  const Json inits = value_at(pod, "status.initContainerStatuses");
  for (size_t i = 0; i < inits.size(); ++i) {
    restarts += integer_at(inits[i], "restartCount");
    const Json* terminated = at_path(inits[i], "state.terminated");
    if (terminated != nullptr && integer_at(*terminated, "exitCode") == 0) continue;
    initializing = true;
    const std::string waiting = string_at(inits[i], "state.waiting.reason");
    if (terminated != nullptr) {
      reason =
          "Init:" + (string_at(*terminated, "reason").empty() ? "Error" : string_at(*terminated, "reason"));
    } else if (!waiting.empty() && waiting != "PodInitializing") {
      reason = "Init:" + waiting;
    } else {
      reason = fmt::format("Init:{}/{}", i, value_at(pod, "spec.initContainers").size());
    }
    break;
  }
  if (!initializing) {
    restarts = 0;
    bool running = false;
    const Json statuses = value_at(pod, "status.containerStatuses");
    for (size_t i = statuses.size(); i-- > 0;) {
      const Json& status = statuses[i];
      restarts += integer_at(status, "restartCount");
      const std::string waiting = string_at(status, "state.waiting.reason");
      const Json* terminated = at_path(status, "state.terminated");
      if (!waiting.empty()) {
        reason = waiting;
      } else if (terminated != nullptr) {
        reason = string_at(*terminated, "reason");
        if (reason.empty()) reason = fmt::format("ExitCode:{}", integer_at(*terminated, "exitCode"));
      } else if (flag_at(status, "ready") && at_path(status, "state.running") != nullptr) {
        running = true;
        ++ready;
      }
    }
    if (reason == "Completed" && running) reason = "Running";
  }
  if (at_path(pod, "metadata.deletionTimestamp") != nullptr) reason = "Terminating";
  return reason;
}

Json pod_cells(const Json& pod) {
  std::int64_t ready = 0, restarts = 0;
  const std::string reason = pod_reason(pod, ready, restarts);
  return {name_of(pod),
          fmt::format("{}/{}", ready, value_at(pod, "spec.containers").size()),
          reason,
          std::to_string(restarts),
          age_of(pod),
          or_none(string_at(pod, "status.podIP")),
          or_none(string_at(pod, "spec.nodeName")),
          or_none(string_at(pod, "status.nominatedNodeName")),
          "<none>"};
}

std::string ready_of(const Json& object, const char* status) {
  return fmt::format("{}/{}", integer_at(object, status), integer_at(object, "spec.replicas"));
}

std::string ports_text(const Json& service) {
  std::string text;
  for (const Json& port : value_at(service, "spec.ports")) {
    const std::int64_t node = integer_at(port, "nodePort");
    text += (text.empty() ? "" : ",") + std::to_string(integer_at(port, "port")) +
            (node != 0 ? fmt::format(":{}", node) : "") + "/" + string_at(port, "protocol");
  }
  return or_none(text);
}

std::string external_addresses(const Json& service) {
  const std::string type = string_at(service, "spec.type");
  if (type == "ExternalName") return string_at(service, "spec.externalName");
  std::string text;
  if (type == "LoadBalancer") {
    for (const Json& ingress : value_at(service, "status.loadBalancer.ingress")) {
      const std::string address =
          string_at(ingress, "ip").empty() ? string_at(ingress, "hostname") : string_at(ingress, "ip");
      text += (text.empty() ? "" : ",") + address;
    }
  }
  const std::string fixed = join(value_at(service, "spec.externalIPs"));
  if (!fixed.empty()) text += (text.empty() ? "" : ",") + fixed;
  if (text.empty() && type == "LoadBalancer") return "<pending>";
  return or_none(text);
}

std::string node_status(const Json& node) {
  std::string text;
  for (const Json& condition : value_at(node, "status.conditions")) {
    if (string_at(condition, "type") == "Ready")
      text = string_at(condition, "status") == "True" ? "Ready" : "NotReady";
  }
  if (text.empty()) text = "Unknown";
  if (flag_at(node, "spec.unschedulable")) text += ",SchedulingDisabled";
  return text;
}

std::string node_roles(const Json& node) {
  std::string text;
  const std::string prefix = "node-role.kubernetes.io/";
  const Json labels = value_at(node, "metadata.labels");
  if (labels.is_object()) {
    for (const auto& [key, value] : labels.items()) {
      if (key.starts_with(prefix)) text += (text.empty() ? "" : ",") + key.substr(prefix.size());
    }
  }
  return or_none(text);
}

std::string node_address(const Json& node, const char* type) {
  for (const Json& address : value_at(node, "status.addresses")) {
    if (string_at(address, "type") == type) return string_at(address, "address");
  }
  return "<none>";
}

std::string or_unset(const Json& value) {
  if (value.is_null()) return "<unset>";
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string capacity_of(const Json& object, const char* path) {
  const Json* capacity = at_path(object, path);
  return capacity != nullptr && capacity->is_string() ? capacity->get<std::string>() : "";
}

std::string duration_text(std::int64_t seconds) {
  if (seconds < 120) return fmt::format("{}s", seconds);
  if (seconds < 7200)
    return seconds % 60 == 0 || seconds >= 600 ? fmt::format("{}m", seconds / 60)
                                               : fmt::format("{}m{}s", seconds / 60, seconds % 60);
  return fmt::format("{}h", seconds / 3600);
}

Json job_cells(const Json& job) {
  const auto started = base::parse_rfc3339(string_at(job, "status.startTime"));
  const auto ended = base::parse_rfc3339(string_at(job, "status.completionTime"));
  std::string duration;
  if (started) {
    const auto until = ended ? *ended : base::SystemClock().now();
    duration = duration_text(std::chrono::duration_cast<std::chrono::seconds>(until - *started).count());
  }
  std::string status = "Running";
  for (const Json& condition : value_at(job, "status.conditions")) {
    if (string_at(condition, "status") != "True") continue;
    const std::string type = string_at(condition, "type");
    if (type == "Complete" || type == "Failed" || type == "Suspended") status = type;
  }
  const Json completions = value_at(job, "spec.completions");
  const std::int64_t done = integer_at(job, "status.succeeded");
  return {name_of(job),
          status,
          completions.is_null() ? fmt::format("{}/1 of {}", done, integer_at(job, "spec.parallelism", 1))
                                : fmt::format("{}/{}", done, completions.get<std::int64_t>()),
          duration,
          age_of(job),
          containers_of(value_at(job, "spec.template.spec"), "name"),
          containers_of(value_at(job, "spec.template.spec"), "image"),
          selector_text(value_at(job, "spec.selector"))};
}

std::string event_seen(const Json& event, const char* path, const char* otherwise) {
  std::string time = string_at(event, path);
  if (time.empty()) time = string_at(event, otherwise);
  if (time.empty()) time = string_at(event, "metadata.creationTimestamp");
  return human_age(time);
}

std::string event_object(const Json& event) {
  const Json about =
      event.contains("involvedObject") ? event["involvedObject"] : event.value("regarding", Json::object());
  std::string kind = string_at(about, "kind");
  std::transform(kind.begin(), kind.end(), kind.begin(), [](unsigned char c) { return std::tolower(c); });
  return kind + "/" + string_at(about, "name");
}

std::string event_message(const Json& event) {
  const std::string message = string_at(event, "message");
  return message.empty() ? string_at(event, "note") : message;
}

Json event_cells(const Json& event) {
  const std::int64_t count = std::max(integer_at(event, "count", integer_at(event, "deprecatedCount")),
                                      integer_at(event, "series.count", 1));
  const std::string source = string_at(event, "source.component").empty()
                                 ? string_at(event, "reportingComponent")
                                 : string_at(event, "source.component");
  return {event_seen(event, "lastTimestamp", "series.lastObservedTime"),
          string_at(event, "type"),
          string_at(event, "reason"),
          event_object(event),
          string_at(event, "involvedObject.fieldPath"),
          source,
          event_message(event),
          event_seen(event, "firstTimestamp", "eventTime"),
          std::to_string(count),
          name_of(event)};
}

std::string endpoints_text(const Json& endpoints) {
  std::string text;
  for (const Json& subset : value_at(endpoints, "subsets")) {
    for (const Json& address : subset.value("addresses", Json::array())) {
      const Json ports = subset.value("ports", Json::array());
      if (ports.empty()) text += (text.empty() ? "" : ",") + string_at(address, "ip");
      for (const Json& port : ports) {
        text += (text.empty() ? "" : ",") +
                fmt::format("{}:{}", string_at(address, "ip"), integer_at(port, "port"));
      }
    }
  }
  return or_none(text);
}

std::string hosts_text(const Json& ingress) {
  std::string text;
  for (const Json& rule : value_at(ingress, "spec.rules")) {
    const std::string host = string_at(rule, "host");
    text += (text.empty() ? "" : ",") + (host.empty() ? "*" : host);
  }
  return text.empty() ? "*" : text;
}

TableColumn column(const char* name, const char* type = "string", int priority = 0) {
  return {.name = name,
          .type = type,
          .format = std::string_view(name) == "Name" ? "name" : "",
          .description = "",
          .priority = priority};
}

std::vector<TableColumn> columns(std::initializer_list<const char*> narrow,
                                 std::initializer_list<const char*> wide = {}) {
  std::vector<TableColumn> list;
  for (const char* name : narrow) list.push_back(column(name));
  for (const char* name : wide) list.push_back(column(name, "string", 1));
  return list;
}

std::map<std::string, TableFormat> workload_tables() {
  return {
      {"pods",
       {columns({"Name", "Ready", "Status", "Restarts", "Age"},
                {"IP", "Node", "Nominated Node", "Readiness Gates"}),
        pod_cells}},
      {"deployments.apps",
       {columns({"Name", "Ready", "Up-to-date", "Available", "Age"}, {"Containers", "Images", "Selector"}),
        [](const Json& o) -> Json {
          const Json spec = value_at(o, "spec.template.spec");
          return {name_of(o),
                  ready_of(o, "status.readyReplicas"),
                  integer_at(o, "status.updatedReplicas"),
                  integer_at(o, "status.availableReplicas"),
                  age_of(o),
                  containers_of(spec, "name"),
                  containers_of(spec, "image"),
                  selector_text(value_at(o, "spec.selector"))};
        }}},
      {"statefulsets.apps",
       {columns({"Name", "Ready", "Age"}, {"Containers", "Images"}),
        [](const Json& o) -> Json {
          const Json spec = value_at(o, "spec.template.spec");
          return {name_of(o), ready_of(o, "status.readyReplicas"), age_of(o), containers_of(spec, "name"),
                  containers_of(spec, "image")};
        }}},
      {"replicasets.apps",
       {columns({"Name", "Desired", "Current", "Ready", "Age"}, {"Containers", "Images", "Selector"}),
        [](const Json& o) -> Json {
          const Json spec = value_at(o, "spec.template.spec");
          return {name_of(o),
                  integer_at(o, "spec.replicas"),
                  integer_at(o, "status.replicas"),
                  integer_at(o, "status.readyReplicas"),
                  age_of(o),
                  containers_of(spec, "name"),
                  containers_of(spec, "image"),
                  selector_text(value_at(o, "spec.selector"))};
        }}},
      {"daemonsets.apps",
       {columns({"Name", "Desired", "Current", "Ready", "Up-to-date", "Available", "Node Selector", "Age"},
                {"Containers", "Images", "Selector"}),
        [](const Json& o) -> Json {
          const Json spec = value_at(o, "spec.template.spec");
          return {name_of(o),
                  integer_at(o, "status.desiredNumberScheduled"),
                  integer_at(o, "status.currentNumberScheduled"),
                  integer_at(o, "status.numberReady"),
                  integer_at(o, "status.updatedNumberScheduled"),
                  integer_at(o, "status.numberAvailable"),
                  selector_text(value_at(spec, "nodeSelector")),
                  age_of(o),
                  containers_of(spec, "name"),
                  containers_of(spec, "image"),
                  selector_text(value_at(o, "spec.selector"))};
        }}},
      {"jobs.batch",
       {columns({"Name", "Status", "Completions", "Duration", "Age"}, {"Containers", "Images", "Selector"}),
        job_cells}},
      {"cronjobs.batch",
       {columns({"Name", "Schedule", "Timezone", "Suspend", "Active", "Last Schedule", "Age"},
                {"Containers", "Images", "Selector"}),
        [](const Json& o) -> Json {
          const Json spec = value_at(o, "spec.jobTemplate.spec.template.spec");
          const std::string last = string_at(o, "status.lastScheduleTime");
          const std::string zone = string_at(o, "spec.timeZone");
          return {name_of(o),
                  string_at(o, "spec.schedule"),
                  or_none(zone),
                  flag_at(o, "spec.suspend") ? "True" : "False",
                  value_at(o, "status.active").size(),
                  last.empty() ? "<none>" : human_age(last),
                  age_of(o),
                  containers_of(spec, "name"),
                  containers_of(spec, "image"),
                  selector_text(value_at(o, "spec.jobTemplate.spec.selector"))};
        }}},
      {"horizontalpodautoscalers.autoscaling",
       {columns({"Name", "Reference", "Targets", "MinPods", "MaxPods", "Replicas", "Age"}),
        [](const Json& o) -> Json {
          return {name_of(o),
                  string_at(o, "spec.scaleTargetRef.kind") + "/" + string_at(o, "spec.scaleTargetRef.name"),
                  "<unknown>",
                  or_unset(value_at(o, "spec.minReplicas")),
                  integer_at(o, "spec.maxReplicas"),
                  integer_at(o, "status.currentReplicas"),
                  age_of(o)};
        }}},
      {"poddisruptionbudgets.policy",
       {columns({"Name", "Min Available", "Max Unavailable", "Allowed Disruptions", "Age"}),
        [](const Json& o) -> Json {
          const auto show = [&](const char* path) {
            const Json value = value_at(o, path);
            return value.is_null() ? "N/A" : or_unset(value);
          };
          return {name_of(o), show("spec.minAvailable"), show("spec.maxUnavailable"),
                  integer_at(o, "status.disruptionsAllowed"), age_of(o)};
        }}},
  };
}

std::map<std::string, TableFormat> cluster_tables() {
  const TableFormat events = {columns({"Last Seen", "Type", "Reason", "Object"}, {"Subobject", "Source"}),
                              event_cells};
  TableFormat event_table = events;
  event_table.columns.push_back(column("Message"));
  event_table.columns.push_back(column("First Seen", "string", 1));
  event_table.columns.push_back(column("Count", "string", 1));
  event_table.columns.push_back(column("Name", "string", 1));
  return {
      {"events", event_table},
      {"events.events.k8s.io", event_table},
      {"services",
       {columns({"Name", "Type", "Cluster-IP", "External-IP", "Port(s)", "Age"}, {"Selector"}),
        [](const Json& o) -> Json {
          return {name_of(o),
                  string_at(o, "spec.type"),
                  or_none(string_at(o, "spec.clusterIP")),
                  external_addresses(o),
                  ports_text(o),
                  age_of(o),
                  selector_text(value_at(o, "spec.selector"))};
        }}},
      {"endpoints",
       {columns({"Name", "Endpoints", "Age"}),
        [](const Json& o) -> Json {
          return {name_of(o), endpoints_text(o), age_of(o)};
        }}},
      {"persistentvolumeclaims",
       {columns({"Name", "Status", "Volume", "Capacity", "Access Modes", "StorageClass",
                 "VolumeAttributesClass", "Age"},
                {"VolumeMode"}),
        [](const Json& o) -> Json {
          const bool bound = !string_at(o, "spec.volumeName").empty();
          const std::string phase = at_path(o, "metadata.deletionTimestamp") != nullptr
                                        ? "Terminating"
                                        : string_at(o, "status.phase");
          return {name_of(o),
                  phase,
                  string_at(o, "spec.volumeName"),
                  bound ? capacity_of(o, "status.capacity.storage") : "",
                  bound ? modes_text(value_at(o, "status.accessModes")) : "",
                  string_at(o, "spec.storageClassName"),
                  or_unset(value_at(o, "spec.volumeAttributesClassName")),
                  age_of(o),
                  or_unset(value_at(o, "spec.volumeMode"))};
        }}},
      {"persistentvolumes",
       {columns({"Name", "Capacity", "Access Modes", "Reclaim Policy", "Status", "Claim", "StorageClass",
                 "VolumeAttributesClass", "Reason", "Age"},
                {"VolumeMode"}),
        [](const Json& o) -> Json {
          const std::string claim =
              at_path(o, "spec.claimRef") == nullptr
                  ? ""
                  : string_at(o, "spec.claimRef.namespace") + "/" + string_at(o, "spec.claimRef.name");
          const std::string phase = at_path(o, "metadata.deletionTimestamp") != nullptr
                                        ? "Terminating"
                                        : string_at(o, "status.phase");
          return {name_of(o),
                  capacity_of(o, "spec.capacity.storage"),
                  modes_text(value_at(o, "spec.accessModes")),
                  string_at(o, "spec.persistentVolumeReclaimPolicy"),
                  phase,
                  claim,
                  string_at(o, "spec.storageClassName"),
                  or_unset(value_at(o, "spec.volumeAttributesClassName")),
                  string_at(o, "status.reason"),
                  age_of(o),
                  or_unset(value_at(o, "spec.volumeMode"))};
        }}},
      {"storageclasses.storage.k8s.io",
       {columns({"Name", "Provisioner", "ReclaimPolicy", "VolumeBindingMode", "AllowVolumeExpansion", "Age"}),
        [](const Json& o) -> Json {
          const Json annotations = value_at(o, "metadata.annotations");
          const bool standard =
              annotations.is_object() &&
              annotations.value("storageclass.kubernetes.io/is-default-class", "") == "true";
          return {name_of(o) + (standard ? " (default)" : ""),
                  string_at(o, "provisioner"),
                  string_at(o, "reclaimPolicy"),
                  string_at(o, "volumeBindingMode"),
                  flag_at(o, "allowVolumeExpansion"),
                  age_of(o)};
        }}},
      {"namespaces",
       {columns({"Name", "Status", "Age"}),
        [](const Json& o) -> Json {
          return {name_of(o), string_at(o, "status.phase"), age_of(o)};
        }}},
      {"nodes",
       {columns({"Name", "Status", "Roles", "Age", "Version"},
                {"Internal-IP", "External-IP", "OS-Image", "Kernel-Version", "Container-Runtime"}),
        [](const Json& o) -> Json {
          return {name_of(o),
                  node_status(o),
                  node_roles(o),
                  age_of(o),
                  string_at(o, "status.nodeInfo.kubeletVersion"),
                  node_address(o, "InternalIP"),
                  node_address(o, "ExternalIP"),
                  string_at(o, "status.nodeInfo.osImage"),
                  string_at(o, "status.nodeInfo.kernelVersion"),
                  string_at(o, "status.nodeInfo.containerRuntimeVersion")};
        }}},
      {"configmaps",
       {columns({"Name", "Data", "Age"}),
        [](const Json& o) -> Json {
          return {name_of(o), value_at(o, "data").size() + value_at(o, "binaryData").size(), age_of(o)};
        }}},
      {"secrets",
       {columns({"Name", "Type", "Data", "Age"}),
        [](const Json& o) -> Json {
          return {name_of(o), string_at(o, "type"), value_at(o, "data").size(), age_of(o)};
        }}},
      {"serviceaccounts",
       {columns({"Name", "Age"}),
        [](const Json& o) -> Json {
          return {name_of(o), age_of(o)};
        }}},
      {"ingresses.networking.k8s.io",
       {columns({"Name", "Class", "Hosts", "Address", "Ports", "Age"}),
        [](const Json& o) -> Json {
          std::string address;
          for (const Json& ingress : value_at(o, "status.loadBalancer.ingress")) {
            address += (address.empty() ? "" : ",") + (string_at(ingress, "ip").empty()
                                                           ? string_at(ingress, "hostname")
                                                           : string_at(ingress, "ip"));
          }
          return {name_of(o), or_none(string_at(o, "spec.ingressClassName")),     hosts_text(o),
                  address,    value_at(o, "spec.tls").empty() ? "80" : "80, 443", age_of(o)};
        }}},
      {"networkpolicies.networking.k8s.io",
       {columns({"Name", "Pod-Selector", "Age"}),
        [](const Json& o) -> Json {
          return {name_of(o), selector_text(value_at(o, "spec.podSelector")), age_of(o)};
        }}},
      {"leases.coordination.k8s.io",
       {columns({"Name", "Holder", "Age"}),
        [](const Json& o) -> Json {
          return {name_of(o), string_at(o, "spec.holderIdentity"), age_of(o)};
        }}},
      {"priorityclasses.scheduling.k8s.io",
       {columns({"Name", "Value", "Global-Default", "Age", "PreemptionPolicy"}),
        [](const Json& o) -> Json {
          return {name_of(o), integer_at(o, "value"), flag_at(o, "globalDefault"), age_of(o),
                  string_at(o, "preemptionPolicy")};
        }}},
      {"customresourcedefinitions.apiextensions.k8s.io",
       {columns({"Name", "Created At"}),
        [](const Json& o) -> Json {
          return {name_of(o), string_at(o, "metadata.creationTimestamp")};
        }}},
      {"roles.rbac.authorization.k8s.io",
       {columns({"Name", "Created At"}),
        [](const Json& o) -> Json {
          return {name_of(o), string_at(o, "metadata.creationTimestamp")};
        }}},
      {"clusterroles.rbac.authorization.k8s.io",
       {columns({"Name", "Created At"}),
        [](const Json& o) -> Json {
          return {name_of(o), string_at(o, "metadata.creationTimestamp")};
        }}},
      {"rolebindings.rbac.authorization.k8s.io",
       {columns({"Name", "Role", "Age"}),
        [](const Json& o) -> Json {
          return {name_of(o), string_at(o, "roleRef.kind") + "/" + string_at(o, "roleRef.name"), age_of(o)};
        }}},
      {"clusterrolebindings.rbac.authorization.k8s.io",
       {columns({"Name", "Role", "Age"}),
        [](const Json& o) -> Json {
          return {name_of(o), string_at(o, "roleRef.kind") + "/" + string_at(o, "roleRef.name"), age_of(o)};
        }}},
  };
}

}  // namespace

const TableFormat* builtin_table(const std::string& group_resource) {
  static const auto tables = [] {
    auto all = workload_tables();
    all.merge(cluster_tables());
    return all;
  }();
  const auto found = tables.find(group_resource);
  return found == tables.end() ? nullptr : &found->second;
}

}  // namespace salvor::local
