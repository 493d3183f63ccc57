// A scripted API server for this layer's tests: each request is answered by the first rule that fits.
// Test-only.
#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "kube/client.h"
#include "net/http_server.h"

namespace salvor::kube {

class ScriptedServer {
 public:
  struct Answer {
    int status = 200;
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers;
    bool stream = false;     // sent as chunks, one per line
    bool hold_open = false;  // a stream that ends only when the client goes away
  };
  using Script = std::function<Answer(const net::ServerRequest&)>;

  explicit ScriptedServer(Script script, std::uint16_t port = 0);
  // For exec: called with the accepted socket.
  ScriptedServer(std::vector<std::string> protocols,
                 std::function<void(const net::ServerRequest&, net::WebSocket&)>);

  std::uint16_t port() const { return server_.port(); }
  std::string url() const;
  Client client(ClientOptions options = quick()) const;
  Connection connection() const;
  // "GET /path?query" of all requests so far.
  std::vector<std::string> requests() const;
  // Backoff of milliseconds.
  static ClientOptions quick();

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;  // guarded by mutex_
  net::HttpServer server_;
};

// A Status body.
std::string status_body(int code, const std::string& reason, const std::string& message);
// The value of a query parameter, decoded; "" when absent.
std::string query_value(const net::ServerRequest& request, const std::string& name);

}  // namespace salvor::kube
