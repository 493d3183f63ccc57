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
  Impl(ServerOptions server_options, Handler server_handler, base::Logger logger)
      : shared(std::move(server_options), std::move(server_handler), std::move(logger)),
        acceptor(shared.io),
        tls(make_tls_context(shared.options)) {
    listen();
    accept();
    for (int i = 0; i < kIoThreads; ++i) io_threads.emplace_back([this] { shared.io.run(); });
  }

  ~Impl() {
    shared.stopping = true;
    asio::post(shared.io, [this] {
      boost::system::error_code ignored;
      acceptor.close(ignored);
    });
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
    try {
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
  }

  void accept() {
    acceptor.async_accept(asio::make_strand(shared.io),
                          [this](boost::system::error_code error, tcp::socket socket) {
                            if (shared.stopping || error == asio::error::operation_aborted) return;
                            if (!error) {
                              boost::system::error_code ignored;
                              socket.set_option(tcp::no_delay(true), ignored);
                              start_http_connection(shared, std::move(socket), tls ? &*tls : nullptr);
                            }
                            accept();
                          });
  }

  static constexpr int kIoThreads = 2;
  HttpServerShared shared;
  tcp::acceptor acceptor;
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

}  // namespace salvor::net
