// An HTTP/1.1 server on Boost.Beast: the embedded control plane, metrics, health. Loopback by default. A few
// I/O threads, and one thread per request that is being handled (watches and execs are long), bounded by
// max_requests. The handler may run on any thread; what it throws becomes a 500 unless it has begun to
// answer.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/cancel.h"
#include "base/file.h"
#include "base/log.h"
#include "net/websocket_client.h"

namespace salvor::net {

struct ServerRequest {
  std::string method;
  std::string target;  // path and query as received
  std::string path;    // percent-decoded
  std::string query;   // raw
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;  // whole; larger than max_body is answered 413 before the handler is called
  std::string remote_address;
  base::CancelToken cancel;  // fires when the client goes away or the server stops

  // Case-insensitive; "" when absent.
  std::string_view header(std::string_view name) const;
};

// Exactly one of send, start_stream, accept_websocket and take_over is called per request.
class ServerReply {
 public:
  virtual ~ServerReply() = default;
  virtual void send(int status, std::vector<std::pair<std::string, std::string>> headers,
                    std::string_view body) = 0;
  // Chunked body: write chunks (each is sent at once) until the handler returns.
  virtual void start_stream(int status, std::vector<std::pair<std::string, std::string>> headers) = 0;
  virtual void write_chunk(std::string_view data) = 0;
  // Upgrades; picks the first of `protocols` (in our order) that the client offered, "" if it offered none.
  virtual std::unique_ptr<WebSocket> accept_websocket(const std::vector<std::string>& protocols) = 0;
  // Answers with the given head and hands the raw connection to the caller: a blocking descriptor for
  // upgraded protocols other than WebSocket (SPDY), with the bytes already read from it.
  struct RawConnection {
    int fd = -1;  // owned by the caller
    std::string buffered;
  };
  virtual RawConnection take_over(int status, std::vector<std::pair<std::string, std::string>> headers) = 0;
};

struct ServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;  // 0: a free one
  size_t max_body = 64 * 1024 * 1024;
  size_t max_requests = 512;
  // PEM; when both are set the server speaks TLS.
  std::string certificate_pem{}, key_pem{};
  std::chrono::milliseconds idle_timeout{120'000};
};

class HttpServer {
 public:
  using Handler = std::function<void(const ServerRequest&, ServerReply&)>;
  // Listens at once; throws kUnavailable naming the address when it cannot.
  HttpServer(ServerOptions options, Handler handler, base::Logger logger = {});
  // Stops accepting, fires all requests' tokens, and joins.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::uint16_t port() const;
  // Also accepts from a socket that listens already, such as one made in another network namespace, until the
  // handle is dropped: before the server ends. Thread-safe.
  std::shared_ptr<void> add_listener(base::Fd socket);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace salvor::net
