#include "backup/cluster_test_support.h"

#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "codec/gzip.h"
#include "codec/tar.h"
#include "kube/selector.h"
#include "net/url.h"

namespace salvor::backup {
namespace {

using codec::Json;

const char* const kVerbs[] = {"create", "delete", "get", "list", "patch", "update", "watch"};

std::string query_value(const net::ServerRequest& request, std::string_view name) {
  for (const auto& [key, value] : net::parse_query(request.query)) {
    if (key == name) return value;
  }
  return "";
}

void send(net::ServerReply& reply, int status, const Json& body) {
  reply.send(status, {{"Content-Type", "application/json"}}, codec::to_json(body));
}

void send_status(net::ServerReply& reply, int code, const std::string& reason) {
  send(reply, code,
       {{"kind", "Status"},
        {"apiVersion", "v1"},
        {"status", "Failure"},
        {"message", reason},
        {"reason", reason},
        {"code", code}});
}

}  // namespace

TestCluster::TestCluster()
    : kinds_{{{"", "v1", "namespaces"}, "Namespace", false},
             {{"", "v1", "configmaps"}, "ConfigMap", true},
             {{"", "v1", "endpoints"}, "Endpoints", true},
             {{"", "v1", "events"}, "Event", true},
             {{"", "v1", "persistentvolumeclaims"}, "PersistentVolumeClaim", true},
             {{"", "v1", "persistentvolumes"}, "PersistentVolume", false},
             {{"", "v1", "pods"}, "Pod", true},
             {{"", "v1", "secrets"}, "Secret", true},
             {{"", "v1", "serviceaccounts"}, "ServiceAccount", true},
             {{"", "v1", "services"}, "Service", true},
             {{"apps", "v1", "controllerrevisions"}, "ControllerRevision", true},
             {{"apps", "v1", "deployments"}, "Deployment", true},
             {{"apps", "v1", "replicasets"}, "ReplicaSet", true},
             {{"apps", "v1", "statefulsets"}, "StatefulSet", true},
             {{"batch", "v1", "cronjobs"}, "CronJob", true},
             {{"batch", "v1", "jobs"}, "Job", true},
             {{"discovery.k8s.io", "v1", "endpointslices"}, "EndpointSlice", true},
             {{"events.k8s.io", "v1", "events"}, "Event", true},
             {{"rbac.authorization.k8s.io", "v1", "clusterrolebindings"}, "ClusterRoleBinding", false},
             {{"rbac.authorization.k8s.io", "v1", "clusterroles"}, "ClusterRole", false},
             {{"rbac.authorization.k8s.io", "v1", "rolebindings"}, "RoleBinding", true},
             {{"rbac.authorization.k8s.io", "v1", "roles"}, "Role", true},
             {{"apiextensions.k8s.io", "v1", "customresourcedefinitions"}, "CustomResourceDefinition", false},
             {{"example.io", "v1", "widgets"}, "Widget", true},
             {{"example.io", "v1beta1", "widgets"}, "Widget", true},
             {{"velero.io", "v1", "podvolumebackups"}, "PodVolumeBackup", true},
             {{"snapshot.storage.k8s.io", "v1", "volumesnapshots"}, "VolumeSnapshot", true},
             {{"snapshot.storage.k8s.io", "v1", "volumesnapshotcontents"}, "VolumeSnapshotContent", false},
             {{"snapshot.storage.k8s.io", "v1", "volumesnapshotclasses"}, "VolumeSnapshotClass", false}} {
  server_ = std::make_unique<net::HttpServer>(
      net::ServerOptions{},
      [this](const net::ServerRequest& request, net::ServerReply& reply) { handle(request, reply); });
}

TestCluster::~TestCluster() {
  server_.reset();
}

void TestCluster::load_contents(const std::string& path) {
  const std::string packed = base::read_file(path);
  base::ViewSource source(packed);
  codec::GunzipSource gunzip(source);
  codec::TarReader tar(gunzip);
  while (auto entry = tar.next()) {
    if (!entry->name.ends_with(".json")) continue;
    const Json object = codec::parse_json(tar.read_content(), entry->name);
    const std::string resource = base::split(entry->name, '/').at(1);
    for (const Kind& kind : kinds_) {
      if (kind.gvr.group_resource() == resource) add(kind.gvr, object);
    }
  }
}

void TestCluster::add(const kube::GroupVersionResource& gvr, Json object) {
  std::lock_guard lock(mutex_);
  kube::ObjectName name{kube::namespace_of(object), kube::name_of(object)};
  objects_[gvr.group_resource()][std::move(name)] = std::move(object);
  changed_.notify_all();
}

void TestCluster::remove(const kube::GroupVersionResource& gvr, const kube::ObjectName& name) {
  std::lock_guard lock(mutex_);
  objects_[gvr.group_resource()].erase(name);
  changed_.notify_all();
}

kube::Connection TestCluster::connection() const {
  kube::Connection connection;
  connection.server = "http://127.0.0.1:" + std::to_string(server_->port());
  return connection;
}

std::vector<TestCluster::Command> TestCluster::commands() const {
  std::lock_guard lock(mutex_);
  return commands_;
}

std::vector<Json> TestCluster::objects(const kube::GroupVersionResource& gvr) const {
  std::lock_guard lock(mutex_);
  std::vector<Json> result;
  if (auto found = objects_.find(gvr.group_resource()); found != objects_.end()) {
    for (const auto& [name, object] : found->second) result.push_back(object);
  }
  return result;
}

bool TestCluster::discover(const std::string& path, net::ServerReply& reply) const {
  if (path == "/api") {
    send(reply, 200, {{"kind", "APIVersions"}, {"versions", {"v1"}}});
    return true;
  }
  if (path == "/apis") {
    Json groups = Json::array();
    std::set<std::string> seen = {""};
    for (const Kind& kind : kinds_) {
      if (!seen.insert(kind.gvr.group).second) continue;
      Json versions = Json::array();
      std::set<std::string> of_group;
      for (const Kind& other : kinds_)
        if (other.gvr.group == kind.gvr.group && of_group.insert(other.gvr.version).second)
          versions.push_back({{"groupVersion", other.gvr.api_version()}, {"version", other.gvr.version}});
      const Json preferred = versions[0];
      groups.push_back({{"name", kind.gvr.group}, {"versions", versions}, {"preferredVersion", preferred}});
    }
    send(reply, 200, {{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", groups}});
    return true;
  }
  Json resources = Json::array();
  for (const Kind& kind : kinds_) {
    if ((kind.gvr.group.empty() ? "/api/" : "/apis/") + kind.gvr.api_version() != path) continue;
    resources.push_back({{"name", kind.gvr.resource},
                         {"singularName", base::to_lower(kind.kind)},
                         {"namespaced", kind.namespaced},
                         {"kind", kind.kind},
                         {"verbs", kVerbs}});
  }
  if (resources.empty()) return false;
  send(reply, 200, {{"kind", "APIResourceList"}, {"resources", resources}});
  return true;
}

TestCluster::Target TestCluster::find(const std::string& path) const {
  for (const Kind& kind : kinds_) {
    const std::string root = (kind.gvr.group.empty() ? "/api/" : "/apis/") + kind.gvr.api_version() + "/";
    if (!path.starts_with(root)) continue;
    auto parts = base::split(path.substr(root.size()), '/');
    Target target;
    if (kind.namespaced && parts.size() >= 3 && parts[0] == "namespaces") {
      target.name_space = parts[1];
      parts.erase(parts.begin(), parts.begin() + 2);
    }
    // "namespaces/ns/pods" is no subresource of a namespace.
    if (parts[0] != kind.gvr.resource || (kind.gvr.resource == "namespaces" && parts.size() > 2)) continue;
    target.kind = &kind;
    if (parts.size() > 1) target.name = parts[1];
    if (parts.size() > 2) target.subresource = parts[2];
    return target;
  }
  return {};
}

void TestCluster::handle(const net::ServerRequest& request, net::ServerReply& reply) {
  if (request_) request_(request);
  if (discover(request.path, reply)) return;
  const Target target = find(request.path);
  if (!target.kind) return send_status(reply, 404, "NotFound");
  if (target.subresource == "exec") return exec(target, request, reply);
  if (request.method == "POST") return create(target, request, reply);
  if (request.method == "DELETE") return remove(target, reply);
  if (target.name.empty() && !query_value(request, "watch").empty()) return watch(target, request, reply);
  if (target.name.empty()) return list(target, request, reply);
  std::optional<Json> found;
  {
    std::lock_guard lock(mutex_);
    auto& objects = objects_[target.kind->gvr.group_resource()];
    if (auto entry = objects.find({target.name_space, target.name}); entry != objects.end()) {
      if (request.method == "PATCH") entry->second.merge_patch(codec::parse_json(request.body, "patch"));
      found = entry->second;
    }
  }
  if (!found) return send_status(reply, 404, "NotFound");
  send(reply, 200, *found);
}

void TestCluster::list(const Target& target, const net::ServerRequest& request, net::ServerReply& reply) {
  const auto selector = kube::LabelSelector::parse(query_value(request, "labelSelector"));
  Json items = Json::array();
  for (const Json& object : objects(target.kind->gvr)) {
    if (!target.name_space.empty() && kube::namespace_of(object) != target.name_space) continue;
    if (selector.matches(kube::labels_of(object))) items.push_back(object);
  }
  send(reply, 200,
       {{"kind", target.kind->kind + "List"},
        {"apiVersion", target.kind->gvr.api_version()},
        {"metadata", {{"resourceVersion", "1"}}},
        {"items", items}});
}

void TestCluster::watch(const Target& target, const net::ServerRequest& request, net::ServerReply& reply) {
  reply.start_stream(200, {{"Content-Type", "application/json"}});
  std::map<std::string, Json> sent;
  while (!request.cancel.cancelled()) {
    for (const Json& object : objects(target.kind->gvr)) {
      Json& last = sent[kube::name_of(object)];
      if (last == object) continue;
      reply.write_chunk(
          codec::to_json({{"type", last.is_null() ? "ADDED" : "MODIFIED"}, {"object", object}}) + "\n");
      last = object;
    }
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, request.cancel.stop_token(), std::chrono::milliseconds(50), [] { return false; });
  }
}

void TestCluster::create(const Target& target, const net::ServerRequest& request, net::ServerReply& reply) {
  Json object = codec::parse_json(request.body, "object");
  {
    std::lock_guard lock(mutex_);
    const std::string prefix = codec::get_string(object, {"metadata", "generateName"});
    if (!prefix.empty()) object["metadata"]["name"] = prefix + std::to_string(++created_);
    object["metadata"]["uid"] = "uid-" + std::to_string(++uids_);
  }
  const Json answer = object;
  // Node agents begin after the answer; of other objects a test wants to see the whole effect.
  const bool answer_first = target.kind->gvr.group == "velero.io";
  if (answer_first) send(reply, 201, answer);
  if (finish_) finish_(object);
  add(target.kind->gvr, object);
  if (!answer_first) send(reply, 201, answer);
}

void TestCluster::remove(const Target& target, net::ServerReply& reply) {
  std::optional<Json> found;
  {
    std::lock_guard lock(mutex_);
    auto& objects = objects_[target.kind->gvr.group_resource()];
    if (auto entry = objects.find({target.name_space, target.name}); entry != objects.end()) {
      found = entry->second;
      objects.erase(entry);
    }
    changed_.notify_all();
  }
  if (!found) return send_status(reply, 404, "NotFound");
  if (removed_) removed_(*found);
  send(reply, 200, *found);
}

void TestCluster::exec(const Target& target, const net::ServerRequest& request, net::ServerReply& reply) {
  Command command;
  command.pod = target.name;
  command.container = query_value(request, "container");
  for (const auto& [key, value] : net::parse_query(request.query)) {
    if (key == "command") command.words.push_back(value);
  }
  // What starts a hook: a shell, its script and the mark.
  if (command.words.size() >= 4 && command.words[0] == "/bin/sh" &&
      command.words[2].find("SALVOR_HOOK") != std::string::npos) {
    command.ends_processes = command.words[2].find("kill") != std::string::npos;
    command.words.erase(command.words.begin(), command.words.begin() + 4);
  }
  const auto socket = reply.accept_websocket({"v5.channel.k8s.io"});
  {
    std::lock_guard lock(mutex_);
    commands_.push_back(command);
  }
  const int code = command.ends_processes || !exec_ ? 0 : exec_(command);
  if (code < 0) {
    socket->receive(std::chrono::seconds(30), request.cancel);
    return;
  }
  socket->send(std::string("\x01out"));
  Json status = {{"status", "Success"}};
  if (code != 0)
    status = {{"status", "Failure"},
              {"reason", "NonZeroExitCode"},
              {"details",
               {{"causes", Json::array({{{"reason", "ExitCode"}, {"message", std::to_string(code)}}})}}}};
  socket->send("\x03" + codec::to_json(status));
}

}  // namespace salvor::backup
