#include "restore/target_cluster_test_support.h"

#include <set>

#include "base/text.h"
#include "kube/selector.h"
#include "net/url.h"

namespace salvor::restore {
namespace {

using codec::Json;

const Json kVerbs = {"create", "delete", "get", "list", "patch", "update", "watch"};

std::string root_of(const kube::GroupVersionResource& gvr) {
  return (gvr.group.empty() ? "/api/" : "/apis/") + gvr.api_version();
}

Json status_json(int code, const std::string& reason, const std::string& message) {
  return {{"kind", "Status"},   {"apiVersion", "v1"}, {"status", "Failure"},
          {"message", message}, {"reason", reason},   {"code", code}};
}

std::string selector_of(const net::ServerRequest& request) {
  for (const auto& [key, value] : net::parse_query(request.query)) {
    if (key == "labelSelector") return value;
  }
  return "";
}

}  // namespace

TargetCluster::TargetCluster() {
  add_kind({"", "v1", "namespaces"}, "Namespace", false);
  add_kind({"", "v1", "persistentvolumes"}, "PersistentVolume", false);
  for (const auto& [plural, kind] :
       std::map<std::string, std::string>{{"configmaps", "ConfigMap"},
                                          {"secrets", "Secret"},
                                          {"pods", "Pod"},
                                          {"services", "Service"},
                                          {"serviceaccounts", "ServiceAccount"},
                                          {"persistentvolumeclaims", "PersistentVolumeClaim"},
                                          {"endpoints", "Endpoints"},
                                          {"events", "Event"}})
    add_kind({"", "v1", plural}, kind, true);
  add_kind({"apps", "v1", "deployments"}, "Deployment", true);
  add_kind({"apps", "v1", "statefulsets"}, "StatefulSet", true);
  add_kind({"apps", "v1", "replicasets"}, "ReplicaSet", true);
  add_kind({"apps", "v1", "controllerrevisions"}, "ControllerRevision", true);
  add_kind({"batch", "v1", "jobs"}, "Job", true);
  add_kind({"batch", "v1", "cronjobs"}, "CronJob", true);
  add_kind({"discovery.k8s.io", "v1", "endpointslices"}, "EndpointSlice", true);
  add_kind({"storage.k8s.io", "v1", "storageclasses"}, "StorageClass", false);
  add_kind({"rbac.authorization.k8s.io", "v1", "roles"}, "Role", true);
  add_kind({"rbac.authorization.k8s.io", "v1", "rolebindings"}, "RoleBinding", true);
  add_kind({"rbac.authorization.k8s.io", "v1", "clusterroles"}, "ClusterRole", false);
  add_kind({"rbac.authorization.k8s.io", "v1", "clusterrolebindings"}, "ClusterRoleBinding", false);
  add_kind({"apiextensions.k8s.io", "v1", "customresourcedefinitions"}, "CustomResourceDefinition", false);
  add_kind({"velero.io", "v1", "podvolumerestores"}, "PodVolumeRestore", true);
  server_ = std::make_unique<net::HttpServer>(
      net::ServerOptions{},
      [this](const net::ServerRequest& request, net::ServerReply& reply) { handle(request, reply); });
  kube::Connection connection;
  connection.server = "http://127.0.0.1:" + std::to_string(server_->port());
  kube::ClientOptions options;
  options.retry = {.attempts = 3,
                   .first_delay = std::chrono::milliseconds(2),
                   .longest_delay = std::chrono::milliseconds(10)};
  client_ = std::make_unique<kube::Client>(std::move(connection), std::move(options));
}

TargetCluster::~TargetCluster() {
  server_.reset();
}

void TargetCluster::add_kind(kube::GroupVersionResource gvr, std::string kind, bool namespaced) {
  std::lock_guard lock(mutex_);
  kinds_.push_back({std::move(gvr), std::move(kind), namespaced});
}

void TargetCluster::add(const kube::GroupVersionResource& gvr, Json object) {
  std::lock_guard lock(mutex_);
  object["metadata"]["uid"] = "uid-" + std::to_string(++uids_);
  kube::ObjectName name{kube::namespace_of(object), kube::name_of(object)};
  objects_[gvr.group_resource()][std::move(name)] = std::move(object);
}

void TargetCluster::answer(Script script) {
  std::lock_guard lock(mutex_);
  script_ = std::move(script);
}

std::optional<Json> TargetCluster::find(const kube::GroupVersionResource& gvr,
                                        const kube::ObjectName& name) const {
  std::lock_guard lock(mutex_);
  const auto kind = objects_.find(gvr.group_resource());
  if (kind == objects_.end()) return std::nullopt;
  const auto object = kind->second.find(name);
  return object == kind->second.end() ? std::nullopt : std::optional(object->second);
}

std::vector<Json> TargetCluster::all(const kube::GroupVersionResource& gvr) const {
  std::lock_guard lock(mutex_);
  std::vector<Json> found;
  if (const auto kind = objects_.find(gvr.group_resource()); kind != objects_.end()) {
    for (const auto& [name, object] : kind->second) found.push_back(object);
  }
  return found;
}

std::vector<std::string> TargetCluster::writes() const {
  std::lock_guard lock(mutex_);
  return writes_;
}

bool TargetCluster::discover(const std::string& path, net::ServerReply& reply) const {
  std::lock_guard lock(mutex_);
  const auto send = [&](const Json& body) {
    reply.send(200, {{"Content-Type", "application/json"}}, codec::to_json(body));
    return true;
  };
  if (path == "/api") return send({{"kind", "APIVersions"}, {"versions", {"v1"}}});
  if (path == "/apis") {
    std::map<std::string, Json> groups;
    for (const Kind& kind : kinds_) {
      if (kind.gvr.group.empty()) continue;
      const Json version{{"groupVersion", kind.gvr.api_version()}, {"version", kind.gvr.version}};
      Json& group = groups[kind.gvr.group];
      if (group.is_null())
        group = {{"name", kind.gvr.group}, {"versions", Json::array()}, {"preferredVersion", version}};
      auto& versions = group["versions"];
      if (std::find(versions.begin(), versions.end(), version) == versions.end()) versions.push_back(version);
    }
    Json list = Json::array();
    for (auto& [name, group] : groups) list.push_back(std::move(group));
    return send({{"kind", "APIGroupList"}, {"groups", std::move(list)}});
  }
  Json resources = Json::array();
  for (const Kind& kind : kinds_) {
    if (root_of(kind.gvr) == path)
      resources.push_back({{"name", kind.gvr.resource},
                           {"singularName", base::to_lower(kind.kind)},
                           {"namespaced", kind.namespaced},
                           {"kind", kind.kind},
                           {"verbs", kVerbs}});
  }
  return !resources.empty() && send({{"kind", "APIResourceList"}, {"resources", std::move(resources)}});
}

std::optional<TargetCluster::Path> TargetCluster::parse(const std::string& path) const {
  std::lock_guard lock(mutex_);
  for (const Kind& kind : kinds_) {
    const std::string root = root_of(kind.gvr) + "/";
    if (!path.starts_with(root)) continue;
    auto parts = base::split(path.substr(root.size()), '/');
    Path result{kind, {}, ""};
    if (kind.namespaced && parts.size() >= 3 && parts[0] == "namespaces") {
      result.name.name_space = parts[1];
      parts.erase(parts.begin(), parts.begin() + 2);
    }
    if (parts[0] != kind.gvr.resource) continue;
    if (parts.size() > 3 || (parts.size() > 2 && parts[2] != "status")) continue;
    if (parts.size() > 1) result.name.name = net::percent_decode(parts[1]);
    if (parts.size() > 2) result.subresource = parts[2];
    return result;
  }
  return std::nullopt;
}

std::pair<int, Json> TargetCluster::carry_out(const net::ServerRequest& request, const Path& path) {
  const std::string group_resource = path.kind.gvr.group_resource();
  if (request.method == "POST") {
    Json object = codec::parse_json(request.body, "object");
    const kube::ObjectName name{path.name.name_space, kube::name_of(object)};
    if (find(path.kind.gvr, name))
      return {409,
              status_json(409, "AlreadyExists", group_resource + " \"" + name.name + "\" already exists")};
    if (group_resource == "customresourcedefinitions.apiextensions.k8s.io") {
      object["status"]["conditions"] = Json::array({{{"type", "Established"}, {"status", "True"}}});
      for (const Json& version : object["spec"]["versions"]) {
        if (version.value("served", false))
          add_kind({object["spec"]["group"], version["name"], object["spec"]["names"]["plural"]},
                   object["spec"]["names"]["kind"], object["spec"]["scope"] == "Namespaced");
      }
    }
    add(path.kind.gvr, object);
    return {201, *find(path.kind.gvr, name)};
  }
  if (path.name.name.empty()) {
    const auto selector = kube::LabelSelector::parse(selector_of(request));
    Json items = Json::array();
    for (const Json& object : all(path.kind.gvr)) {
      if (!path.name.name_space.empty() && kube::namespace_of(object) != path.name.name_space) continue;
      if (selector.matches(kube::labels_of(object))) items.push_back(object);
    }
    return {200,
            {{"kind", path.kind.kind + "List"},
             {"apiVersion", path.kind.gvr.api_version()},
             {"metadata", {{"resourceVersion", "1"}}},
             {"items", std::move(items)}}};
  }
  std::lock_guard lock(mutex_);
  auto& kind = objects_[group_resource];
  const auto object = kind.find(path.name);
  if (object == kind.end())
    return {404, status_json(404, "NotFound", group_resource + " \"" + path.name.name + "\" not found")};
  if (request.method == "PATCH") object->second.merge_patch(codec::parse_json(request.body, "patch"));
  if (request.method == "PUT") {
    const Json body = codec::parse_json(request.body, "object");
    if (path.subresource == "status") {
      object->second["status"] = body["status"];
    } else {
      object->second = body;
    }
  }
  return {200, object->second};
}

void TargetCluster::handle(const net::ServerRequest& request, net::ServerReply& reply) {
  const unsigned running = ++running_;
  for (unsigned most = most_at_once_;
       running > most && !most_at_once_.compare_exchange_weak(most, running);) {
  }
  Script script;
  {
    std::lock_guard lock(mutex_);
    script = script_;
    if (request.method != "GET") writes_.push_back(request.method + " " + request.path);
  }
  const auto fault = script ? script(request) : std::nullopt;
  if (fault) {
    if (fault->after_commit) {
      if (const auto path = parse(request.path)) carry_out(request, *path);
    }
    std::vector<std::pair<std::string, std::string>> headers{{"Content-Type", "application/json"}};
    if (fault->retry_after >= 0) headers.emplace_back("Retry-After", std::to_string(fault->retry_after));
    reply.send(fault->status, headers,
               codec::to_json(status_json(fault->status, fault->reason, fault->message)));
  } else if (request.method != "GET" || !discover(request.path, reply)) {
    const auto path = parse(request.path);
    const auto [status, body] =
        path ? carry_out(request, *path) : std::pair(404, status_json(404, "NotFound", request.path));
    reply.send(status, {{"Content-Type", "application/json"}}, codec::to_json(body));
  }
  --running_;
}

}  // namespace salvor::restore
