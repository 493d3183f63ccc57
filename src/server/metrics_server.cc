#include "server/metrics_server.h"

#include <charconv>

#include "net/http_server.h"

namespace salvor::server {

namespace {

net::ServerOptions parse_address(const std::string& address) {
  const auto colon = address.rfind(':');
  net::ServerOptions options;
  const auto port =
      colon == std::string::npos ? std::string_view() : std::string_view(address).substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), options.port);
  if (port.empty() || error != std::errc() || end != port.data() + port.size())
    base::fail(base::ErrorCode::kInvalidArgument, "metrics address \"{}\" is not host:port", address);
  options.address = address.substr(0, colon);
  if (options.address.starts_with('[') && options.address.ends_with(']'))
    options.address = options.address.substr(1, options.address.size() - 2);
  if (options.address.empty()) options.address = "0.0.0.0";
  if (options.address == "localhost") options.address = "127.0.0.1";
  options.max_body = 4096;
  options.max_requests = 16;
  return options;
}

}  // namespace

struct MetricsServer::Impl {
  net::HttpServer server;
};

MetricsServer::MetricsServer(const std::string& address, const Metrics& metrics, base::Logger logger)
    : impl_(new Impl{net::HttpServer(
          parse_address(address),
          [&metrics](const net::ServerRequest& request, net::ServerReply& reply) {
            if (request.path == "/metrics")
              return reply.send(200, {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}},
                                metrics.text());
            if (request.path == "/healthz" || request.path == "/readyz")
              return reply.send(200, {{"Content-Type", "text/plain"}}, "ok");
            reply.send(404, {{"Content-Type", "text/plain"}}, "404 page not found\n");
          },
          std::move(logger))}) {}
MetricsServer::~MetricsServer() = default;
std::uint16_t MetricsServer::port() const {
  return impl_->server.port();
}

}  // namespace salvor::server
