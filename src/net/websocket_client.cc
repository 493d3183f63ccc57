#include "net/websocket_client.h"

#include <netinet/tcp.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <condition_variable>
#include <deque>

#include "net/url.h"

namespace salvor::net {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using base::Error;
using base::ErrorCode;
using boost::system::error_code;
using tcp = asio::ip::tcp;

namespace {

// Read ahead so much, then wait for the receiver: a slow sink slows the sender down, not our memory up.
constexpr size_t kReadAhead = 1024 * 1024;
constexpr size_t kLargestMessage = 64 * 1024 * 1024;
constexpr size_t kLargestRefusal = 64 * 1024;
constexpr auto kPingPeriod = std::chrono::seconds(20);
constexpr auto kCloseTimeout = std::chrono::seconds(2);

struct Target {
  std::string name;  // the URL without its query, for messages
  Url url;
  bool tls = false;
  std::string port;
};

Target parse_target(const std::string& text) {
  Target target{text.substr(0, text.find('?')), parse_url(text), false, ""};
  const auto& scheme = target.url.scheme;
  if (scheme != "http" && scheme != "https" && scheme != "ws" && scheme != "wss")
    base::fail(ErrorCode::kInvalidArgument, "cannot connect to \"{}\": unknown scheme \"{}\"", target.name,
               scheme);
  target.tls = scheme == "https" || scheme == "wss";
  target.port = !target.url.port.empty() ? target.url.port : target.tls ? "443" : "80";
  return target;
}

void load_anchors(asio::ssl::context& context, const std::string& pem) {
  context.add_certificate_authority(asio::buffer(pem));
}

asio::ssl::context make_context(const TlsOptions& tls, const std::string& name) {
  asio::ssl::context context(asio::ssl::context::tls_client);
  try {
    context.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                        asio::ssl::context::no_tlsv1_1);
    if (!tls.ca_pem.empty())
      load_anchors(context, tls.ca_pem);
    else
      context.set_default_verify_paths();
    if (!tls.client_cert_pem.empty()) {
      context.use_certificate_chain(asio::buffer(tls.client_cert_pem));
      context.use_private_key(asio::buffer(tls.client_key_pem), asio::ssl::context::pem);
    }
  } catch (const boost::system::system_error& error) {
    base::fail(ErrorCode::kUnauthenticated, "cannot connect to \"{}\": certificate or key is unusable: {}",
               name, error.code().message());
  }
  context.set_verify_mode(tls.insecure_skip_verify ? asio::ssl::verify_none : asio::ssl::verify_peer);
  return context;
}

ErrorCode code_of(int status) {
  switch (status) {
    case 400:
    case 422:
      return ErrorCode::kInvalidArgument;
    case 401:
      return ErrorCode::kUnauthenticated;
    case 403:
      return ErrorCode::kPermissionDenied;
    case 404:
      return ErrorCode::kNotFound;
    case 409:
      return ErrorCode::kConflict;
    case 410:
      return ErrorCode::kGone;
    case 429:
      return ErrorCode::kUnavailable;
    case 504:
      return ErrorCode::kTimeout;
    default:
      return status >= 500 ? ErrorCode::kUnavailable : ErrorCode::kUnsupported;
  }
}

using PlainStream = websocket::stream<beast::tcp_stream>;
using TlsStream = websocket::stream<beast::ssl_stream<beast::tcp_stream>>;

// All of Beast's objects are touched on the I/O thread only; callers post to it and wait.
template <typename Stream>
class Connection final : public WebSocket {
 public:
  template <typename... Args>
  explicit Connection(Target target, Args&&... args)
      : target_(std::move(target)),
        resolver_(context_),
        stream_(context_, std::forward<Args>(args)...),
        pinger_(context_),
        buffer_(kLargestMessage) {}

  // The context of TLS, which the stream refers to, is made before the base's stream: see TlsConnection.
  void connect(const std::vector<std::pair<std::string, std::string>>& headers,
               const std::vector<std::string>& protocols, const TlsOptions& tls,
               std::chrono::nanoseconds timeout, const base::CancelToken& cancel) {
    std::string offered;
    for (const auto& protocol : protocols) offered += (offered.empty() ? "" : ", ") + protocol;
    stream_.set_option(
        websocket::stream_base::decorator([headers, offered](websocket::request_type& request) {
          for (const auto& [name, value] : headers) request.set(name, value);
          // Repeated headers, such as Impersonate-Group, keep all their values.
          for (size_t i = 0; i < headers.size(); ++i)
            for (size_t j = 0; j < i; ++j)
              if (headers[i].first == headers[j].first) request.insert(headers[i].first, headers[j].second);
          if (!offered.empty()) request.set(http::field::sec_websocket_protocol, offered);
        }));
    stream_.set_option(websocket::stream_base::timeout{std::chrono::steady_clock::duration::max(),
                                                       websocket::stream_base::none(), false});
    stream_.read_message_max(kLargestMessage);
    stream_.auto_fragment(false);
    stream_.binary(true);
    // Handshake answers other than 101 are read by Beast into response_, up to what its parser allows.
    asio::post(context_, [this, tls] { start_resolve(tls); });
    thread_ = std::thread([this] { context_.run(); });
    wait_opened(timeout, cancel);
  }

  ~Connection() override {
    try {
      close();
    } catch (...) {  // NOLINT: a destructor has nobody to tell
    }
    context_.stop();
    if (thread_.joinable()) thread_.join();
  }

  void send(std::string_view data, bool binary) override {
    std::lock_guard one_writer(send_mutex_);
    std::unique_lock lock(mutex_);
    if (closed_ || failure_) throw_closed();
    write_done_ = false;
    asio::post(context_, [this, data, binary] {
      stream_.binary(binary);
      stream_.async_write(asio::buffer(data.data(), data.size()), [this](error_code error, size_t) {
        std::lock_guard guard(mutex_);
        write_done_ = true;
        if (error && !failure_) failure_ = error.message();
        changed_.notify_all();
      });
    });
    changed_.wait(lock, [this] { return write_done_; });
    if (failure_) throw_closed();
  }

  std::optional<WebSocketMessage> receive(std::chrono::nanoseconds timeout,
                                          const base::CancelToken& cancel) override {
    std::unique_lock lock(mutex_);
    const auto ready = [this] { return !messages_.empty() || ended_ || failure_ || closed_; };
    const auto limit =
        std::chrono::steady_clock::now() + std::min<std::chrono::nanoseconds>(timeout, kForever);
    if (!changed_.wait_until(lock, cancel.stop_token(), limit, ready)) {
      cancel.check();
      throw Error(ErrorCode::kTimeout, fmt::format("no message from \"{}\" in time", target_.name), true);
    }
    if (!messages_.empty()) {
      auto message = std::move(messages_.front());
      messages_.pop_front();
      waiting_ -= message.data.size();
      if (reader_paused_ && waiting_ < kReadAhead) {
        reader_paused_ = false;
        asio::post(context_, [this] { start_read(); });
      }
      return message;
    }
    if (failure_) throw_closed();
    return std::nullopt;
  }

  void close() override {
    std::unique_lock lock(mutex_);
    if (closed_) return;
    closed_ = true;
    changed_.notify_all();
    if (!opened_) return;
    asio::post(context_, [this] {
      pinger_.cancel();
      auto& lowest = beast::get_lowest_layer(stream_);
      // A peer that does not answer the close, or a write that hangs, ends with the socket.
      auto timer = std::make_shared<asio::steady_timer>(context_, kCloseTimeout);
      timer->async_wait([&lowest, timer](error_code error) {
        if (!error) lowest.close();
      });
      stream_.async_close(websocket::close_code::normal, [this, timer](error_code) {
        timer->cancel();
        beast::get_lowest_layer(stream_).close();
        std::lock_guard guard(mutex_);
        close_done_ = true;
        changed_.notify_all();
      });
    });
    changed_.wait_for(lock, 2 * kCloseTimeout, [this] { return close_done_; });
  }

  const std::string& protocol() const override { return protocol_; }

 private:
  static constexpr std::chrono::nanoseconds kForever = std::chrono::hours(24 * 365);

  [[noreturn]] void throw_closed() const {
    throw Error(
        ErrorCode::kUnavailable,
        fmt::format("the connection to \"{}\" broke: {}", target_.name, failure_.value_or("it is closed")),
        true);
  }

  void wait_opened(std::chrono::nanoseconds timeout, const base::CancelToken& cancel) {
    std::unique_lock lock(mutex_);
    const auto limit =
        std::chrono::steady_clock::now() + std::min<std::chrono::nanoseconds>(timeout, kForever);
    const bool decided =
        changed_.wait_until(lock, cancel.stop_token(), limit, [this] { return opened_ || open_error_; });
    if (decided && opened_) return;
    if (!decided) {
      cancel.check();
      throw Error(ErrorCode::kTimeout, fmt::format("cannot connect to \"{}\": timed out", target_.name),
                  true);
    }
    std::rethrow_exception(open_error_);
  }

  void fail_open(Error error) {
    std::lock_guard lock(mutex_);
    open_error_ = std::make_exception_ptr(std::move(error));
    changed_.notify_all();
  }
  void fail_open(std::string_view doing, const error_code& error) {
    const bool certificate = error.category() == asio::error::get_ssl_category() &&
                             error.message().find("certificate verify failed") != std::string::npos;
    if (certificate)
      fail_open(Error(ErrorCode::kUnauthenticated,
                      fmt::format("cannot connect to \"{}\": the server's certificate does not verify: {}",
                                  target_.name, error.message())));
    else
      fail_open(Error(ErrorCode::kUnavailable,
                      fmt::format("cannot connect to \"{}\": {}: {}", target_.name, doing, error.message()),
                      true));
  }

  void start_resolve(const TlsOptions& tls) {
    resolver_.async_resolve(target_.url.host, target_.port,
                            [this, tls](error_code error, tcp::resolver::results_type results) {
                              if (error) return fail_open("resolve", error);
                              beast::get_lowest_layer(stream_).async_connect(
                                  results, [this, tls](error_code connect_error, const tcp::endpoint&) {
                                    if (connect_error) return fail_open("connect", connect_error);
                                    connected(tls);
                                  });
                            });
  }

  void connected(const TlsOptions& tls) {
    auto& socket = beast::get_lowest_layer(stream_).socket();
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    socket.set_option(asio::socket_base::keep_alive(true), ignored);
    const int idle = 30, interval = 10;
    ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    if constexpr (std::is_same_v<Stream, TlsStream>) {
      const auto& name = tls.server_name.empty() ? target_.url.host : tls.server_name;
      auto& layer = stream_.next_layer();
      if (name.find_first_not_of("0123456789.") != std::string::npos && name.find(':') == std::string::npos)
        SSL_set_tlsext_host_name(layer.native_handle(), name.c_str());
      if (!tls.insecure_skip_verify) layer.set_verify_callback(asio::ssl::host_name_verification(name));
      layer.async_handshake(asio::ssl::stream_base::client, [this](error_code error) {
        if (error) return fail_open("TLS handshake", error);
        handshake();
      });
    } else {
      handshake();
    }
  }

  void handshake() {
    const auto path = target_.url.path.empty() ? "/" : target_.url.path;
    const auto request = target_.url.query.empty() ? path : path + "?" + target_.url.query;
    stream_.async_handshake(response_, target_.url.authority(), request, [this](error_code error) {
      if (error == websocket::error::upgrade_declined) return refused();
      if (error) return fail_open("upgrade", error);
      {
        std::lock_guard lock(mutex_);
        protocol_ = std::string(response_[http::field::sec_websocket_protocol]);
        opened_ = true;
        changed_.notify_all();
      }
      start_read();
      start_pings();
    });
  }

  void refused() {
    const int status = static_cast<int>(response_.result_int());
    auto body = response_.body().substr(0, kLargestRefusal);
    fail_open_with(UpgradeRefused(
        code_of(status),
        fmt::format("cannot connect to \"{}\": HTTP {}: {}", target_.name, status, body.substr(0, 300)),
        status == 429 || status >= 500, status, body));
  }
  void fail_open_with(UpgradeRefused error) {
    std::lock_guard lock(mutex_);
    open_error_ = std::make_exception_ptr(std::move(error));
    changed_.notify_all();
  }

  void start_read() {
    stream_.async_read(buffer_, [this](error_code error, size_t) {
      std::lock_guard lock(mutex_);
      if (error) {
        if (error == websocket::error::closed)
          ended_ = true;
        else if (!failure_ && !closed_)
          failure_ = error.message();
        changed_.notify_all();
        return;
      }
      messages_.push_back({stream_.got_binary(), beast::buffers_to_string(buffer_.data())});
      waiting_ += messages_.back().data.size();
      buffer_.consume(buffer_.size());
      changed_.notify_all();
      if (waiting_ >= kReadAhead)
        reader_paused_ = true;
      else
        start_read();
    });
  }

  // Keeps balancers between us and a long silent command from cutting the connection.
  void start_pings() {
    pinger_.expires_after(kPingPeriod);
    pinger_.async_wait([this](error_code error) {
      if (error) return;
      stream_.async_ping({}, [this](error_code ping_error) {
        if (!ping_error) start_pings();
      });
    });
  }

  const Target target_;
  asio::io_context context_{1};
  tcp::resolver resolver_;
  Stream stream_;
  asio::steady_timer pinger_;
  beast::flat_buffer buffer_;
  websocket::response_type response_;
  std::thread thread_;
  std::mutex send_mutex_;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  // All below are guarded by mutex_.
  bool opened_ = false, closed_ = false, close_done_ = false, ended_ = false;
  bool write_done_ = true, reader_paused_ = false;
  std::exception_ptr open_error_;
  std::optional<std::string> failure_;
  std::deque<WebSocketMessage> messages_;
  size_t waiting_ = 0;    // bytes in messages_
  std::string protocol_;  // constant once opened_
};

// Owns the TLS context that its connection refers to.
class TlsConnection final : public WebSocket {
 public:
  TlsConnection(Target target, const TlsOptions& tls)
      : context_(make_context(tls, target.name)), connection_(std::move(target), context_) {}
  Connection<TlsStream>& connection() { return connection_; }

  void send(std::string_view data, bool binary) override { connection_.send(data, binary); }
  std::optional<WebSocketMessage> receive(std::chrono::nanoseconds timeout,
                                          const base::CancelToken& cancel) override {
    return connection_.receive(timeout, cancel);
  }
  void close() override { connection_.close(); }
  const std::string& protocol() const override { return connection_.protocol(); }

 private:
  asio::ssl::context context_;
  Connection<TlsStream> connection_;
};

}  // namespace

std::unique_ptr<WebSocket> websocket_connect(const std::string& url,
                                             const std::vector<std::pair<std::string, std::string>>& headers,
                                             const std::vector<std::string>& protocols, const TlsOptions& tls,
                                             std::chrono::nanoseconds connect_timeout,
                                             const base::CancelToken& cancel) {
  auto target = parse_target(url);
  if (target.tls) {
    auto connection = std::make_unique<TlsConnection>(std::move(target), tls);
    connection->connection().connect(headers, protocols, tls, connect_timeout, cancel);
    return connection;
  }
  auto connection = std::make_unique<Connection<PlainStream>>(std::move(target));
  connection->connect(headers, protocols, tls, connect_timeout, cancel);
  return connection;
}

}  // namespace salvor::net
