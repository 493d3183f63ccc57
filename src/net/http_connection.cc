#include "net/http_connection.h"

#include <sys/socket.h>

#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <future>

#include "base/error.h"
#include "net/server_websocket.h"
#include "net/url.h"

namespace salvor::net {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using base::ErrorCode;
using Headers = std::vector<std::pair<std::string, std::string>>;

void HttpServerShared::close_all() {
  std::vector<std::shared_ptr<HttpConnectionBase>> alive;
  {
    std::lock_guard lock(mutex);
    for (auto& [key, weak] : connections) {
      if (auto connection = weak.lock()) alive.push_back(std::move(connection));
    }
  }
  for (auto& connection : alive) connection->abort();
}

namespace {

using TlsStream = asio::ssl::stream<tcp::socket>;

tcp::socket& socket_of(tcp::socket& stream) {
  return stream;
}
tcp::socket& socket_of(TlsStream& stream) {
  return stream.next_layer();
}

std::string format_head(int status, const Headers& headers, std::string_view framing, unsigned version,
                        bool keep_alive) {
  std::string head =
      fmt::format("HTTP/1.{} {} {}\r\n", version % 10, status,
                  std::string(http::obsolete_reason(http::int_to_status(static_cast<unsigned>(status)))));
  for (const auto& [name, value] : headers) head += name + ": " + value + "\r\n";
  head += framing;
  if (!keep_alive) head += "Connection: close\r\n";
  return head + "\r\n";
}

// Copies between the peer's stream and the local end of a socket pair, both ways, until both have ended.
template <typename Stream>
class Pump : public std::enable_shared_from_this<Pump<Stream>> {
 public:
  Pump(std::shared_ptr<Stream> stream, asio::local::stream_protocol::socket local)
      : stream_(std::move(stream)), local_(std::move(local)) {}
  void start() {
    read_peer();
    read_local();
  }

 private:
  void read_peer() {
    stream_->async_read_some(asio::buffer(in_), [self = this->shared_from_this()](auto error, size_t size) {
      if (error) return self->close();
      asio::async_write(self->local_, asio::buffer(self->in_, size), [self](auto failed, size_t) {
        if (failed) return self->close();
        self->read_peer();
      });
    });
  }
  void read_local() {
    local_.async_read_some(asio::buffer(out_), [self = this->shared_from_this()](auto error, size_t size) {
      if (error) return self->close();
      asio::async_write(*self->stream_, asio::buffer(self->out_, size), [self](auto failed, size_t) {
        if (failed) return self->close();
        self->read_local();
      });
    });
  }
  void close() {
    boost::system::error_code ignored;
    local_.close(ignored);
    socket_of(*stream_).close(ignored);
  }

  std::shared_ptr<Stream> stream_;
  asio::local::stream_protocol::socket local_;
  std::array<char, 16384> in_, out_;
};

template <typename Stream>
class Connection final : public HttpConnectionBase, public std::enable_shared_from_this<Connection<Stream>> {
 public:
  Connection(HttpServerShared& shared, std::shared_ptr<Stream> stream)
      : shared_(shared), stream_(std::move(stream)), timer_(stream_->get_executor()) {}

  ~Connection() override {
    std::lock_guard lock(shared_.mutex);
    shared_.connections.erase(this);
  }

  void start() {
    {
      std::lock_guard lock(shared_.mutex);
      shared_.connections[this] = this->weak_from_this();
    }
    asio::dispatch(stream_->get_executor(), [self = this->shared_from_this()] { self->begin(); });
  }

  void abort() override {
    {
      std::lock_guard lock(cancel_mutex_);
      cancel_.cancel();
    }
    asio::post(stream_->get_executor(), [self = this->shared_from_this()] { self->close(); });
  }

 private:
  class Reply;

  void begin() {
    if constexpr (std::is_same_v<Stream, TlsStream>) {
      arm_timer(std::chrono::seconds(20));
      stream_->async_handshake(TlsStream::server, [self = this->shared_from_this()](auto error) {
        if (!error) self->read_request();
      });
    } else {
      read_request();
    }
  }

  void arm_timer(std::chrono::milliseconds after) {
    timer_.expires_after(after);
    timer_.async_wait([weak = this->weak_from_this()](auto error) {
      auto self = weak.lock();
      if (!error && self) self->close();
    });
  }

  void close() {
    boost::system::error_code ignored;
    timer_.cancel();
    socket_of(*stream_).close(ignored);
  }

  void read_request() {
    if (shared_.stopping) return close();
    arm_timer(shared_.options.idle_timeout);
    parser_.emplace();
    parser_->body_limit(shared_.options.max_body);
    parser_->header_limit(64 * 1024);
    http::async_read_header(*stream_, buffer_, *parser_,
                            [self = this->shared_from_this()](auto error, size_t) {
                              // A stated length is checked with the head already.
                              if (error == http::error::body_limit)
                                return self->refuse(413, "request body too large");
                              if (error) return self->close();
                              // A client that asks first waits a second for this otherwise.
                              if (beast::iequals(self->parser_->get()[http::field::expect], "100-continue")) {
                                return self->send_continue();
                              }
                              self->read_body();
                            });
  }

  void send_continue() {
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    asio::async_write(*stream_, asio::buffer(kContinue),
                      [self = this->shared_from_this()](auto error, size_t) {
                        if (error) return self->close();
                        self->read_body();
                      });
  }

  void read_body() {
    http::async_read(*stream_, buffer_, *parser_, [self = this->shared_from_this()](auto error, size_t) {
      if (error == http::error::body_limit) return self->refuse(413, "request body too large");
      if (error) return self->close();
      self->dispatch_request();
    });
  }

  // For answers that no handler gives; ends the connection.
  void refuse(int status, std::string_view text) {
    auto data = std::make_shared<std::string>(
        format_head(status, {}, fmt::format("Content-Length: {}\r\n", text.size()), 11, false) +
        std::string(text));
    asio::async_write(*stream_, asio::buffer(*data), [self = this->shared_from_this(), data](auto, size_t) {
      boost::system::error_code ignored;
      socket_of(*self->stream_).shutdown(tcp::socket::shutdown_send, ignored);
      self->arm_timer(std::chrono::seconds(2));
      self->drain();
    });
  }

  // Reads what the client still sends, so that closing does not take the answer away from it.
  void drain() {
    buffer_.consume(buffer_.size());
    stream_->async_read_some(buffer_.prepare(16384), [self = this->shared_from_this()](auto error, size_t) {
      if (error) return self->close();
      self->drain();
    });
  }

  void dispatch_request() {
    timer_.cancel();
    auto message = parser_->release();
    parser_.reset();
    version_ = message.version();
    keep_alive_ = message.keep_alive();
    head_only_ = message.method() == http::verb::head;
    request_.method = std::string(message.method_string());
    request_.target = std::string(message.target());
    const size_t mark = request_.target.find('?');
    request_.path = percent_decode(std::string_view(request_.target).substr(0, mark));
    request_.query = mark == std::string::npos ? "" : request_.target.substr(mark + 1);
    request_.headers.clear();
    for (const auto& field : message) {
      request_.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
    }
    request_.body = std::move(message.body());
    boost::system::error_code ignored;
    request_.remote_address = socket_of(*stream_).remote_endpoint(ignored).address().to_string();
    {
      std::lock_guard lock(cancel_mutex_);
      cancel_ = base::CancelSource();
      request_.cancel = cancel_.token();
    }
    if (shared_.stopping) return close();
    // An upgraded connection's bytes belong to the handler; nothing may read before it.
    const bool upgrade = !request_.header("Upgrade").empty();
    if (!upgrade) monitor();
    auto self = this->shared_from_this();
    if (!shared_.threads.run([self] { self->handle(); })) {
      refuse(503, "too many requests at once");
    }
  }

  // Reads while the handler works, which is how a client's going away is noticed. What arrives is kept.
  void monitor() {
    if (monitoring_ || buffer_.size() > 0) return;
    monitoring_ = true;
    stream_->async_read_some(buffer_.prepare(4096),
                             [self = this->shared_from_this()](auto error, size_t size) {
                               self->monitoring_ = false;
                               self->buffer_.commit(size);
                               if (error) {
                                 self->gone_ = true;
                                 {
                                   std::lock_guard lock(self->cancel_mutex_);
                                   self->cancel_.cancel();
                                 }
                                 self->close();
                               } else if (self->answered_) {
                                 self->answered_ = false;
                                 self->read_request();
                               }
                               // Else the next request has begun to arrive: it waits in the buffer until this
                               // one is answered.
                             });
  }

  void handle();

  // On the strand, when the handler has returned.
  void next() {
    if (gone_ || taken_) return;
    if (!keep_alive_ || shared_.stopping) {
      boost::system::error_code ignored;
      socket_of(*stream_).shutdown(tcp::socket::shutdown_send, ignored);
      arm_timer(std::chrono::seconds(2));
      return;
    }
    request_ = ServerRequest{};
    if (monitoring_) {
      // The pending read becomes the read of the next request.
      answered_ = true;
      arm_timer(shared_.options.idle_timeout);
    } else {
      read_request();
    }
  }

  // Writes from the handler's thread and waits. Throws kUnavailable when the client has gone.
  void write(std::string_view first, std::string_view second = {}, std::string_view third = {}) {
    std::promise<boost::system::error_code> done;
    asio::post(stream_->get_executor(), [&, self = this->shared_from_this()] {
      const std::array<asio::const_buffer, 3> buffers{asio::buffer(first), asio::buffer(second),
                                                      asio::buffer(third)};
      asio::async_write(*self->stream_, buffers, [&, self](auto error, size_t) { done.set_value(error); });
    });
    const auto error = done.get_future().get();
    if (error) throw base::Error(ErrorCode::kUnavailable, "client went away: " + error.message());
  }

  HttpServerShared& shared_;
  std::shared_ptr<Stream> stream_;  // shared with what takes over the connection
  asio::steady_timer timer_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  ServerRequest request_;
  unsigned version_ = 11;
  bool keep_alive_ = false, head_only_ = false;
  bool monitoring_ = false, answered_ = false, gone_ = false, taken_ = false;  // on the strand
  std::mutex cancel_mutex_;
  base::CancelSource cancel_;  // guarded by cancel_mutex_
};

template <typename Stream>
class Connection<Stream>::Reply final : public ServerReply {
 public:
  explicit Reply(Connection& connection) : connection_(connection) {}

  void send(int status, Headers headers, std::string_view body) override {
    begin();
    const bool bodiless = status == 204 || status == 304 || (status >= 100 && status < 200);
    const std::string head =
        format_head(status, headers, bodiless ? "" : fmt::format("Content-Length: {}\r\n", body.size()),
                    connection_.version_, connection_.keep_alive_);
    connection_.write(head, connection_.head_only_ || bodiless ? std::string_view{} : body);
  }

  void start_stream(int status, Headers headers) override {
    begin();
    chunked_ = connection_.version_ >= 11;
    if (!chunked_) connection_.keep_alive_ = false;
    streaming_ = true;
    connection_.write(format_head(status, headers, chunked_ ? "Transfer-Encoding: chunked\r\n" : "",
                                  connection_.version_, connection_.keep_alive_));
  }

  void write_chunk(std::string_view data) override {
    if (data.empty()) return;
    if (connection_.head_only_) return;
    if (!chunked_) return connection_.write(data);
    connection_.write(fmt::format("{:x}\r\n", data.size()), data, "\r\n");
  }

  std::unique_ptr<WebSocket> accept_websocket(const std::vector<std::string>& protocols) override {
    begin();
    take();
    return accept_server_websocket(connection_.stream_, connection_.request_, protocols);
  }

  RawConnection take_over(int status, Headers headers) override {
    begin();
    connection_.write(format_head(status, headers, "", connection_.version_, true));
    take();
    RawConnection raw;
    raw.buffered =
        std::string(static_cast<const char*>(connection_.buffer_.data().data()), connection_.buffer_.size());
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
      throw base::system_error(errno, "create a socket pair");
    }
    raw.fd = ends[0];
    auto stream = connection_.stream_;
    asio::local::stream_protocol::socket local(stream->get_executor());
    local.assign(asio::local::stream_protocol(), ends[1]);
    auto pump = std::make_shared<Pump<Stream>>(stream, std::move(local));
    asio::post(stream->get_executor(), [pump] { pump->start(); });
    return raw;
  }

  bool begun() const { return begun_; }
  void finish() {
    if (streaming_ && chunked_ && !connection_.head_only_) connection_.write("0\r\n\r\n");
  }
  bool streaming() const { return streaming_; }

 private:
  void begin() {
    if (begun_) throw base::Error(ErrorCode::kInternal, "request answered twice");
    begun_ = true;
  }
  void take() {
    std::promise<void> done;
    asio::post(connection_.stream_->get_executor(), [&] {
      connection_.taken_ = true;
      connection_.timer_.cancel();
      done.set_value();
    });
    done.get_future().get();
  }

  Connection& connection_;
  bool begun_ = false, streaming_ = false, chunked_ = false;
};

template <typename Stream>
void Connection<Stream>::handle() {
  Reply reply(*this);
  try {
    try {
      shared_.handler(request_, reply);
      if (!reply.begun()) reply.send(500, {}, "no answer");
      reply.finish();
    } catch (const std::exception& error) {
      if (reply.begun()) throw;
      shared_.logger.error("{} {}: {}", request_.method, request_.path, base::describe(error));
      reply.send(500, {{"Content-Type", "text/plain"}}, base::describe(error));
    }
  } catch (const std::exception& error) {
    // A broken stream must not look complete to the client.
    shared_.logger.debug("{} {}: {}", request_.method, request_.path, base::describe(error));
    asio::post(stream_->get_executor(), [self = this->shared_from_this()] { self->close(); });
    return;
  }
  asio::post(stream_->get_executor(), [self = this->shared_from_this()] { self->next(); });
}

}  // namespace

void start_http_connection(HttpServerShared& shared, tcp::socket socket, asio::ssl::context* tls) {
  if (tls != nullptr) {
    std::make_shared<Connection<TlsStream>>(shared, std::make_shared<TlsStream>(std::move(socket), *tls))
        ->start();
  } else {
    std::make_shared<Connection<tcp::socket>>(shared, std::make_shared<tcp::socket>(std::move(socket)))
        ->start();
  }
}

}  // namespace salvor::net
