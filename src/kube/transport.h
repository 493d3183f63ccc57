// One request to an API server: address, credentials, pace, repeats. What Client's methods are built on.
// Thread-safe. Answers of any status are results here; only transport failures are thrown.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "kube/client.h"
#include "net/http_client.h"

namespace salvor::kube {

struct ApiRequest {
  std::string method = "GET";
  std::string path;  // with the query; begins with "/"
  std::string_view body = {};
  std::string content_type = "application/json";
  std::string accept = "application/json";
  // A write that may be sent again after a connection that broke, although the first may have been carried
  // out.
  bool repeatable = false;
  // Whether an answer 5xx is worth more than the attempts: not where a part of the API may be missing for
  // good.
  bool patient = true;
};

class Transport {
 public:
  Transport(Connection connection, ClientOptions options, base::Logger logger);

  // Repeats as client.h says.
  net::HttpResponse send(const ApiRequest& request, const base::CancelToken& cancel);
  // As send, but puts the body of a 2xx answer into `buffer`, replacing its content and keeping its capacity.
  // A body beyond `most` bytes is broken off with kInvalidArgument and `buffer` is then larger than that; 0:
  // no limit.
  net::HttpResponse send_into(const ApiRequest& request, std::string& buffer, size_t most,
                              const base::CancelToken& cancel);
  // As send, but throws a StatusError unless the answer is 2xx.
  net::HttpResponse require(const ApiRequest& request, const base::CancelToken& cancel);
  // Once, without repeats but for renewed credentials, and without a limit on silence below `longest`.
  net::HttpResponse stream(const ApiRequest& request, base::Sink& body, std::chrono::milliseconds longest,
                           const base::CancelToken& cancel);

  // Authorization and impersonation; what a WebSocket handshake needs too.
  std::vector<std::pair<std::string, std::string>> headers();
  // With the client certificate of an exec plugin, if there is one.
  net::TlsOptions tls();
  bool renew_credentials();
  // How many answers so far were 429 or 503, repeated or not.
  std::uint64_t refusals() const { return refusals_; }

  const Connection& connection() const { return connection_; }
  const ClientOptions& options() const { return options_; }
  const base::Logger& logger() const { return logger_; }
  base::Random& random() { return *random_; }

 private:
  std::shared_ptr<net::HttpClient> http();
  net::HttpResponse attempt(const ApiRequest& request, base::Sink* body, const base::CancelToken& cancel);
  // `restart` comes before each attempt.
  net::HttpResponse repeat(const ApiRequest& request, base::Sink* body, const std::function<void()>& restart,
                           const base::CancelToken& cancel);
  void pace(const base::CancelToken& cancel);

  const Connection connection_;
  const ClientOptions options_;
  const base::Logger logger_;
  base::SystemRandom system_random_;
  base::Random* const random_;
  std::atomic<std::uint64_t> refusals_ = 0;
  std::mutex mutex_;
  // Guarded by mutex_. Shared with requests in flight, which outlive a change of the certificate.
  std::shared_ptr<net::HttpClient> http_;
  ClientCertificate certificate_;                    // guarded by mutex_; http_ was made with it
  std::chrono::steady_clock::time_point next_slot_;  // guarded by mutex_
};

}  // namespace salvor::kube
