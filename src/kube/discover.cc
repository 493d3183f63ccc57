#include "kube/discover.h"

#include <algorithm>

#include "base/text.h"

namespace salvor::kube {

using base::Error;
using base::ErrorCode;
using codec::find;
using codec::get_string;

namespace {

using Groups = std::vector<Client::DiscoveredGroup>;
using OnFailure = std::function<void(const std::string&, const Error&)>;

const char* const kAggregated =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

Json get_json(Transport& transport, const std::string& path, const std::string& accept,
              const base::CancelToken& cancel) {
  ApiRequest request;
  request.patient = false;
  request.path = path;
  request.accept = accept;
  return codec::parse_json(transport.require(request, cancel).body, path);
}

const Json& array_at(const Json& object, std::string_view name) {
  static const Json empty = Json::array();
  const auto* found = find(object, {name});
  return found && found->is_array() ? *found : empty;
}

std::vector<std::string> strings_at(const Json& object, std::string_view name) {
  std::vector<std::string> result;
  for (const auto& value : array_at(object, name))
    if (value.is_string()) result.push_back(value.get<std::string>());
  return result;
}

std::string joined(const std::string& group, const std::string& version) {
  return group.empty() ? version : group + "/" + version;
}

void add_aggregated(const Json& document, Groups& groups, const OnFailure& on_failure) {
  for (const auto& item : array_at(document, "items")) {
    Client::DiscoveredGroup group{get_string(item, {"metadata", "name"}), "", {}};
    for (const auto& version : array_at(item, "versions")) {
      const auto name = get_string(version, {"version"});
      if (get_string(version, {"freshness"}) == "Stale" && on_failure)
        on_failure(joined(group.group, name),
                   Error(ErrorCode::kUnavailable, "the server's discovery of it is stale", true));
      if (array_at(version, "resources").empty()) continue;
      if (group.preferred_version.empty()) group.preferred_version = name;
      for (const auto& resource : array_at(version, "resources")) {
        ApiResource result;
        result.gvr = {group.group, name, get_string(resource, {"resource"})};
        result.kind = get_string(resource, {"responseKind", "kind"});
        result.singular = get_string(resource, {"singularResource"});
        result.short_names = strings_at(resource, "shortNames");
        result.verbs = strings_at(resource, "verbs");
        result.namespaced = get_string(resource, {"scope"}) == "Namespaced";
        group.resources.push_back(std::move(result));
      }
    }
    if (!group.resources.empty()) groups.push_back(std::move(group));
  }
}

void add_resources(const Json& list, const std::string& group_name, const std::string& version,
                   std::vector<ApiResource>& into) {
  for (const auto& resource : array_at(list, "resources")) {
    const auto name = get_string(resource, {"name"});
    if (name.empty() || name.find('/') != std::string::npos) continue;
    ApiResource result;
    result.gvr = {group_name, version, name};
    result.kind = get_string(resource, {"kind"});
    result.singular = get_string(resource, {"singularName"});
    result.short_names = strings_at(resource, "shortNames");
    result.verbs = strings_at(resource, "verbs");
    const auto* namespaced = find(resource, {"namespaced"});
    result.namespaced = namespaced && *namespaced == true;
    into.push_back(std::move(result));
  }
}

// One request per version.
void add_versions(Transport& transport, const std::string& prefix, Client::DiscoveredGroup group,
                  std::vector<std::string> versions, Groups& groups, const OnFailure& on_failure,
                  const base::CancelToken& cancel) {
  std::stable_partition(versions.begin(), versions.end(),
                        [&](const std::string& version) { return version == group.preferred_version; });
  for (const auto& version : versions) {
    try {
      add_resources(get_json(transport, prefix + "/" + version, "application/json", cancel), group.group,
                    version, group.resources);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kCancelled) throw;
      if (on_failure) on_failure(joined(group.group, version), error);
    }
  }
  if (!group.resources.empty()) groups.push_back(std::move(group));
}

void discover_core(Transport& transport, Groups& groups, const OnFailure& on_failure,
                   const base::CancelToken& cancel) {
  const auto document = get_json(transport, "/api", kAggregated, cancel);
  if (get_string(document, {"kind"}) == "APIGroupDiscoveryList")
    return add_aggregated(document, groups, on_failure);
  const auto versions = strings_at(document, "versions");
  if (!versions.empty())
    add_versions(transport, "/api", {"", versions.front(), {}}, versions, groups, on_failure, cancel);
}

void discover_named(Transport& transport, Groups& groups, const OnFailure& on_failure,
                    const base::CancelToken& cancel) {
  const auto document = get_json(transport, "/apis", kAggregated, cancel);
  if (get_string(document, {"kind"}) == "APIGroupDiscoveryList")
    return add_aggregated(document, groups, on_failure);
  for (const auto& group : array_at(document, "groups")) {
    const auto name = get_string(group, {"name"});
    std::vector<std::string> versions;
    for (const auto& version : array_at(group, "versions"))
      versions.push_back(get_string(version, {"version"}));
    add_versions(transport, "/apis/" + name, {name, get_string(group, {"preferredVersion", "version"}), {}},
                 std::move(versions), groups, on_failure, cancel);
  }
}

}  // namespace

Groups discover_groups(Transport& transport, const OnFailure& on_failure, const base::CancelToken& cancel) {
  Groups groups;
  discover_core(transport, groups, on_failure, cancel);
  discover_named(transport, groups, on_failure, cancel);
  return groups;
}

}  // namespace salvor::kube
