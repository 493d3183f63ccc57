#include "local/api/object_selector.h"

#include "base/error.h"
#include "base/text.h"
#include "local/api/api_error.h"

namespace salvor::local {

namespace {

constexpr char kBetween = '\x1f';  // after a key
constexpr char kEnd = '\x1e';      // after a value

struct SelectableFields {
  std::string_view storage;
  std::vector<std::string_view> fields;
};

// Besides metadata.name and metadata.namespace, which every kind has.
const std::vector<SelectableFields>& selectable() {
  static const std::vector<SelectableFields> table = {
      {"pods",
       {"spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName",
        "spec.hostNetwork", "status.phase", "status.podIP", "status.nominatedNodeName"}},
      {"events",
       {"involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
        "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason",
        "reportingComponent", "source", "type"}},
      {"namespaces", {"status.phase"}},
      {"nodes", {"spec.unschedulable"}},
      {"secrets", {"type"}},
      {"services", {"spec.clusterIP", "spec.type"}},
      {"replicationcontrollers", {"status.replicas"}},
      {"replicasets.apps", {"status.replicas"}},
      {"jobs.batch", {"status.successful"}},
  };
  return table;
}

// The keys that a selector may use and where their values are in the stored form.
std::vector<std::string> selectable_keys(const Kind& kind) {
  std::vector<std::string> keys;
  for (const std::string& path : kind.selectable_fields)
    keys.push_back(path.substr(path.starts_with('.') ? 1 : 0));
  for (const auto& entry : selectable()) {
    if (entry.storage == kind.storage) keys.insert(keys.end(), entry.fields.begin(), entry.fields.end());
  }
  return keys;
}

std::string value_at(const Json& object, const std::string& key) {
  const Json* at = &object;
  if (key == "source") at = codec::find(object, {"source", "component"});
  if (key == "status.successful") at = codec::find(object, {"status", "succeeded"});
  if (at == &object) {
    for (const std::string& part : base::split(key, '.')) {
      at = at->is_object() && at->contains(part) ? &(*at)[part] : nullptr;
      if (at == nullptr) break;
    }
  }
  if (at == nullptr || at->is_null()) {
    if (key == "spec.unschedulable" || key == "spec.hostNetwork") return "false";
    if (key == "status.replicas" || key == "status.successful") return "0";
    return "";
  }
  return at->is_string() ? at->get<std::string>() : at->dump();
}

std::string_view value_in(std::string_view text, std::string_view key) {
  size_t at = 0;
  while (at < text.size()) {
    const size_t between = text.find(kBetween, at);
    const size_t end = text.find(kEnd, between);
    if (between == std::string_view::npos || end == std::string_view::npos) break;
    if (text.substr(at, between - at) == key) return text.substr(between + 1, end - between - 1);
    at = end + 1;
  }
  return {};
}

// What events.k8s.io calls the fields of core events.
std::string stored_key(const std::string& key) {
  if (key.starts_with("regarding.")) return "involvedObject." + key.substr(10);
  if (key == "reportingController") return "reportingComponent";
  return key;
}

}  // namespace

std::string labels_text(const Json& object) {
  std::string text;
  const Json* labels = codec::find(object, {"metadata", "labels"});
  if (labels == nullptr || !labels->is_object()) return text;
  for (const auto& [key, value] : labels->items()) {
    if (value.is_string()) text += key + kBetween + value.get<std::string>() + kEnd;
  }
  return text;
}

std::string fields_text(const Kind& kind, const Json& object) {
  std::string text;
  for (const std::string& key : selectable_keys(kind)) text += key + kBetween + value_at(object, key) + kEnd;
  return text;
}

ObjectSelector::ObjectSelector(const Kind& kind, std::string_view label_selector,
                               std::string_view field_selector) {
  try {
    labels_ = kube::LabelSelector::parse(label_selector);
  } catch (const base::Error& error) {
    throw api_errors::bad_request("unable to parse requirement: " + error.message());
  }
  const auto known = selectable_keys(kind);
  for (const std::string& term : base::split(field_selector, ',')) {
    if (term.empty()) continue;
    Field field;
    const size_t sign = term.find_first_of("!=");
    if (sign == std::string::npos) {
      throw api_errors::bad_request(
          fmt::format("invalid selector: '{}'; can't understand '{}'", field_selector, term));
    }
    field.key = stored_key(std::string(base::trim(term.substr(0, sign))));
    field.equal = term[sign] == '=';
    size_t value = sign + 1;
    if (value < term.size() && term[value] == '=') ++value;
    field.value = term.substr(value);
    if (field.key != "metadata.name" && field.key != "metadata.namespace" &&
        std::find(known.begin(), known.end(), field.key) == known.end()) {
      throw api_errors::bad_request(fmt::format("field label not supported: {}", field.key));
    }
    fields_.push_back(std::move(field));
  }
}

bool ObjectSelector::matches(std::string_view labels, std::string_view fields, std::string_view name_space,
                             std::string_view name) const {
  for (const Field& field : fields_) {
    const std::string_view value = field.key == "metadata.name"        ? name
                                   : field.key == "metadata.namespace" ? name_space
                                                                       : value_in(fields, field.key);
    if ((value == field.value) != field.equal) return false;
  }
  if (labels_.empty()) return true;
  std::map<std::string, std::string> parsed;
  while (!labels.empty()) {
    const size_t between = labels.find(kBetween);
    const size_t end = labels.find(kEnd);
    parsed.emplace(labels.substr(0, between), labels.substr(between + 1, end - between - 1));
    labels.remove_prefix(end + 1);
  }
  return labels_.matches(parsed);
}

std::string ObjectSelector::single_name() const {
  for (const Field& field : fields_) {
    if (field.key == "metadata.name" && field.equal) return field.value;
  }
  return "";
}

}  // namespace salvor::local
