// A WebSocket client (RFC 6455) on Boost.Beast, over TCP or TLS. One thread may read while another writes.
// Each connection has an I/O thread of its own, which reads ahead a bounded number of bytes and sends
// keep-alive pings.
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
  // nullopt after the peer's close. Throws kTimeout at `timeout`, kCancelled, kUnavailable on a broken
  // connection.
  virtual std::optional<WebSocketMessage> receive(std::chrono::nanoseconds timeout,
                                                  const base::CancelToken& cancel = {}) = 0;
  virtual void close() = 0;
  // The subprotocol that the server chose.
  virtual const std::string& protocol() const = 0;
};

// The server answered the upgrade with something else than 101. The code follows the HTTP status: 400 and 422
// kInvalidArgument, 401 kUnauthenticated, 403 kPermissionDenied, 404 kNotFound, 409 kConflict, 410 kGone, 429
// and 5xx kUnavailable (retryable), 504 kTimeout (retryable), others kUnsupported.
class UpgradeRefused : public base::Error {
 public:
  UpgradeRefused(base::ErrorCode code, std::string message, bool retryable, int status, std::string body)
      : Error(code, std::move(message), retryable), status_(status), body_(std::move(body)) {}
  int status() const { return status_; }
  const std::string& body() const { return body_; }  // at most 64 KiB

 private:
  int status_;
  std::string body_;
};

// Throws UpgradeRefused, kUnavailable (retryable) when there is no connection, kTimeout, kCancelled,
// kUnauthenticated for a certificate that does not verify.
std::unique_ptr<WebSocket> websocket_connect(const std::string& url,  // http(s):// or ws(s)://
                                             const std::vector<std::pair<std::string, std::string>>& headers,
                                             const std::vector<std::string>& protocols, const TlsOptions& tls,
                                             std::chrono::nanoseconds connect_timeout,
                                             const base::CancelToken& cancel = {});

}  // namespace salvor::net
