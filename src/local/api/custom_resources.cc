#include "local/api/custom_resources.h"

#include <fmt/format.h>

#include <set>

#include "kube/version_order.h"
#include "local/api/json_paths.h"
#include "local/api/validation.h"

namespace salvor::local {

namespace {

constexpr const char* kStorage = "customresourcedefinitions.apiextensions.k8s.io";
constexpr const char* kCleanup = "customresourcecleanup.apiextensions.k8s.io";

KindPtr make_kind(const Json& definition, const Json& version, const std::string& stored_version,
                  bool terminating) {
  auto kind = std::make_shared<Kind>();
  kind->custom = true;
  kind->group = string_at(definition, "spec.group");
  kind->version = string_at(version, "name");
  kind->plural = string_at(definition, "spec.names.plural");
  kind->singular = string_at(definition, "spec.names.singular");
  kind->kind = string_at(definition, "spec.names.kind");
  kind->list_kind = string_at(definition, "spec.names.listKind");
  kind->namespaced = string_at(definition, "spec.scope") == "Namespaced";
  kind->verbs = {"delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"};
  for (const Json& name : value_at(definition, "spec.names.shortNames")) kind->short_names.push_back(name);
  for (const Json& name : value_at(definition, "spec.names.categories")) kind->categories.push_back(name);
  kind->storage = kind->group_resource();
  kind->stored_version = stored_version;
  kind->counts_generation = true;
  kind->terminating = terminating;
  if (flag_at(version, "deprecated")) {
    kind->deprecation = string_at(version, "deprecationWarning");
    if (kind->deprecation.empty())
      kind->deprecation = fmt::format("{} {} is deprecated", kind->api_version(), kind->kind);
  }
  if (at_path(version, "subresources.status") != nullptr) kind->subresources.push_back("status");
  if (const Json* scale = at_path(version, "subresources.scale")) {
    kind->subresources.push_back("scale");
    kind->scale_replicas = string_at(*scale, "specReplicasPath");
    kind->scale_status_replicas = string_at(*scale, "statusReplicasPath");
    kind->scale_selector = string_at(*scale, "labelSelectorPath");
  }
  kind->open_api = value_at(version, "schema.openAPIV3Schema");
  if (flag_at(definition, "spec.preserveUnknownFields") && kind->open_api.is_object()) {
    kind->open_api["x-kubernetes-preserve-unknown-fields"] = true;
  }
  kind->custom_type =
      type_from_openapi(kind->open_api.is_object() ? kind->open_api : Json::object(), kind->kind);
  kind->type = kind->custom_type.get();
  for (const Json& column : value_at(version, "additionalPrinterColumns")) {
    kind->columns.push_back({string_at(column, "name"), string_at(column, "type"),
                             string_at(column, "format"), string_at(column, "description"),
                             string_at(column, "jsonPath"),
                             static_cast<int>(integer_at(column, "priority"))});
  }
  if (kind->columns.empty()) {
    kind->columns.push_back({.name = "Age",
                             .type = "date",
                             .format = "",
                             .description = "",
                             .json_path = ".metadata.creationTimestamp"});
  }
  for (const Json& field : value_at(version, "selectableFields")) {
    kind->selectable_fields.push_back(string_at(field, "jsonPath"));
  }
  return kind;
}

std::string stored_version_of(const Json& definition) {
  for (const Json& version : value_at(definition, "spec.versions")) {
    if (flag_at(version, "storage")) return string_at(version, "name");
  }
  return "";
}

void set_condition(Json& conditions, const char* type, const char* reason, const char* message,
                   const std::string& now) {
  for (const Json& condition : conditions) {
    if (string_at(condition, "type") == type && string_at(condition, "status") == "True") return;
  }
  std::erase_if(conditions.get_ref<Json::array_t&>(),
                [&](const Json& condition) { return string_at(condition, "type") == type; });
  conditions.push_back({{"type", type},
                        {"status", "True"},
                        {"lastTransitionTime", now},
                        {"reason", reason},
                        {"message", message}});
}

}  // namespace

namespace {

// What makes a schema structural: each value has a type, each array a schema of its items.
void check_structure(const Json& schema, const std::string& at, std::vector<FailureCause>& found) {
  const bool any_type = flag_at(schema, "x-kubernetes-int-or-string") ||
                        flag_at(schema, "x-kubernetes-preserve-unknown-fields");
  const std::string type = string_at(schema, "type");
  if (type.empty() && !any_type)
    found.push_back(causes::required(at + ".type", "must not be empty for specified object fields"));
  const auto items = schema.find("items");
  if (type == "array" && (items == schema.end() || !items->is_object())) {
    found.push_back(causes::required(at + ".items", "must be specified"));
  } else if (items != schema.end() && items->is_object()) {
    check_structure(*items, at + ".items", found);
  }
  if (const auto additional = schema.find("additionalProperties");
      additional != schema.end() && additional->is_object())
    check_structure(*additional, at + ".additionalProperties", found);
  const auto properties = schema.find("properties");
  if (properties == schema.end() || !properties->is_object()) return;
  for (const auto& [name, property] : properties->items()) {
    if (property.is_object()) check_structure(property, fmt::format("{}.properties[{}]", at, name), found);
  }
}

}  // namespace

CustomResources::CustomResources(ObjectService& objects) : objects_(objects) {
  objects_.check_definition = [this](const Kind& kind, Json& definition, std::vector<FailureCause>& found) {
    check(kind, definition, found);
  };
}

void CustomResources::load() {
  objects_.store().snapshot(kStorage, "")->visit("", "", true, [&](const StoredView& row) {
    const Json definition = Json::parse(row.body);
    publish(definition, at_path(definition, "metadata.deletionTimestamp") != nullptr);
    return true;
  });
}

void CustomResources::check(const Kind&, Json& definition, std::vector<FailureCause>& found) const {
  const std::string group = string_at(definition, "spec.group"),
                    plural = string_at(definition, "spec.names.plural");
  const std::string name = string_at(definition, "metadata.name");
  if (group.empty()) found.push_back(causes::required("spec.group"));
  if (plural.empty()) found.push_back(causes::required("spec.names.plural"));
  if (string_at(definition, "spec.names.kind").empty()) found.push_back(causes::required("spec.names.kind"));
  if (!group.empty() && group.find('.') == std::string::npos) {
    found.push_back(causes::invalid("spec.group", group, "should be a domain with at least one dot"));
  }
  if (name != plural + "." + group) {
    found.push_back(causes::invalid("metadata.name", name, "must be spec.names.plural+\".\"+spec.group"));
  }
  const std::string scope = string_at(definition, "spec.scope");
  if (scope != "Namespaced" && scope != "Cluster") {
    found.push_back(causes::unsupported("spec.scope", scope, {"Cluster", "Namespaced"}));
  }
  int stored = 0;
  const Json versions = value_at(definition, "spec.versions");
  std::set<std::string> names;
  for (size_t i = 0; i < versions.size(); ++i) {
    const std::string at = fmt::format("spec.versions[{}]", i);
    stored += flag_at(versions[i], "storage") ? 1 : 0;
    if (!names.insert(string_at(versions[i], "name")).second) {
      found.push_back(causes::duplicate(at + ".name", string_at(versions[i], "name")));
    }
    const Json* schema = at_path(versions[i], "schema.openAPIV3Schema");
    if (schema == nullptr) {
      found.push_back(causes::required(at + ".schema.openAPIV3Schema", "schemas are required"));
    } else if (string_at(*schema, "type") != "object") {
      found.push_back(causes::invalid(at + ".schema.openAPIV3Schema.type", string_at(*schema, "type"),
                                      "must be object at the root"));
    } else if (!flag_at(definition, "spec.preserveUnknownFields")) {
      check_structure(*schema, at + ".schema.openAPIV3Schema", found);
    }
  }
  if (stored != 1) {
    found.push_back(
        causes::invalid("spec.versions", "", "must have exactly one version marked as storage version"));
  }
}

void CustomResources::publish(const Json& definition, bool terminating) {
  const std::string stored = stored_version_of(definition);
  std::vector<KindPtr> kinds;
  for (const Json& version : value_at(definition, "spec.versions")) {
    if (flag_at(version, "served")) kinds.push_back(make_kind(definition, version, stored, terminating));
  }
  std::stable_sort(kinds.begin(), kinds.end(), [](const KindPtr& a, const KindPtr& b) {
    return kube::is_more_stable(a->version, b->version);
  });
  objects_.kinds().set_custom(string_at(definition, "metadata.name"), std::move(kinds));
}

bool CustomResources::remove_instances(const Json& definition) {
  const std::string storage = string_at(definition, "metadata.name");
  const KindPtr kind = objects_.kinds().find_storage(storage);
  std::vector<std::pair<std::string, std::string>> names;
  objects_.store().snapshot(storage, "")->visit("", "", false, [&](const StoredView& row) {
    names.emplace_back(row.name_space, row.name);
    return true;
  });
  if (names.empty()) return true;
  if (!kind) return false;
  for (const auto& [name_space, name] : names) {
    try {
      objects_.remove(*kind, name_space, name, {});
    } catch (const ApiError& error) {
      if (error.code() != 404) throw;
    }
  }
  return objects_.store().count(storage) == 0;
}

bool CustomResources::reconcile(const std::string& name) {
  const KindPtr kind = objects_.kinds().find("apiextensions.k8s.io", "v1", "customresourcedefinitions");
  const auto found = objects_.find(*kind, "", name);
  if (!found) {
    objects_.kinds().set_custom(name, {});
    return false;
  }
  const bool going = at_path(*found, "metadata.deletionTimestamp") != nullptr;
  publish(*found, going);
  bool emptied = false;
  if (going) {
    const Json finalizers = value_at(*found, "metadata.finalizers");
    if (std::find(finalizers.begin(), finalizers.end(), kCleanup) == finalizers.end()) return false;
    emptied = remove_instances(*found);
    if (!emptied) return true;
  }
  objects_.update(*kind, "", name, "internal",
                  [&](const Json& current) {
                    Json result = current;
                    if (emptied) {
                      std::erase(result["metadata"]["finalizers"].get_ref<Json::array_t&>(), Json(kCleanup));
                      return result;
                    }
                    Json& finalizers = make_path(result, "metadata.finalizers");
                    if (!finalizers.is_array()) finalizers = Json::array();
                    if (std::find(finalizers.begin(), finalizers.end(), kCleanup) == finalizers.end()) {
                      finalizers.push_back(kCleanup);
                    }
                    const std::string now = base::format_rfc3339(objects_.clock().now());
                    Json& conditions = make_path(result, "status.conditions");
                    if (!conditions.is_array()) conditions = Json::array();
                    set_condition(conditions, "NamesAccepted", "NoConflicts", "no conflicts found", now);
                    set_condition(conditions, "Established", "InitialNamesAccepted",
                                  "the initial names have been accepted", now);
                    set_path(result, "status.acceptedNames", value_at(result, "spec.names"));
                    Json& versions = make_path(result, "status.storedVersions");
                    if (!versions.is_array()) versions = Json::array();
                    const std::string stored = stored_version_of(result);
                    if (std::find(versions.begin(), versions.end(), stored) == versions.end())
                      versions.push_back(stored);
                    return result;
                  },
                  {});
  if (emptied) objects_.kinds().set_custom(name, {});
  return false;
}

}  // namespace salvor::local
