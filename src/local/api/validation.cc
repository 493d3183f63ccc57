#include "local/api/validation.h"

#include <fmt/format.h>

#include "base/text.h"
#include "local/api/json_paths.h"

namespace salvor::local {

namespace {

constexpr const char* kSubdomainRule =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
    "start "
    "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
constexpr const char* kLabelRule =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start "
    "and end "
    "with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
constexpr const char* kServiceNameRule =
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
    "character, "
    "and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
    "'[a-z]([-a-z0-9]*[a-z0-9])?')";
constexpr const char* kQualifiedRule =
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
constexpr const char* kLabelValueRule =
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
    "start "
    "and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for "
    "validation "
    "is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

bool lower_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
bool alnum(char c) {
  return lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

bool plain_name(std::string_view name) {
  if (name.empty() || name.size() > 63 || !alnum(name.front()) || !alnum(name.back())) return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return alnum(c) || c == '-' || c == '_' || c == '.'; });
}

using Causes = std::vector<FailureCause>;

void validate_name(const Kind& kind, const std::string& name, Causes& found) {
  const std::string field = "metadata.name";
  if (name.empty()) {
    found.push_back(causes::required(field, "name or generateName is required"));
    return;
  }
  if (kind.group == "rbac.authorization.k8s.io") {
    if (name == "." || name == ".." || name.find('/') != std::string::npos ||
        name.find('%') != std::string::npos) {
      found.push_back(causes::invalid(field, name, "may not contain '/' or '%', or be '.' or '..'"));
    }
    return;
  }
  if (kind.storage == "namespaces") {
    if (!is_dns_label(name)) found.push_back(causes::invalid(field, name, kLabelRule));
  } else if (kind.storage == "services") {
    if (!is_dns_label(name)) found.push_back(causes::invalid(field, name, kServiceNameRule));
  } else if (!is_dns_subdomain(name)) {
    found.push_back(causes::invalid(field, name, kSubdomainRule));
  }
}

void validate_maps(const Json& metadata, Causes& found) {
  if (const Json* labels = at_path(metadata, "labels"); labels != nullptr && labels->is_object()) {
    for (const auto& [key, value] : labels->items()) {
      if (!is_qualified_name(key)) found.push_back(causes::invalid("metadata.labels", key, kQualifiedRule));
      if (!value.is_string() || !is_label_value(value.get<std::string>())) {
        found.push_back(causes::invalid("metadata.labels", value, kLabelValueRule));
      }
    }
  }
  const Json* annotations = at_path(metadata, "annotations");
  if (annotations == nullptr || !annotations->is_object()) return;
  size_t total = 0;
  for (const auto& [key, value] : annotations->items()) {
    if (!is_qualified_name(base::to_lower(key))) {
      found.push_back(causes::invalid("metadata.annotations", key, kQualifiedRule));
    }
    total += key.size() + (value.is_string() ? value.get_ref<const std::string&>().size() : 0);
  }
  if (total > 256 * 1024) {
    found.push_back(
        {"FieldValueTooLong", "Too long: may not be more than 262144 bytes", "metadata.annotations"});
  }
}

void validate_owners(const Json& metadata, Causes& found) {
  const Json* owners = at_path(metadata, "ownerReferences");
  if (owners == nullptr || !owners->is_array()) return;
  int controllers = 0;
  for (const Json& owner : *owners) {
    for (const char* name : {"apiVersion", "kind", "name", "uid"}) {
      if (string_at(owner, name).empty()) {
        found.push_back(
            causes::invalid(fmt::format("metadata.ownerReferences.{}", name), "", "must not be empty"));
      }
    }
    controllers += flag_at(owner, "controller") ? 1 : 0;
  }
  if (controllers > 1) {
    found.push_back(causes::invalid("metadata.ownerReferences", *owners,
                                    "Only one reference can have Controller set to true"));
  }
}

bool selects(const Json& selector, const Json& labels) {
  const Json* match = at_path(selector, "matchLabels");
  if (match == nullptr || !match->is_object()) return true;
  return std::all_of(match->items().begin(), match->items().end(), [&](const auto& item) {
    return labels.is_object() && labels.contains(item.key()) && labels[item.key()] == item.value();
  });
}

void validate_pod_spec(const Json& spec, const std::string& path, Causes& found) {
  const Json containers = value_at(spec, "containers");
  if (!containers.is_array() || containers.empty()) {
    found.push_back(causes::required(path + ".containers"));
    return;
  }
  std::vector<std::string> volumes, names;
  const Json volume_list = value_at(spec, "volumes");
  for (size_t i = 0; i < volume_list.size(); ++i) {
    const std::string name = string_at(volume_list[i], "name");
    if (std::find(volumes.begin(), volumes.end(), name) != volumes.end()) {
      found.push_back(causes::duplicate(fmt::format("{}.volumes[{}].name", path, i), name));
    }
    volumes.push_back(name);
  }
  for (const char* list : {"initContainers", "containers"}) {
    const Json items = value_at(spec, list);
    for (size_t i = 0; i < items.size(); ++i) {
      const std::string at = fmt::format("{}.{}[{}]", path, list, i);
      const std::string name = string_at(items[i], "name");
      if (name.empty()) {
        found.push_back(causes::required(at + ".name"));
      } else if (!is_dns_label(name)) {
        found.push_back(causes::invalid(at + ".name", name, kLabelRule));
      } else if (std::find(names.begin(), names.end(), name) != names.end()) {
        found.push_back(causes::duplicate(at + ".name", name));
      }
      names.push_back(name);
      if (string_at(items[i], "image").empty()) found.push_back(causes::required(at + ".image"));
      const Json mounts = value_at(items[i], "volumeMounts");
      for (size_t m = 0; m < mounts.size(); ++m) {
        const std::string volume = string_at(mounts[m], "name");
        if (std::find(volumes.begin(), volumes.end(), volume) == volumes.end()) {
          found.push_back({"FieldValueNotFound", fmt::format("Not found: \"{}\"", volume),
                           fmt::format("{}.volumeMounts[{}].name", at, m)});
        }
      }
    }
  }
  const std::string restart = string_at(spec, "restartPolicy");
  if (restart != "Always" && restart != "OnFailure" && restart != "Never") {
    found.push_back(causes::unsupported(path + ".restartPolicy", restart, {"Always", "OnFailure", "Never"}));
  }
}

void validate_workload(const Json& object, Causes& found) {
  const Json selector = value_at(object, "spec.selector");
  const Json labels = value_at(object, "spec.template.metadata.labels");
  if (selector.is_null()) {
    found.push_back(causes::required("spec.selector"));
  } else if (same_meaning(selector, Json::object())) {
    found.push_back(causes::invalid("spec.selector", selector, "empty selector is invalid for deployment"));
  } else if (!selects(selector, labels)) {
    found.push_back(causes::invalid("spec.template.metadata.labels", labels,
                                    "`selector` does not match template `labels`"));
  }
  if (integer_at(object, "spec.replicas") < 0) {
    found.push_back(causes::invalid("spec.replicas", integer_at(object, "spec.replicas"),
                                    "must be greater than or equal to 0"));
  }
  // Mounts of a stateful set may name its claim templates.
  Json template_spec = value_at(object, "spec.template.spec");
  const Json claims = value_at(object, "spec.volumeClaimTemplates");
  for (const Json& claim : claims) {
    template_spec["volumes"].push_back({{"name", string_at(claim, "metadata.name")}});
  }
  validate_pod_spec(template_spec, "spec.template.spec", found);
  if (string_at(object, "spec.template.spec.restartPolicy") != "Always") {
    found.push_back(causes::unsupported("spec.template.spec.restartPolicy",
                                        string_at(object, "spec.template.spec.restartPolicy"), {"Always"}));
  }
}

void validate_job(const Json& template_spec, const std::string& path, Causes& found) {
  validate_pod_spec(template_spec, path, found);
  const std::string restart = string_at(template_spec, "restartPolicy");
  if (restart == "Always") {
    found.push_back(causes::unsupported(path + ".restartPolicy", restart, {"OnFailure", "Never"}));
  }
}

void validate_claim(const Json& spec, Causes& found) {
  const Json modes = value_at(spec, "accessModes");
  if (modes.empty())
    found.push_back(causes::required("spec.accessModes", "at least 1 access mode is required"));
  for (const Json& mode : modes) {
    static const std::vector<std::string> known = {"ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce",
                                                   "ReadWriteOncePod"};
    if (std::find(known.begin(), known.end(), mode.get<std::string>()) == known.end()) {
      found.push_back(causes::unsupported("spec.accessModes", mode, known));
    }
  }
  if (at_path(spec, "resources.requests.storage") == nullptr) {
    found.push_back(causes::required("spec.resources[storage]"));
  }
}

void validate_volume(const Json& spec, Causes& found) {
  if (value_at(spec, "accessModes").empty()) found.push_back(causes::required("spec.accessModes"));
  if (at_path(spec, "capacity.storage") == nullptr) found.push_back(causes::required("spec.capacity"));
  int sources = 0;
  for (const FieldSchema& field : find_builtin_type("core.PersistentVolumeSpec")->fields) {
    if (field.type != nullptr && field.type->name.ends_with("Source") && spec.contains(field.name)) ++sources;
  }
  if (sources == 0) found.push_back(causes::required("spec", "must specify a volume type"));
  if (sources > 1) found.push_back(causes::forbidden("spec", "may not specify more than 1 volume type"));
  if (spec.contains("local") && !spec.contains("nodeAffinity")) {
    found.push_back(causes::required("spec.nodeAffinity", "Local volume requires node affinity"));
  }
}

void validate_service(const Json& spec, Causes& found) {
  const std::string type = string_at(spec, "type");
  static const std::vector<std::string> types = {"ClusterIP", "ExternalName", "LoadBalancer", "NodePort"};
  if (std::find(types.begin(), types.end(), type) == types.end()) {
    found.push_back(causes::unsupported("spec.type", type, types));
  }
  const Json ports = value_at(spec, "ports");
  if (ports.empty() && type != "ExternalName" && string_at(spec, "clusterIP") != "None") {
    found.push_back(causes::required("spec.ports"));
  }
  if (type == "ExternalName" && string_at(spec, "externalName").empty()) {
    found.push_back(causes::required("spec.externalName"));
  }
  std::vector<std::string> names;
  for (size_t i = 0; i < ports.size(); ++i) {
    const std::string name = string_at(ports[i], "name");
    const std::string at = fmt::format("spec.ports[{}]", i);
    if (name.empty() && ports.size() > 1) found.push_back(causes::required(at + ".name"));
    if (!name.empty() && std::find(names.begin(), names.end(), name) != names.end()) {
      found.push_back(causes::duplicate(at + ".name", name));
    }
    names.push_back(name);
    const std::int64_t port = integer_at(ports[i], "port");
    if (port < 1 || port > 65535) {
      found.push_back(causes::invalid(at + ".port", port, "must be between 1 and 65535, inclusive"));
    }
  }
}

// `encoded` is the member whose values are in base64.
void validate_data(const Json& object, const std::string& encoded, Causes& found) {
  constexpr size_t kMost = size_t{1} << 20;
  size_t total = 0;
  for (const std::string map : {"data", "binaryData"}) {
    const auto data = object.find(map);
    if (data == object.end() || !data->is_object()) continue;
    for (const auto& [key, value] : data->items()) {
      if (value.is_string()) {
        const size_t size = value.get_ref<const std::string&>().size();
        total += map == encoded ? size / 4 * 3 : size;
      }
      const bool fine = !key.empty() && key.size() <= 253 && key != "." && key != ".." &&
                        std::all_of(key.begin(), key.end(),
                                    [](char c) { return alnum(c) || c == '-' || c == '_' || c == '.'; });
      if (!fine) {
        found.push_back(
            causes::invalid(fmt::format("{}[{}]", map, key), key,
                            "a valid config key must consist of alphanumeric characters, '-', '_' or '.' "
                            "(e.g. 'key.name',  or "
                            "'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"));
      }
    }
  }
  if (total > kMost)
    found.push_back({"FieldValueTooLong", fmt::format("Too long: may not be more than {} bytes", kMost),
                     encoded == "data" ? "data" : "[]"});
}

using Validate = void (*)(const Json&, Causes&);

const std::map<std::string, Validate>& validators() {
  static const std::map<std::string, Validate> table = {
      {"pods",
       [](const Json& object, Causes& found) { validate_pod_spec(value_at(object, "spec"), "spec", found); }},
      {"deployments.apps", validate_workload},
      {"statefulsets.apps", validate_workload},
      {"daemonsets.apps", validate_workload},
      {"replicasets.apps", validate_workload},
      {"jobs.batch",
       [](const Json& object, Causes& found) {
         validate_job(value_at(object, "spec.template.spec"), "spec.template.spec", found);
       }},
      {"cronjobs.batch",
       [](const Json& object, Causes& found) {
         if (string_at(object, "spec.schedule").empty()) found.push_back(causes::required("spec.schedule"));
         validate_job(value_at(object, "spec.jobTemplate.spec.template.spec"),
                      "spec.jobTemplate.spec.template.spec", found);
       }},
      {"persistentvolumeclaims",
       [](const Json& object, Causes& found) { validate_claim(value_at(object, "spec"), found); }},
      {"persistentvolumes",
       [](const Json& object, Causes& found) { validate_volume(value_at(object, "spec"), found); }},
      {"services",
       [](const Json& object, Causes& found) { validate_service(value_at(object, "spec"), found); }},
      {"secrets", [](const Json& object, Causes& found) { validate_data(object, "data", found); }},
      {"configmaps", [](const Json& object, Causes& found) { validate_data(object, "binaryData", found); }},
  };
  return table;
}

}  // namespace

bool is_dns_label(std::string_view name) {
  if (name.empty() || name.size() > 63 || !lower_alnum(name.front()) || !lower_alnum(name.back()))
    return false;
  return std::all_of(name.begin(), name.end(), [](char c) { return lower_alnum(c) || c == '-'; });
}

bool is_dns_subdomain(std::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  while (true) {
    const size_t dot = name.find('.');
    const std::string_view part = name.substr(0, dot);
    if (part.empty() || !lower_alnum(part.front()) || !lower_alnum(part.back()) ||
        !std::all_of(part.begin(), part.end(), [](char c) { return lower_alnum(c) || c == '-'; })) {
      return false;
    }
    if (dot == std::string_view::npos) return true;
    name.remove_prefix(dot + 1);
  }
}

bool is_qualified_name(std::string_view name) {
  const size_t slash = name.find('/');
  if (slash == std::string_view::npos) return plain_name(name);
  return is_dns_subdomain(name.substr(0, slash)) && plain_name(name.substr(slash + 1));
}

bool is_label_value(std::string_view value) {
  return value.empty() || plain_name(value);
}

void validate_metadata(const Kind& kind, const Json& object, Causes& found) {
  const Json metadata = value_at(object, "metadata");
  validate_name(kind, string_at(metadata, "name"), found);
  validate_maps(metadata, found);
  validate_owners(metadata, found);
  for (const Json& finalizer : value_at(metadata, "finalizers")) {
    if (!finalizer.is_string() || !is_qualified_name(finalizer.get<std::string>())) {
      found.push_back(causes::invalid("metadata.finalizers", finalizer, kQualifiedRule));
    }
  }
}

void validate_object(const Kind& kind, const Json& object, Causes& found) {
  const auto validator = validators().find(kind.storage);
  if (!kind.custom && validator != validators().end()) validator->second(object, found);
}

}  // namespace salvor::local
