#include "storage/rest_services_test_support.h"

#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "base/text.h"
#include "codec/json.h"
#include "net/http_client.h"
#include "storage/service_process_test_support.h"

namespace salvor::storage::test_services {

namespace {

constexpr const char* kVersion2 = "application/vnd.x.restic.rest.v2";

// The body of a range request, and its status.
std::pair<int, std::string> cut_range(std::string_view range, const std::string& data) {
  const size_t dash = range.find('-');
  const auto first = std::stoull(std::string(range.substr(sizeof("bytes=") - 1, dash)));
  if (first >= data.size()) return {416, ""};
  const auto last = std::stoull(std::string(range.substr(dash + 1)));
  return {206, data.substr(first, last - first + 1)};
}

}  // namespace

OwnRestServer::OwnRestServer(int version) : version_(version) {
  server_ = std::make_unique<net::HttpServer>(
      net::ServerOptions{},
      [this](const net::ServerRequest& request, net::ServerReply& reply) { handle(request, reply); });
}

OwnRestServer::~OwnRestServer() = default;

std::string OwnRestServer::url() const {
  return fmt::format("http://127.0.0.1:{}/some/repository", server_->port());
}

std::string OwnRestServer::last_header(const std::string& name) const {
  std::lock_guard lock(mutex_);
  return std::string(last_.header(name));
}

void OwnRestServer::list(const std::string& folder, net::ServerReply& reply) {
  codec::Json all = codec::Json::array();
  for (const auto& [path, data] : files_) {
    if (!path.starts_with(folder)) continue;
    const std::string name = path.substr(folder.size());
    all.push_back(version_ == 1 ? codec::Json(name) : codec::Json{{"name", name}, {"size", data.size()}});
  }
  reply.send(200, {{"Content-Type", version_ == 1 ? "application/vnd.x.restic.rest.v1" : kVersion2}},
             all.dump());
}

void OwnRestServer::handle(const net::ServerRequest& request, net::ServerReply& reply) {
  std::lock_guard lock(mutex_);
  last_ = request;
  constexpr std::string_view kRoot = "/some/repository/";
  if (!request.path.starts_with(kRoot)) return reply.send(404, {}, "");
  const std::string path = request.path.substr(kRoot.size());
  const std::string& method = request.method;
  if (method == "POST" && path.empty() && request.query == "create=true") {
    created_ = true;
    return reply.send(200, {}, "");
  }
  if (method == "GET" && path.ends_with('/')) return list(path, reply);
  const auto found = files_.find(path);
  if (method == "POST") {
    if (found != files_.end()) return reply.send(403, {}, "");
    if (!created_) return reply.send(404, {}, "");
    files_[path] = request.body;
    return reply.send(200, {}, "");
  }
  if (method == "DELETE" && append_only_ && !path.starts_with("locks/")) return reply.send(403, {}, "");
  if (found == files_.end()) return reply.send(404, {}, "");
  if (method == "DELETE") {
    files_.erase(found);
    return reply.send(200, {}, "");
  }
  const std::string_view range = request.header("range");
  if (range.empty()) return reply.send(200, {}, found->second);
  const auto [status, body] = cut_range(range, found->second);
  reply.send(status, {}, body);
}

std::unique_ptr<RealRestServer> start_rest_server(std::string& why_not) {
  std::filesystem::path program = find_program("restic-rest-server");
  if (program.empty()) program = find_program("rest-server");
  if (const char* named = std::getenv("SALVOR_REST_SERVER")) program = named;
  if (program.empty()) {
    why_not = "restic-rest-server is not on PATH, nor named by SALVOR_REST_SERVER";
    return nullptr;
  }
  auto running = std::make_unique<RealRestServer>();
  const int port = free_port();
  base::ProcessOptions options;
  options.output = running->directory.path() / "log";
  running->process = std::make_unique<base::Process>(
      std::vector<std::string>{program.string(), "--no-auth", "--listen", fmt::format("127.0.0.1:{}", port),
                               "--path", (running->directory.path() / "data").string()},
      options);
  running->url = fmt::format("http://127.0.0.1:{}/repository", port);
  net::HttpClient client;
  await("restic-rest-server", *running->process, *options.output, std::chrono::seconds(30), [&] {
    try {
      return client.send({.url = running->url + "/config"}).status == 404;
    } catch (const base::Error&) {
      return false;
    }
  });
  return running;
}

}  // namespace salvor::storage::test_services
