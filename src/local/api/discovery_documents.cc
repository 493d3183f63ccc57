#include "local/api/discovery_documents.h"

#include <fmt/format.h>

namespace salvor::local {

namespace {

struct Group {
  std::string name;
  std::vector<std::string> versions;  // preferred first
};

std::vector<Group> groups_of(const std::vector<KindPtr>& kinds) {
  std::vector<Group> groups;
  for (const KindPtr& kind : kinds) {
    auto group =
        std::find_if(groups.begin(), groups.end(), [&](const Group& g) { return g.name == kind->group; });
    if (group == groups.end()) group = groups.insert(groups.end(), {kind->group, {}});
    if (std::find(group->versions.begin(), group->versions.end(), kind->version) == group->versions.end()) {
      group->versions.push_back(kind->version);
    }
  }
  return groups;
}

struct SubresourceInfo {
  std::string_view name;
  const char *group, *version, *kind;  // kind null: the parent's
  std::vector<std::string> verbs;
};

const std::vector<SubresourceInfo>& subresources() {
  static const std::vector<SubresourceInfo> table = {
      {"attach", "", "v1", "PodAttachOptions", {"create", "get"}},
      {"binding", "", "v1", "Binding", {"create"}},
      {"ephemeralcontainers", "", "", nullptr, {"get", "patch", "update"}},
      {"eviction", "policy", "v1", "Eviction", {"create"}},
      {"exec", "", "v1", "PodExecOptions", {"create", "get"}},
      {"finalize", "", "", nullptr, {"update"}},
      {"log", "", "", nullptr, {"get"}},
      {"scale", "autoscaling", "v1", "Scale", {"get", "patch", "update"}},
      {"status", "", "", nullptr, {"get", "patch", "update"}},
      {"token", "authentication.k8s.io", "v1", "TokenRequest", {"create"}},
  };
  return table;
}

const SubresourceInfo& subresource(std::string_view name) {
  for (const SubresourceInfo& info : subresources()) {
    if (info.name == name) return info;
  }
  return subresources().back();
}

Json resource_list(const std::vector<KindPtr>& kinds, const std::string& group, const std::string& version) {
  Json resources = Json::array();
  for (const KindPtr& kind : kinds) {
    if (kind->group != group || kind->version != version) continue;
    Json entry = {{"name", kind->plural},
                  {"singularName", kind->singular},
                  {"namespaced", kind->namespaced},
                  {"kind", kind->kind},
                  {"verbs", kind->verbs}};
    if (!kind->short_names.empty()) entry["shortNames"] = kind->short_names;
    if (!kind->categories.empty()) entry["categories"] = kind->categories;
    resources.push_back(std::move(entry));
    for (const std::string& name : kind->subresources) {
      const SubresourceInfo& info = subresource(name);
      Json sub = {
          {"name", kind->plural + "/" + name}, {"singularName", ""}, {"namespaced", kind->namespaced}};
      if (info.kind != nullptr && std::string_view(info.group) != kind->group) {
        sub["group"] = info.group;
        sub["version"] = info.version;
      }
      sub["kind"] = info.kind != nullptr ? info.kind : kind->kind;
      sub["verbs"] = info.verbs;
      resources.push_back(std::move(sub));
    }
  }
  if (resources.empty()) return nullptr;
  return {{"kind", "APIResourceList"},
          {"apiVersion", "v1"},
          {"groupVersion", group.empty() ? version : group + "/" + version},
          {"resources", resources}};
}

Json group_entry(const Group& group) {
  Json versions = Json::array();
  for (const std::string& version : group.versions) {
    versions.push_back({{"groupVersion", group.name + "/" + version}, {"version", version}});
  }
  return {{"name", group.name}, {"versions", versions}, {"preferredVersion", versions[0]}};
}

Json aggregated_resource(const Kind& kind) {
  Json entry = {{"resource", kind.plural},
                {"responseKind", {{"group", kind.group}, {"version", kind.version}, {"kind", kind.kind}}},
                {"scope", kind.namespaced ? "Namespaced" : "Cluster"},
                {"singularResource", kind.singular},
                {"verbs", kind.verbs}};
  if (!kind.short_names.empty()) entry["shortNames"] = kind.short_names;
  if (!kind.categories.empty()) entry["categories"] = kind.categories;
  Json list = Json::array();
  for (const std::string& name : kind.subresources) {
    const SubresourceInfo& info = subresource(name);
    const bool own = info.kind == nullptr;
    list.push_back({{"subresource", name},
                    {"responseKind",
                     {{"group", own ? kind.group : info.group},
                      {"version", own ? kind.version : info.version},
                      {"kind", own ? kind.kind : info.kind}}},
                    {"verbs", info.verbs}});
  }
  if (!list.empty()) entry["subresources"] = list;
  return entry;
}

Json aggregated(const std::vector<KindPtr>& kinds, bool core, const std::string& version) {
  Json items = Json::array();
  for (const Group& group : groups_of(kinds)) {
    if (group.name.empty() != core) continue;
    Json versions = Json::array();
    for (const std::string& served : group.versions) {
      Json resources = Json::array();
      for (const KindPtr& kind : kinds) {
        if (kind->group == group.name && kind->version == served)
          resources.push_back(aggregated_resource(*kind));
      }
      versions.push_back({{"version", served}, {"resources", resources}, {"freshness", "Current"}});
    }
    Json metadata = {{"creationTimestamp", nullptr}};
    if (!core) metadata["name"] = group.name;
    items.push_back({{"metadata", metadata}, {"versions", versions}});
  }
  return {{"kind", "APIGroupDiscoveryList"},
          {"apiVersion", "apidiscovery.k8s.io/" + version},
          {"metadata", Json::object()},
          {"items", items}};
}

// "v2" or "v2beta1", the newest that the client asks for, else "".
std::string aggregated_version(std::string_view accept) {
  for (const std::string_view version : {"v2", "v2beta1"}) {
    for (std::string_view rest = accept; !rest.empty();) {
      const std::string_view entry = rest.substr(0, rest.find(','));
      rest.remove_prefix(std::min(rest.size(), entry.size() + 1));
      const std::string parameters = std::string(entry) + ";";
      if (parameters.find("g=apidiscovery.k8s.io;") != std::string::npos &&
          parameters.find(fmt::format("v={};", version)) != std::string::npos) {
        return std::string(version);
      }
    }
  }
  return "";
}

}  // namespace

std::optional<Json> discovery_document(const KindRegistry& registry, const std::vector<std::string>& segments,
                                       std::string_view accept, const std::string& server_address,
                                       std::string& content_type) {
  if (segments.empty() || (segments[0] != "api" && segments[0] != "apis")) return std::nullopt;
  const auto kinds = registry.all();
  const bool core = segments[0] == "api";
  if (segments.size() == 1) {
    if (const std::string version = aggregated_version(accept); !version.empty()) {
      content_type =
          fmt::format("application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList", version);
      return aggregated(kinds, core, version);
    }
    if (core) {
      return Json{{"kind", "APIVersions"},
                  {"versions", Json::array({"v1"})},
                  {"serverAddressByClientCIDRs",
                   Json::array({{{"clientCIDR", "0.0.0.0/0"}, {"serverAddress", server_address}}})}};
    }
    Json list = Json::array();
    for (const Group& group : groups_of(kinds)) {
      if (!group.name.empty()) list.push_back(group_entry(group));
    }
    return Json{{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", list}};
  }
  Json document;
  if (core && segments.size() == 2) document = resource_list(kinds, "", segments[1]);
  if (!core && segments.size() == 3) document = resource_list(kinds, segments[1], segments[2]);
  if (!core && segments.size() == 2) {
    for (const Group& group : groups_of(kinds)) {
      if (group.name != segments[1]) continue;
      document = {{"kind", "APIGroup"}, {"apiVersion", "v1"}};
      const Json entry = group_entry(group);
      for (const auto& [key, value] : entry.items()) document[key] = value;
    }
  }
  if (document.is_null()) return std::nullopt;
  return document;
}

}  // namespace salvor::local
