#include "net/http_server.h"

#include <strings.h>

#include "base/error.h"
#include "net/http_connection.h"
#include "net/request_threads.h"

namespace salvor::net {

namespace asio = boost::asio;
using asio::ip::tcp;

std::string_view ServerRequest::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key.size() == name.size() && strncasecmp(key.data(), name.data(), name.size()) == 0) return value;
  }
  return {};
}

namespace {

std::optional<asio::ssl::context> make_tls_context(const ServerOptions& options) {
  if (options.certificate_pem.empty() || options.key_pem.empty()) return std::nullopt;
  asio::ssl::context context(asio::ssl::context::tls_server);
  context.use_certificate_chain(asio::buffer(options.certificate_pem));
  context.use_private_key(asio::buffer(options.key_pem), asio::ssl::context::pem);
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  // Idle connections give their buffers back: watches are many and quiet.
  SSL_CTX_set_mode(context.native_handle(), SSL_MODE_RELEASE_BUFFERS);
  return context;
}

}  // namespace

struct HttpServer::Impl {
  // A socket that listens; closed on its strand, where it accepts. Shared by the pending accept, the server
  // and, weakly, the handle of who added it.
  struct Listener {
    explicit Listener(asio::io_context& io) : strand(asio::make_strand(io)), acceptor(strand) {}
    asio::strand<asio::io_context::executor_type> strand;
    tcp::acceptor acceptor;
  };

  Impl(ServerOptions server_options, Handler server_handler, base::Logger logger)
      : shared(std::move(server_options), std::move(server_handler), std::move(logger)),
        tls(make_tls_context(shared.options)) {
    listen();
    for (int i = 0; i < kIoThreads; ++i) io_threads.emplace_back([this] { shared.io.run(); });
  }

  ~Impl() {
    shared.stopping = true;
    {
      std::lock_guard lock(mutex);
      for (const auto& listener : listeners) close(listener);
    }
    shared.close_all();
    // Handlers may wait for writes, which the I/O threads must fail: those end after the handlers.
    shared.threads.stop();
    shared.work.reset();
    shared.close_all();
    shared.io.stop();
    for (auto& thread : io_threads) thread.join();
  }

  void listen() {
    const ServerOptions& options = shared.options;
    const auto listener = std::make_shared<Listener>(shared.io);
    try {
      tcp::acceptor& acceptor = listener->acceptor;
      tcp::endpoint endpoint(asio::ip::make_address(options.address), options.port);
      acceptor.open(endpoint.protocol());
      acceptor.set_option(tcp::acceptor::reuse_address(true));
      acceptor.bind(endpoint);
      acceptor.listen(asio::socket_base::max_listen_connections);
      port = acceptor.local_endpoint().port();
    } catch (const boost::system::system_error& error) {
      base::fail(base::ErrorCode::kUnavailable, "cannot listen on {}:{}: {}", options.address, options.port,
                 error.code().message());
    }
    start(listener);
  }

  void start(const std::shared_ptr<Listener>& listener) {
    std::lock_guard lock(mutex);
    listeners.insert(listener);
    asio::post(listener->strand, [this, listener] { accept(listener); });
  }

  void accept(const std::shared_ptr<Listener>& listener) {
    listener->acceptor.async_accept(
        asio::make_strand(shared.io),
        asio::bind_executor(
            listener->strand, [this, listener](boost::system::error_code error, tcp::socket socket) {
              if (shared.stopping || error == asio::error::operation_aborted || !listener->acceptor.is_open())
                return;
              if (!error) {
                boost::system::error_code ignored;
                socket.set_option(tcp::no_delay(true), ignored);
                start_http_connection(shared, std::move(socket), tls ? &*tls : nullptr);
              }
              accept(listener);
            }));
  }

  static void close(const std::shared_ptr<Listener>& listener) {
    asio::post(listener->strand, [listener] {
      boost::system::error_code ignored;
      listener->acceptor.close(ignored);
    });
  }

  void remove(const std::shared_ptr<Listener>& listener) {
    std::lock_guard lock(mutex);
    if (listeners.erase(listener) != 0) close(listener);
  }

  static constexpr int kIoThreads = 2;
  HttpServerShared shared;
  std::mutex mutex;
  std::set<std::shared_ptr<Listener>> listeners;  // guarded by mutex
  std::optional<asio::ssl::context> tls;
  std::uint16_t port = 0;
  std::vector<std::thread> io_threads;
};

HttpServer::HttpServer(ServerOptions options, Handler handler, base::Logger logger)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(handler), std::move(logger))) {}
HttpServer::~HttpServer() = default;
std::uint16_t HttpServer::port() const {
  return impl_->port;
}

std::shared_ptr<void> HttpServer::add_listener(base::Fd socket) {
  const auto listener = std::make_shared<Impl::Listener>(impl_->shared.io);
  boost::system::error_code error;
  listener->acceptor.assign(tcp::v4(), socket.get(), error);
  if (error) base::fail(base::ErrorCode::kInternal, "cannot listen on a given socket: {}", error.message());
  socket.release();
  impl_->start(listener);
  Impl* const impl = impl_.get();
  return {listener.get(), [impl, listener](void*) { impl->remove(listener); }};
}

}  // namespace salvor::net
