#include "kube/transport.h"

#include <algorithm>
#include <charconv>

#include "codec/hash.h"

namespace salvor::kube {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

constexpr size_t kIdleConnections = 64;
constexpr auto kLongestRetryAfter = std::chrono::seconds(60);

bool is_read(const ApiRequest& request) {
  return request.method == "GET" || request.method == "HEAD";
}

// Whether the request cannot have reached the server. net::HttpClient has one code for all broken
// connections; those never made are told apart by libcurl's own words for them.
bool never_sent(const base::Error& error) {
  return error.message().find("Failed to connect") != std::string::npos ||
         error.message().find("Could not resolve") != std::string::npos;
}

std::optional<milliseconds> retry_after(const net::HttpResponse& response) {
  const auto header = response.headers.find("retry-after");
  if (header == response.headers.end()) return std::nullopt;
  int seconds = 0;
  const auto& text = header->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size() || seconds < 0) return std::nullopt;
  return std::min<milliseconds>(std::chrono::seconds(seconds), kLongestRetryAfter);
}

bool is_refusal(const net::HttpResponse& response) {
  return response.status == 429 || response.status == 503;
}

bool worth_repeating(const ApiRequest& request, const net::HttpResponse& response) {
  if (is_refusal(response)) return true;
  return response.status >= 500 && (is_read(request) || request.repeatable || retry_after(response));
}

// How often a request is tried that was answered so, when `most` is what is patient enough for a server that
// is gone. One that is overloaded or going down says 429 and 503; other errors pass soon where nothing but
// the server itself is asked. A webhook that fails may do so for good, and for each object.
int attempts_for(const ApiRequest& request, const net::HttpResponse& response, int most) {
  constexpr int kFew = 5, kSome = 9;
  if (response.status == 429) return most;
  if (!request.patient) return std::min(most, kFew);
  if (response.status == 503 || is_read(request)) return most;
  const bool webhook = response.body.find("webhook") != std::string::npos;
  return std::min(most, webhook ? kFew : kSome);
}

class BufferSink final : public base::Sink {
 public:
  BufferSink(std::string& buffer, size_t most, const std::string& path)
      : buffer_(buffer), most_(most), path_(path) {}
  void write(std::string_view data) override {
    buffer_.append(data);
    if (most_ > 0 && buffer_.size() > most_) {
      base::fail(base::ErrorCode::kInvalidArgument, "the answer to GET {} is larger than {} bytes", path_,
                 most_);
    }
  }

 private:
  std::string& buffer_;
  const size_t most_;
  const std::string& path_;
};

}  // namespace

Transport::Transport(Connection connection, ClientOptions options, base::Logger logger)
    : connection_(std::move(connection)),
      options_(std::move(options)),
      logger_(std::move(logger)),
      random_(options_.random ? options_.random : &system_random_),
      next_slot_(steady_clock::now()) {}

std::vector<std::pair<std::string, std::string>> Transport::headers() {
  auto result = connection_.headers;
  result.emplace_back("User-Agent", options_.user_agent);
  const auto token = connection_.token ? connection_.token() : std::string();
  if (!token.empty())
    result.emplace_back("Authorization", "Bearer " + token);
  else if (!connection_.username.empty())
    result.emplace_back("Authorization",
                        "Basic " + codec::to_base64(connection_.username + ":" + connection_.password));
  return result;
}

net::TlsOptions Transport::tls() {
  auto result = connection_.tls;
  if (connection_.client_certificate) {
    const auto certificate = connection_.client_certificate();
    if (!certificate.cert_pem.empty()) {
      result.client_cert_pem = certificate.cert_pem;
      result.client_key_pem = certificate.key_pem;
    }
  }
  return result;
}

bool Transport::renew_credentials() {
  if (!connection_.renew) return false;
  connection_.renew();
  return true;
}

std::shared_ptr<net::HttpClient> Transport::http() {
  auto options = tls();
  const ClientCertificate certificate{options.client_cert_pem, options.client_key_pem};
  std::lock_guard lock(mutex_);
  if (!http_ || certificate != certificate_) {
    http_ = std::make_shared<net::HttpClient>(std::move(options), kIdleConnections);
    certificate_ = certificate;
  }
  return http_;
}

// A bucket that holds one second's worth of requests.
void Transport::pace(const base::CancelToken& cancel) {
  if (options_.queries_per_second <= 0) return;
  const auto step = std::chrono::duration_cast<steady_clock::duration>(
      std::chrono::duration<double>(1.0 / options_.queries_per_second));
  steady_clock::duration wait{0};
  {
    std::lock_guard lock(mutex_);
    const auto now = steady_clock::now();
    next_slot_ = std::max(next_slot_ + step, now - std::chrono::seconds(1));
    wait = next_slot_ - now;
  }
  if (wait.count() > 0 && !cancel.sleep(wait)) cancel.check();
}

net::HttpResponse Transport::attempt(const ApiRequest& request, base::Sink* body,
                                     const base::CancelToken& cancel) {
  pace(cancel);
  net::HttpRequest http_request;
  http_request.method = request.method;
  http_request.url = connection_.server + request.path;
  http_request.headers = headers();
  http_request.headers.emplace_back("Accept", request.accept);
  if (!request.body.empty()) http_request.headers.emplace_back("Content-Type", request.content_type);
  http_request.body = request.body;
  if (options_.carrier) {
    auto response = options_.carrier(http_request);
    if (body && response.status / 100 == 2) body->write(std::exchange(response.body, {}));
    return response;
  }
  return body ? http()->send(http_request, *body, cancel) : http()->send(http_request, cancel);
}

net::HttpResponse Transport::repeat(const ApiRequest& request, base::Sink* body,
                                    const std::function<void()>& restart, const base::CancelToken& cancel) {
  bool renewed = false;
  for (int number = 1;; ++number) {
    milliseconds delay{0};
    std::string reason;
    try {
      if (restart) restart();
      auto response = attempt(request, body, cancel);
      if (is_refusal(response)) ++refusals_;
      if (response.status == 401 && !renewed && renew_credentials()) {
        renewed = true;
        continue;
      }
      if (!worth_repeating(request, response) ||
          number >= attempts_for(request, response, options_.retry.attempts))
        return response;
      delay = retry_after(response).value_or(base::backoff(options_.retry, number + 1, *random_));
      reason = fmt::format("HTTP {}", response.status);
    } catch (const base::Error& error) {
      const bool harmless = is_read(request) || request.repeatable || never_sent(error);
      if (number >= options_.retry.attempts || !error.retryable() || !harmless) throw;
      delay = base::backoff(options_.retry, number + 1, *random_);
      reason = error.message();
    }
    logger_.debug("repeating {} {} in {} ms: {}", request.method, request.path, delay.count(), reason);
    if (!cancel.sleep(delay)) cancel.check();
  }
}

net::HttpResponse Transport::send(const ApiRequest& request, const base::CancelToken& cancel) {
  return repeat(request, nullptr, nullptr, cancel);
}

net::HttpResponse Transport::send_into(const ApiRequest& request, std::string& buffer, size_t most,
                                       const base::CancelToken& cancel) {
  BufferSink sink(buffer, most, request.path);
  return repeat(
      request, &sink, [&] { buffer.clear(); }, cancel);
}

net::HttpResponse Transport::require(const ApiRequest& request, const base::CancelToken& cancel) {
  auto response = send(request, cancel);
  if (response.status / 100 != 2)
    throw status_error(response.status, response.body, request.method, request.path);
  return response;
}

net::HttpResponse Transport::stream(const ApiRequest& request, base::Sink& body, milliseconds longest,
                                    const base::CancelToken& cancel) {
  for (bool renewed = false;; renewed = true) {
    pace(cancel);
    net::HttpRequest http_request;
    http_request.method = request.method;
    http_request.url = connection_.server + request.path;
    http_request.headers = headers();
    http_request.headers.emplace_back("Accept", request.accept);
    http_request.total_timeout = longest;
    http_request.stall_timeout = milliseconds(0);
    auto response = http()->send(http_request, body, cancel);
    if (response.status != 401 || renewed || !renew_credentials()) return response;
  }
}

}  // namespace salvor::kube
