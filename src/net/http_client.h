// HTTP/1.1 and HTTP/2 client on libcurl. One HttpClient may be used from any thread at the same time;
// connections are pooled inside. Transport failures are base::Error: kUnavailable (retryable) for refused,
// reset and DNS failures, kTimeout (retryable), kCancelled, kUnauthenticated for a TLS certificate that does
// not verify. A status code is a result, not an error.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/stream.h"

namespace salvor::net {

struct TlsOptions {
  std::string ca_pem;           // trust anchors; empty: the system's
  std::string client_cert_pem;  // with client_key_pem: client certificate authentication
  std::string client_key_pem;
  std::string server_name;  // verify against this name instead of the URL's host
  bool insecure_skip_verify = false;
};

struct HttpRequest {
  std::string method = "GET";
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string_view body;  // borrowed until send returns
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds total_timeout{0};       // 0: none
  std::chrono::milliseconds stall_timeout{60'000};  // no byte for so long: kTimeout; 0: none (watches)
};

struct HttpResponse {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case; repeated ones joined by ", "
  std::string body;                            // empty when a body sink was given
};

class HttpClient {
 public:
  explicit HttpClient(TlsOptions tls = {}, size_t max_idle_connections = 16);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  HttpResponse send(const HttpRequest& request, const base::CancelToken& cancel = {});
  // Streams the body of a response whose status is 2xx into `body` while it arrives; other bodies are
  // returned in HttpResponse::body. What `body` throws ends the transfer and passes through.
  HttpResponse send(const HttpRequest& request, base::Sink& body, const base::CancelToken& cancel = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace salvor::net
