#include "net/http_client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"

namespace salvor::net {
namespace {

using base::ErrorCode;
using std::chrono::milliseconds;

// Accepts connections one after the other and answers each request head that arrives with what `answer` says;
// an empty answer holds the connection open and silent. Ends when destroyed.
class RawServer {
 public:
  using Answer = std::function<std::string(const std::string& request)>;
  explicit RawServer(Answer answer)
      : answer_(std::move(answer)), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), length) != 0 ||
        ::listen(listener_.get(), 16) != 0 ||
        ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0) {
      throw base::system_error(errno, "listen");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this](std::stop_token stop) { run(stop); });
  }
  std::string url(const std::string& path = "/") const {
    return fmt::format("http://127.0.0.1:{}{}", port_, path);
  }
  int connections() const { return connections_; }
  std::string last_request() {
    std::lock_guard lock(mutex_);
    return last_request_;
  }

 private:
  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      pollfd ready{listener_.get(), POLLIN, 0};
      if (::poll(&ready, 1, 20) <= 0) continue;
      base::Fd connection(::accept(listener_.get(), nullptr, nullptr));
      if (!connection.valid()) continue;
      ++connections_;
      serve(connection.get(), stop);
    }
  }

  void serve(int fd, const std::stop_token& stop) {
    std::string received;
    while (!stop.stop_requested()) {
      pollfd ready{fd, POLLIN, 0};
      if (::poll(&ready, 1, 20) <= 0) continue;
      char buffer[65536];
      const ssize_t count = ::recv(fd, buffer, sizeof buffer, 0);
      if (count <= 0) return;
      received.append(buffer, static_cast<size_t>(count));
      const size_t head_end = received.find("\r\n\r\n");
      if (head_end == std::string::npos) continue;
      size_t body = 0;
      if (const size_t at = received.find("Content-Length: "); at < head_end) {
        body = static_cast<size_t>(std::stoul(received.substr(at + 16)));
      }
      if (received.size() < head_end + 4 + body) continue;
      const std::string request = received.substr(0, head_end + 4 + body);
      received.erase(0, request.size());
      {
        std::lock_guard lock(mutex_);
        last_request_ = request;
      }
      const std::string answer = answer_(request);
      if (answer.empty()) continue;
      if (::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) return;
      if (answer.find("Connection: close") != std::string::npos) return;
    }
  }

  Answer answer_;
  base::Fd listener_;
  int port_ = 0;
  std::atomic<int> connections_ = 0;
  std::mutex mutex_;
  std::string last_request_;  // guarded by mutex_
  std::jthread thread_;       // last: joins before the rest goes
};

std::string ok(const std::string& body, const std::string& headers = "") {
  return fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{}\r\n{}", body.size(), headers, body);
}

ErrorCode code_of(const std::function<void()>& function, bool* retryable = nullptr) {
  try {
    function();
  } catch (const base::Error& error) {
    if (retryable != nullptr) *retryable = error.retryable();
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorCode::kInternal;
}

TEST(HttpClient, ReturnsStatusHeadersAndBody) {
  RawServer server([](const std::string&) { return ok("hello", "X-One: 1\r\nx-two: a\r\nX-Two: b\r\n"); });
  HttpClient client;
  const HttpResponse response = client.send({.url = server.url("/path?q=1")});
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "hello");
  EXPECT_EQ(response.headers.at("x-one"), "1");
  EXPECT_EQ(response.headers.at("x-two"), "a, b");
  EXPECT_TRUE(server.last_request().starts_with("GET /path?q=1 HTTP/1.1\r\n"));
}

TEST(HttpClient, SendsMethodHeadersAndBody) {
  RawServer server([](const std::string&) { return ok(""); });
  HttpClient client;
  const std::string body(300'000, 'x');
  client.send(
      {.method = "PATCH", .url = server.url(), .headers = {{"X-Empty", ""}, {"X-A", "b"}}, .body = body});
  const std::string request = server.last_request();
  EXPECT_TRUE(request.starts_with("PATCH / HTTP/1.1\r\n"));
  EXPECT_NE(request.find("X-A: b\r\n"), std::string::npos);
  EXPECT_NE(request.find("X-Empty:"), std::string::npos);
  EXPECT_NE(request.find("Content-Length: 300000\r\n"), std::string::npos);
  EXPECT_EQ(request.find("Expect"), std::string::npos);
  EXPECT_EQ(request.find("Content-Type"), std::string::npos);
  EXPECT_TRUE(request.ends_with(body));
}

TEST(HttpClient, UsesAConnectionAgain) {
  RawServer server([](const std::string&) { return ok("x"); });
  HttpClient client;
  for (int i = 0; i < 5; ++i) client.send({.url = server.url()});
  EXPECT_EQ(server.connections(), 1);
}

TEST(HttpClient, StreamsOnlySuccessfulBodiesIntoTheSink) {
  std::atomic<int> status = 200;
  RawServer server([&](const std::string&) {
    return fmt::format("HTTP/1.1 {} X\r\nContent-Length: 4\r\n\r\nbody", status.load());
  });
  HttpClient client;
  base::StringSink sink;
  EXPECT_EQ(client.send({.url = server.url()}, sink).body, "");
  EXPECT_EQ(sink.data(), "body");
  status = 404;
  base::StringSink untouched;
  const HttpResponse response = client.send({.url = server.url()}, untouched);
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.body, "body");
  EXPECT_EQ(untouched.data(), "");
}

TEST(HttpClient, PassesOnWhatTheSinkThrows) {
  RawServer server([](const std::string&) { return ok("body"); });
  HttpClient client;
  base::FunctionSink sink([](std::string_view) { throw base::Error(ErrorCode::kNoSpace, "full"); });
  EXPECT_EQ(code_of([&] { client.send({.url = server.url()}, sink); }), ErrorCode::kNoSpace);
}

TEST(HttpClient, ReportsARefusedConnectionAsUnavailable) {
  std::string url;
  {
    RawServer server([](const std::string&) { return ok(""); });
    url = server.url();
  }
  HttpClient client;
  bool retryable = false;
  EXPECT_EQ(code_of([&] { client.send({.url = url}); }, &retryable), ErrorCode::kUnavailable);
  EXPECT_TRUE(retryable);
}

TEST(HttpClient, ReportsAConnectionThatBreaksInTheMiddleAsUnavailable) {
  RawServer server([](const std::string&) {
    return std::string("HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\nshort");
  });
  HttpClient client;
  bool retryable = false;
  EXPECT_EQ(code_of([&] { client.send({.url = server.url()}); }, &retryable), ErrorCode::kUnavailable);
  EXPECT_TRUE(retryable);
}

TEST(HttpClient, GivesUpOnASilentServer) {
  RawServer server([](const std::string&) { return std::string(); });
  HttpClient client;
  bool retryable = false;
  EXPECT_EQ(
      code_of([&] { client.send({.url = server.url(), .stall_timeout = milliseconds(50)}); }, &retryable),
      ErrorCode::kTimeout);
  EXPECT_TRUE(retryable);
  EXPECT_EQ(code_of([&] { client.send({.url = server.url(), .total_timeout = milliseconds(50)}); }),
            ErrorCode::kTimeout);
}

TEST(HttpClient, ACancelledTokenEndsATransferThatWaits) {
  base::CancelSource source;
  RawServer server([&](const std::string&) {
    source.cancel();  // the request has arrived: the client is waiting now
    return std::string();
  });
  HttpClient client;
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(code_of([&] { client.send({.url = server.url()}, source.token()); }), ErrorCode::kCancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - start, milliseconds(900));  // not at libcurl's next tick
  EXPECT_EQ(code_of([&] { client.send({.url = server.url()}, source.token()); }), ErrorCode::kCancelled);
}

TEST(HttpClient, RefusesWhatIsNotHttpAndHeaderInjection) {
  HttpClient client;
  EXPECT_EQ(code_of([&] { client.send({.url = "file:///etc/passwd"}); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([&] {
              client.send({.url = "http://127.0.0.1:1/", .headers = {{"A", "b\r\nC: d"}}});
            }),
            ErrorCode::kInvalidArgument);
}

TEST(HttpClient, ErrorMessagesNameTheUrlWithoutItsQuery) {
  HttpClient client;
  try {
    client.send({.url = "http://127.0.0.1:1/key?X-Amz-Signature=secret"});
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_NE(error.message().find("cannot GET \"http://127.0.0.1:1/key\""), std::string::npos);
    EXPECT_EQ(error.message().find("secret"), std::string::npos);
  }
}

TEST(HttpClient, IsUsableFromManyThreadsAtOnce) {
  RawServer server([](const std::string&) { return ok("x", "Connection: close\r\n"); });
  HttpClient client;
  std::vector<std::future<int>> results;
  for (int i = 0; i < 8; ++i) {
    results.push_back(
        std::async(std::launch::async, [&] { return client.send({.url = server.url()}).status; }));
  }
  for (auto& result : results) EXPECT_EQ(result.get(), 200);
}

// A TLS server out of the openssl command, with a certificate for "salvor.test" that only its own CA file
// vouches for.
class TlsServer {
 public:
  TlsServer() {
    const std::string key = (directory_.path() / "key.pem").string();
    const std::string certificate = (directory_.path() / "cert.pem").string();
    const auto made = base::run_process({"openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
                                         "-keyout", key, "-out", certificate, "-days", "2", "-subj",
                                         "/CN=salvor.test", "-addext", "subjectAltName=DNS:salvor.test"});
    if (made.exit_code != 0) throw base::Error(ErrorCode::kInternal, made.error_output);
    ca = base::read_file(certificate);
    base::ProcessOptions options;
    options.output = directory_.path() / "log";
    server_ = std::make_unique<base::Process>(
        std::vector<std::string>{"openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", certificate,
                                 "-key", key, "-www"},
        options);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < deadline) {  // it prints "ACCEPT 127.0.0.1:PORT"
      const std::string log = base::read_file_if_exists(*options.output).value_or("");
      if (const size_t at = log.find("ACCEPT 127.0.0.1:");
          at != std::string::npos && log.find('\n', at) != log.npos) {
        url = "https://127.0.0.1:" + std::to_string(std::stoi(log.substr(at + 17))) + "/";
        return;
      }
      std::this_thread::sleep_for(milliseconds(10));
    }
    throw base::Error(ErrorCode::kTimeout, "openssl s_server did not say its port");
  }
  std::string ca, url;

 private:
  base::TempDir directory_;
  std::unique_ptr<base::Process> server_;
};

TEST(HttpClientTls, AcceptsOnlyWhatTheTrustAnchorsVouchFor) {
  const TlsServer server;
  HttpClient without_anchor({.server_name = "salvor.test"});
  EXPECT_EQ(code_of([&] { without_anchor.send({.url = server.url}); }), ErrorCode::kUnauthenticated);

  HttpClient wrong_name({.ca_pem = server.ca});
  EXPECT_EQ(code_of([&] { wrong_name.send({.url = server.url}); }), ErrorCode::kUnauthenticated);

  HttpClient right({.ca_pem = server.ca, .server_name = "salvor.test"});
  EXPECT_EQ(right.send({.url = server.url}).status, 200);

  HttpClient careless({.insecure_skip_verify = true});
  EXPECT_EQ(careless.send({.url = server.url}).status, 200);
}

}  // namespace
}  // namespace salvor::net
