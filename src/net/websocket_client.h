// A WebSocket client (RFC 6455) on Boost.Beast, over TCP or TLS. One thread may read while another writes.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/cancel.h"
#include "net/http_client.h"

namespace salvor::net {

struct WebSocketMessage {
  bool binary = true;
  std::string data;
};

class WebSocket {
 public:
  virtual ~WebSocket() = default;
  virtual void send(std::string_view data, bool binary = true) = 0;
  // nullopt after the peer's close. Throws kTimeout at `timeout`, kCancelled, kUnavailable on a broken connection.
  virtual std::optional<WebSocketMessage> receive(std::chrono::nanoseconds timeout,
                                                  const base::CancelToken& cancel = {}) = 0;
  virtual void close() = 0;
  // The subprotocol that the server chose.
  virtual const std::string& protocol() const = 0;
};

// Thrown, as an Error whose code follows the HTTP status (404 kNotFound, 403 kPermissionDenied, ...), when the server
// answers the upgrade with something else than 101; the message holds the status and the body's start.
std::unique_ptr<WebSocket> websocket_connect(const std::string& url,  // http(s):// or ws(s)://
                                             const std::vector<std::pair<std::string, std::string>>& headers,
                                             const std::vector<std::string>& protocols, const TlsOptions& tls,
                                             std::chrono::nanoseconds connect_timeout,
                                             const base::CancelToken& cancel = {});

}  // namespace salvor::net
