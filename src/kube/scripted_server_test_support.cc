#include "kube/scripted_server_test_support.h"

#include "net/url.h"

namespace salvor::kube {

ScriptedServer::ScriptedServer(Script script, std::uint16_t port)
    : server_({.port = port},
              [this, script = std::move(script)](const net::ServerRequest& request, net::ServerReply& reply) {
                {
                  std::lock_guard lock(mutex_);
                  requests_.push_back(request.method + " " + request.target);
                }
                const auto answer = script(request);
                auto headers = answer.headers;
                headers.emplace_back("Content-Type", "application/json");
                if (!answer.stream) return reply.send(answer.status, headers, answer.body);
                reply.start_stream(answer.status, headers);
                if (!answer.body.empty()) reply.write_chunk(answer.body);
                if (answer.hold_open) request.cancel.sleep(std::chrono::minutes(1));
              }) {}

ScriptedServer::ScriptedServer(std::vector<std::string> protocols,
                               std::function<void(const net::ServerRequest&, net::WebSocket&)> handler)
    : server_({}, [this, protocols = std::move(protocols), handler = std::move(handler)](
                      const net::ServerRequest& request, net::ServerReply& reply) {
        {
          std::lock_guard lock(mutex_);
          requests_.push_back(request.method + " " + request.target);
        }
        const auto socket = reply.accept_websocket(protocols);
        handler(request, *socket);
      }) {}

std::string ScriptedServer::url() const {
  return "http://127.0.0.1:" + std::to_string(server_.port());
}

Connection ScriptedServer::connection() const {
  Connection connection;
  connection.server = url();
  connection.default_namespace = "default";
  return connection;
}

Client ScriptedServer::client(ClientOptions options) const {
  return Client(connection(), std::move(options));
}

std::vector<std::string> ScriptedServer::requests() const {
  std::lock_guard lock(mutex_);
  return requests_;
}

ClientOptions ScriptedServer::quick() {
  ClientOptions options;
  options.retry = {.attempts = 4,
                   .first_delay = std::chrono::milliseconds(1),
                   .longest_delay = std::chrono::milliseconds(4)};
  return options;
}

std::string status_body(int code, const std::string& reason, const std::string& message) {
  return Json{{"kind", "Status"},   {"apiVersion", "v1"}, {"status", "Failure"},
              {"message", message}, {"reason", reason},   {"code", code}}
      .dump();
}

std::string query_value(const net::ServerRequest& request, const std::string& name) {
  for (const auto& [key, value] : net::parse_query(request.query))
    if (key == name) return value;
  return "";
}

}  // namespace salvor::kube
