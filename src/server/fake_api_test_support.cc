#include "server/fake_api_test_support.h"

#include "base/text.h"
#include "kube/selector.h"
#include "net/http_client.h"
#include "net/url.h"
#include "server/controller.h"

namespace salvor::server {

namespace {

std::string query_value(const net::ServerRequest& request, const std::string& name) {
  for (const auto& [key, value] : net::parse_query(request.query))
    if (key == name) return value;
  return "";
}

// "/apis/velero.io/v1/namespaces/velero/backups" has an even number of parts after "namespaces/<ns>"; an
// object has one part more.
bool names_object(const std::string& path) {
  const auto parts = base::split(path.substr(1), '/');
  const size_t prefix = parts[0] == "api" ? 2 : 3;
  const bool in_namespace = parts.size() > prefix + 2 && parts[prefix] == "namespaces";
  return parts.size() == prefix + (in_namespace ? 4 : 2);
}

class ReplyInProcess final : public net::ServerReply {
 public:
  void send(int status, std::vector<std::pair<std::string, std::string>>, std::string_view body) override {
    response.status = status;
    response.body = body;
  }
  void start_stream(int, std::vector<std::pair<std::string, std::string>>) override { refuse(); }
  void write_chunk(std::string_view) override { refuse(); }
  std::unique_ptr<net::WebSocket> accept_websocket(const std::vector<std::string>&) override { refuse(); }
  RawConnection take_over(int, std::vector<std::pair<std::string, std::string>>) override { refuse(); }

  net::HttpResponse response;

 private:
  [[noreturn]] static void refuse() {
    base::fail(base::ErrorCode::kUnsupported, "no streams without a connection");
  }
};

}  // namespace

FakeApi::FakeApi(const base::Clock& clock) : clock_(clock) {
  server_ = std::make_unique<net::HttpServer>(
      net::ServerOptions{},
      [this](const net::ServerRequest& request, net::ServerReply& reply) { handle(request, reply); });
  client_ = new_client();
}
FakeApi::~FakeApi() = default;

std::unique_ptr<kube::Client> FakeApi::new_client(int attempts) {
  kube::Connection connection;
  connection.server = "http://127.0.0.1:" + std::to_string(server_->port());
  kube::ClientOptions options;
  options.retry = {.attempts = attempts, .first_delay = std::chrono::milliseconds(1)};
  return std::make_unique<kube::Client>(connection, options);
}

std::unique_ptr<kube::Client> FakeApi::in_process_client() {
  kube::Connection connection;
  connection.server = "http://in-process";
  kube::ClientOptions options;
  options.retry.attempts = 1;
  options.carrier = [this, prefix = connection.server.size()](const net::HttpRequest& request) {
    net::ServerRequest received;
    received.method = request.method;
    received.target = request.url.substr(prefix);
    const auto query = received.target.find('?');
    received.path = net::percent_decode(received.target.substr(0, query));
    if (query != std::string::npos) received.query = received.target.substr(query + 1);
    received.body = request.body;
    ReplyInProcess reply;
    handle(received, reply);
    return std::move(reply.response);
  };
  return std::make_unique<kube::Client>(connection, options);
}

void FakeApi::answer(net::ServerReply& reply, int status, const Json& body) {
  if (lost_)
    reply.send(503, {}, "");
  else
    reply.send(status, {{"Content-Type", "application/json"}}, body.dump());
}

void FakeApi::refuse(net::ServerReply& reply, int status, const std::string& reason,
                     const std::string& what) {
  answer(reply, status,
         {{"kind", "Status"}, {"reason", reason}, {"code", status}, {"message", what + ": " + reason}});
}

void FakeApi::handle(const net::ServerRequest& request, net::ServerReply& reply) {
  try {
    if (request_) request_(request);
  } catch (const base::Error& error) {
    if (error.code() != base::ErrorCode::kConflict) throw;
    std::lock_guard lock(mutex_);
    return refuse(reply, 409, "Conflict", error.message());
  }
  if (request.method == "GET" && !query_value(request, "watch").empty()) return watch(request, reply);
  std::lock_guard lock(mutex_);
  lost_ = lose_ && lose_(request);
  carry_out(request, reply);
  lost_ = false;
}

void FakeApi::carry_out(const net::ServerRequest& request, net::ServerReply& reply) {
  if (request.path == "/version")
    return answer(reply, 200, {{"gitVersion", "v1.36.0"}, {"major", "1"}, {"minor", "36"}});
  if (request.path == "/api" || request.path == "/apis")
    return answer(reply, 200, {{"kind", "APIGroupDiscoveryList"}, {"items", Json::array()}});
  if (request.method == "GET")
    return names_object(request.path) ? get(request, reply, request.path) : list(request, reply);
  if (request.method == "POST") return create(request, reply);
  if (request.method == "PUT") return change(request, reply, false);
  if (request.method == "PATCH") return change(request, reply, true);
  if (request.method == "DELETE") return remove(request, reply);
  refuse(reply, 405, "MethodNotAllowed", request.method);
}

void FakeApi::get(const net::ServerRequest&, net::ServerReply& reply, const std::string& path) {
  const auto found = objects_.find(path);
  if (found == objects_.end()) return refuse(reply, 404, "NotFound", path);
  answer(reply, 200, found->second);
}

void FakeApi::list(const net::ServerRequest& request, net::ServerReply& reply) {
  std::string items;
  const auto prefix = request.path + "/";
  const auto selector = kube::LabelSelector::parse(query_value(request, "labelSelector"));
  const auto selected = [&](const Json& object) {
    return selector.empty() || selector.matches(kube::labels_of(object));
  };
  for (auto entry = objects_.lower_bound(prefix); entry != objects_.end() && entry->first.starts_with(prefix);
       ++entry)
    if (entry->first.find('/', prefix.size()) == std::string::npos && selected(entry->second))
      items.append(items.empty() ? "" : ",").append(texts_.at(entry->first));
  // Of all namespaces.
  const auto slash = request.path.rfind('/');
  const auto everywhere = request.path.substr(0, slash) + "/namespaces/", kind = request.path.substr(slash);
  for (auto entry = objects_.lower_bound(everywhere);
       kind != "/namespaces" && entry != objects_.end() && entry->first.starts_with(everywhere); ++entry) {
    const auto name = entry->first.rfind('/');
    if (entry->first.compare(name - kind.size(), kind.size(), kind) == 0 && selected(entry->second))
      items.append(items.empty() ? "" : ",").append(texts_.at(entry->first));
  }
  reply.send(
      200, {{"Content-Type", "application/json"}},
      fmt::format(R"({{"kind":"List","apiVersion":"v1","metadata":{{"resourceVersion":"{}"}},"items":[{}]}})",
                  events_.size(), items));
}

void FakeApi::watch(const net::ServerRequest& request, net::ServerReply& reply) {
  reply.start_stream(200, {{"Content-Type", "application/json"}});
  size_t next = std::stoul(query_value(request, "resourceVersion"));
  const auto prefix = request.path + "/";
  std::unique_lock lock(mutex_);
  while (!request.cancel.cancelled()) {
    if (!changed_.wait(lock, request.cancel.stop_token(), [&] { return next < events_.size(); })) return;
    const auto event = events_[next++];
    if (!event.path.starts_with(prefix)) continue;
    lock.unlock();
    reply.write_chunk(fmt::format("{{\"type\":\"{}\",\"object\":{}}}\n", event.type, event.object));
    lock.lock();
  }
}

std::vector<FakeApi::Change> FakeApi::changes_since(size_t& position) {
  using Type = kube::WatchEvent::Type;
  std::vector<Change> result;
  std::lock_guard lock(mutex_);
  std::map<std::string, size_t> last;
  for (size_t i = position; i < events_.size(); ++i) last[events_[i].path] = i;
  for (; position < events_.size(); ++position) {
    auto& event = events_[position];
    const auto parts = base::split(event.path, '/');
    const auto& resource = parts.at(parts.size() - 2);
    if (last.at(event.path) == position && resource != "events") {
      const auto type = event.type == "ADDED"     ? Type::kAdded
                        : event.type == "DELETED" ? Type::kDeleted
                                                  : Type::kModified;
      result.push_back({resource, {type, Json::parse(event.object)}});
    }
    event.object.clear();  // nobody watches here, so nobody needs it again
  }
  return result;
}

void FakeApi::record(const std::string& type, const std::string& path, Json& object) {
  object["metadata"]["resourceVersion"] = std::to_string(events_.size() + 1);
  events_.push_back({type, path, object.dump()});
  if (type == "DELETED")
    texts_.erase(path);
  else
    texts_[path] = events_.back().object;
  changed_.notify_all();
}

void FakeApi::create(const net::ServerRequest& request, net::ServerReply& reply) {
  auto object = Json::parse(request.body);
  auto& metadata = object["metadata"];
  if (kube::name_of(object).empty())
    metadata["name"] = codec::get_string(metadata, {"generateName"}) + std::to_string(next_uid_);
  const auto path = request.path + "/" + kube::name_of(object);
  if (objects_.contains(path)) return refuse(reply, 409, "AlreadyExists", path);
  metadata["uid"] = "uid-" + std::to_string(next_uid_++);
  metadata["creationTimestamp"] = base::format_rfc3339(clock_.now());
  record("ADDED", path, object);
  objects_[path] = object;
  answer(reply, 201, object);
}

void FakeApi::change(const net::ServerRequest& request, net::ServerReply& reply, bool patch) {
  const auto found = objects_.find(request.path);
  if (found == objects_.end()) return refuse(reply, 404, "NotFound", request.path);
  auto object = found->second;
  const auto change = Json::parse(request.body);
  const auto stated = codec::get_string(change, {"metadata", "resourceVersion"});
  if (!stated.empty() && stated != kube::resource_version_of(object))
    return refuse(reply, 409, "Conflict", request.path);
  if (patch)
    apply_merge_patch(object, change);
  else
    object = change;
  const auto* finalizers = codec::find(object, {"metadata", "finalizers"});
  if (kube::is_being_deleted(object) && (!finalizers || finalizers->empty())) {
    record("DELETED", request.path, object);
    objects_.erase(found);
  } else {
    record("MODIFIED", request.path, object);
    found->second = object;
  }
  answer(reply, 200, object);
}

void FakeApi::remove(const net::ServerRequest& request, net::ServerReply& reply) {
  const auto found = objects_.find(request.path);
  if (found == objects_.end()) return refuse(reply, 404, "NotFound", request.path);
  auto& object = found->second;
  const auto* finalizers = codec::find(object, {"metadata", "finalizers"});
  if (finalizers && !finalizers->empty()) {
    object["metadata"]["deletionTimestamp"] = base::format_rfc3339(clock_.now());
    record("MODIFIED", request.path, object);
    return answer(reply, 200, object);
  }
  record("DELETED", request.path, object);
  const auto last = object;
  objects_.erase(found);
  answer(reply, 200, last);
}

}  // namespace salvor::server
