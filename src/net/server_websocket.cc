#include "net/server_websocket.h"

#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <condition_variable>
#include <deque>
#include <future>

#include "base/error.h"
#include "base/text.h"

namespace salvor::net {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using asio::ip::tcp;
using base::ErrorCode;

namespace {

using TlsStream = asio::ssl::stream<tcp::socket>;

// Lives until its last operation has ended, which may be after the WebSocket object.
template <typename Stream>
struct State : std::enable_shared_from_this<State<Stream>> {
  explicit State(std::shared_ptr<Stream> underlying) : stream(std::move(underlying)), socket(*stream) {}

  std::shared_ptr<Stream> stream;
  websocket::stream<Stream&> socket;
  beast::flat_buffer buffer;  // on the strand
  std::mutex mutex;
  std::condition_variable_any wake;
  std::deque<WebSocketMessage> received;   // guarded by mutex
  std::optional<beast::error_code> ended;  // guarded by mutex
  bool reading = false;                    // guarded by mutex

  void read() {
    socket.async_read(buffer, [self = this->shared_from_this()](beast::error_code error, size_t) {
      std::lock_guard lock(self->mutex);
      self->reading = false;
      if (error) {
        self->ended = error;
      } else {
        self->received.push_back({self->socket.got_binary(), beast::buffers_to_string(self->buffer.data())});
        self->buffer.consume(self->buffer.size());
      }
      self->wake.notify_all();
    });
  }
};

template <typename Stream>
class ServerWebSocket final : public WebSocket {
 public:
  ServerWebSocket(std::shared_ptr<State<Stream>> state, std::string protocol)
      : state_(std::move(state)), protocol_(std::move(protocol)) {}
  ~ServerWebSocket() override {
    asio::post(state_->stream->get_executor(), [state = state_] {
      beast::error_code ignored;
      beast::get_lowest_layer(state->socket).close(ignored);
    });
  }

  void send(std::string_view data, bool binary) override {
    std::lock_guard one_at_a_time(send_mutex_);
    std::promise<beast::error_code> done;
    asio::post(state_->stream->get_executor(), [&, state = state_] {
      state->socket.binary(binary);
      state->socket.async_write(asio::buffer(data),
                                [&, state](auto error, size_t) { done.set_value(error); });
    });
    const auto error = done.get_future().get();
    if (error) throw base::Error(ErrorCode::kUnavailable, "websocket broke: " + error.message());
  }

  std::optional<WebSocketMessage> receive(std::chrono::nanoseconds timeout,
                                          const base::CancelToken& cancel) override {
    std::unique_lock lock(state_->mutex);
    if (state_->received.empty() && !state_->ended && !state_->reading) {
      state_->reading = true;
      asio::post(state_->stream->get_executor(), [state = state_] { state->read(); });
    }
    const auto ready = [&] { return !state_->received.empty() || state_->ended; };
    if (!state_->wake.wait_for(lock, cancel.stop_token(), timeout, ready)) {
      cancel.check();
      throw base::Error(ErrorCode::kTimeout, "no websocket message in time");
    }
    if (!state_->received.empty()) {
      auto message = std::move(state_->received.front());
      state_->received.pop_front();
      return message;
    }
    if (*state_->ended == websocket::error::closed) return std::nullopt;
    throw base::Error(ErrorCode::kUnavailable, "websocket broke: " + state_->ended->message());
  }

  void close() override {
    std::lock_guard one_at_a_time(send_mutex_);
    std::promise<void> done;
    asio::post(state_->stream->get_executor(), [&, state = state_] {
      state->socket.async_close(websocket::close_code::normal, [&, state](auto) { done.set_value(); });
    });
    done.get_future().get();
  }

  const std::string& protocol() const override { return protocol_; }

 private:
  std::shared_ptr<State<Stream>> state_;  // shared with pending operations
  const std::string protocol_;
  std::mutex send_mutex_;
};

std::string choose_protocol(const ServerRequest& request, const std::vector<std::string>& protocols) {
  std::vector<std::string> offered;
  for (const std::string& item : base::split(request.header("Sec-WebSocket-Protocol"), ',')) {
    offered.emplace_back(base::trim(item));
  }
  for (const std::string& protocol : protocols) {
    if (std::find(offered.begin(), offered.end(), protocol) != offered.end()) return protocol;
  }
  return "";
}

template <typename Stream>
std::unique_ptr<WebSocket> accept(std::shared_ptr<Stream> stream, const ServerRequest& request,
                                  const std::vector<std::string>& protocols) {
  http::request<http::empty_body> upgrade(http::verb::get, request.target, 11);
  for (const auto& [name, value] : request.headers) upgrade.insert(name, value);
  const std::string protocol = choose_protocol(request, protocols);
  auto state = std::make_shared<State<Stream>>(std::move(stream));
  std::promise<beast::error_code> done;
  asio::post(state->stream->get_executor(), [&] {
    auto timeout = websocket::stream_base::timeout::suggested(beast::role_type::server);
    timeout.idle_timeout = websocket::stream_base::none();
    timeout.handshake_timeout = std::chrono::seconds(10);
    state->socket.set_option(timeout);
    state->socket.read_message_max(16 * 1024 * 1024);
    state->socket.set_option(
        websocket::stream_base::decorator([protocol](websocket::response_type& response) {
          if (!protocol.empty()) response.set(http::field::sec_websocket_protocol, protocol);
        }));
    state->socket.async_accept(upgrade, [&done](auto error) { done.set_value(error); });
  });
  const auto error = done.get_future().get();
  if (error) throw base::Error(ErrorCode::kUnavailable, "websocket upgrade failed: " + error.message());
  return std::make_unique<ServerWebSocket<Stream>>(std::move(state), protocol);
}

}  // namespace

std::unique_ptr<WebSocket> accept_server_websocket(std::shared_ptr<tcp::socket> stream,
                                                   const ServerRequest& request,
                                                   const std::vector<std::string>& protocols) {
  return accept(std::move(stream), request, protocols);
}

std::unique_ptr<WebSocket> accept_server_websocket(std::shared_ptr<TlsStream> stream,
                                                   const ServerRequest& request,
                                                   const std::vector<std::string>& protocols) {
  return accept(std::move(stream), request, protocols);
}

}  // namespace salvor::net
