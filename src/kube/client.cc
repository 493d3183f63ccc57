#include "kube/client.h"

#include "kube/discover.h"
#include "kube/exec.h"
#include "kube/list.h"
#include "kube/transport.h"
#include "kube/watch.h"
#include "net/url.h"

namespace salvor::kube {

using base::CancelToken;
using base::ErrorCode;
using base::fail;

struct Client::Impl {
  Transport transport;

  Json send_json(const std::string& method, const std::string& path, const Json& body,
                 const std::string& content_type, bool repeatable, const CancelToken& cancel) {
    const auto text = codec::to_json(body, 0, false);
    const auto response =
        transport.require({method, path, text, content_type, "application/json", repeatable}, cancel);
    return codec::parse_json(response.body, path);
  }
};

namespace {

std::string_view content_type_of(PatchType type) {
  switch (type) {
    case PatchType::kMerge:
      return "application/merge-patch+json";
    case PatchType::kJson:
      return "application/json-patch+json";
    case PatchType::kStrategicMerge:
      return "application/strategic-merge-patch+json";
    case PatchType::kApply:
      return "application/apply-patch+yaml";
  }
  return "";
}

std::string path_of(const GroupVersionResource& gvr, const ObjectName& name, std::string_view doing) {
  if (name.name.empty())
    fail(ErrorCode::kInvalidArgument, "cannot {} {}: it has no name", doing, gvr.group_resource());
  return object_path(gvr, name);
}

}  // namespace

Client::Client(Connection connection, ClientOptions options, base::Logger logger)
    : impl_(new Impl{{std::move(connection), std::move(options), std::move(logger)}}) {}
Client::~Client() = default;

const Connection& Client::connection() const {
  return impl_->transport.connection();
}

std::uint64_t Client::refusals() const {
  return impl_->transport.refusals();
}

Client::Version Client::server_version(const CancelToken& cancel) {
  const auto json = codec::parse_json(raw("GET", "/version", {}, "", cancel), "/version");
  return {codec::get_string(json, {"gitVersion"}), codec::get_string(json, {"major"}),
          codec::get_string(json, {"minor"})};
}

std::vector<Client::DiscoveredGroup> Client::discover(
    const std::function<void(const std::string&, const base::Error&)>& on_failure,
    const CancelToken& cancel) {
  return discover_groups(impl_->transport, on_failure, cancel);
}

std::optional<Json> Client::get(const GroupVersionResource& gvr, const ObjectName& name,
                                const CancelToken& cancel) {
  ApiRequest request;
  request.path = path_of(gvr, name, "get");
  const auto response = impl_->transport.send(request, cancel);
  if (response.status == 404) return std::nullopt;
  if (response.status / 100 != 2)
    throw status_error(response.status, response.body, request.method, request.path);
  return codec::parse_json(response.body, request.path);
}

Json Client::require(const GroupVersionResource& gvr, const ObjectName& name, const CancelToken& cancel) {
  const auto path = path_of(gvr, name, "get");
  return codec::parse_json(raw("GET", path, {}, "", cancel), path);
}

Json Client::create(const GroupVersionResource& gvr, const Json& object, const CancelToken& cancel) {
  return impl_->send_json("POST", collection_path(gvr, namespace_of(object)), object, "application/json",
                          !name_of(object).empty(), cancel);
}

Json Client::update(const GroupVersionResource& gvr, const Json& object, const CancelToken& cancel) {
  const auto path = path_of(gvr, {namespace_of(object), name_of(object)}, "update");
  return impl_->send_json("PUT", path, object, "application/json", true, cancel);
}

Json Client::update_status(const GroupVersionResource& gvr, const Json& object, const CancelToken& cancel) {
  const auto path = path_of(gvr, {namespace_of(object), name_of(object)}, "update") + "/status";
  return impl_->send_json("PUT", path, object, "application/json", true, cancel);
}

Json Client::patch(const GroupVersionResource& gvr, const ObjectName& name, PatchType type, const Json& patch,
                   const std::string& subresource, const CancelToken& cancel) {
  auto path = path_of(gvr, name, "patch");
  if (!subresource.empty()) path += "/" + subresource;
  if (type == PatchType::kApply) path += "?fieldManager=salvor&force=true";
  return impl_->send_json("PATCH", path, patch, std::string(content_type_of(type)), type != PatchType::kJson,
                          cancel);
}

bool Client::remove(const GroupVersionResource& gvr, const ObjectName& name, const std::string& propagation,
                    const std::string& uid, const CancelToken& cancel) {
  Json options = {{"kind", "DeleteOptions"}, {"apiVersion", "v1"}};
  if (!propagation.empty()) options["propagationPolicy"] = propagation;
  if (!uid.empty()) options["preconditions"] = {{"uid", uid}};
  const auto body = codec::to_json(options);
  const ApiRequest request{"DELETE",           path_of(gvr, name, "delete"), body,
                           "application/json", "application/json",           true};
  const auto response = impl_->transport.send(request, cancel);
  if (response.status == 404) return false;
  if (response.status / 100 != 2)
    throw status_error(response.status, response.body, request.method, request.path);
  return true;
}

std::string Client::list_raw(const GroupVersionResource& gvr, const std::string& name_space,
                             const ListOptions& options,
                             const std::function<void(std::string_view raw)>& item,
                             const std::function<void()>& restart, const CancelToken& cancel) {
  return list_pages(impl_->transport, gvr, name_space, options, item, restart, cancel);
}

std::vector<Json> Client::list(const GroupVersionResource& gvr, const std::string& name_space,
                               const ListOptions& options, const CancelToken& cancel) {
  std::vector<Json> result;
  list_raw(
      gvr, name_space, options,
      [&](std::string_view raw) { result.push_back(codec::parse_json(raw, gvr.group_resource())); },
      [&] { result.clear(); }, cancel);
  return result;
}

void Client::watch(const GroupVersionResource& gvr, const std::string& name_space, const ListOptions& options,
                   const std::function<void(const WatchEvent&)>& event, const std::function<void()>& synced,
                   const CancelToken& cancel) {
  watch_objects(impl_->transport, gvr, name_space, options, event, synced, cancel);
}

ExecResult Client::exec(const ObjectName& pod, const ExecOptions& options, const CancelToken& cancel) {
  if (!options.container.empty()) return exec_in_pod(impl_->transport, pod, options, cancel);
  auto completed = options;
  const auto object = require(resources::kPods, pod, cancel);
  const auto* containers = codec::find(object, {"spec", "containers"});
  if (!containers || !containers->is_array() || containers->empty())
    fail(ErrorCode::kNotFound, "pod \"{}\" has no container", pod.to_string());
  completed.container = codec::get_string(containers->front(), {"name"});
  return exec_in_pod(impl_->transport, pod, completed, cancel);
}

std::string Client::raw(const std::string& method, const std::string& path, std::string_view body,
                        const std::string& content_type, const CancelToken& cancel) {
  return impl_->transport.require({method, path, body, content_type, "application/json"}, cancel).body;
}

}  // namespace salvor::kube
