#include "local/api/api_server.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "codec/hash.h"
#include "local/api/api_handler.h"
#include "local/api/first_objects.h"
#include "local/api/json_paths.h"
#include "local/api/pki.h"
#include "local/api/server_controllers.h"
#include "net/http_server.h"

namespace salvor::local {

namespace {

// One's own directory only: it holds the key, the token and every Secret.
std::filesystem::path prepare_directory(const std::filesystem::path& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error)
    base::fail(base::ErrorCode::kUnavailable, "cannot create \"{}\": {}", directory.string(),
               error.message());
  std::filesystem::permissions(directory, std::filesystem::perms::owner_all);
  return directory;
}

std::string load_or_create_secret(const std::filesystem::path& file, base::Random& random, size_t size) {
  if (auto text = base::read_file_if_exists(file)) return *text;
  const std::string text = codec::to_hex(random.bytes(size));
  base::write_file_atomic(file, text, 0600);
  return text;
}

std::string kubeconfig_text(const std::string& url, const std::string& ca_pem, const std::string& token) {
  return fmt::format(
      "apiVersion: v1\n"
      "kind: Config\n"
      "clusters:\n"
      "- name: salvor-local\n"
      "  cluster:\n"
      "    server: {}\n"
      "    certificate-authority-data: {}\n"
      "users:\n"
      "- name: salvor-local-admin\n"
      "  user:\n"
      "    token: {}\n"
      "contexts:\n"
      "- name: salvor-local\n"
      "  context:\n"
      "    cluster: salvor-local\n"
      "    user: salvor-local-admin\n"
      "current-context: salvor-local\n",
      url, codec::to_base64(ca_pem), token);
}

std::uint16_t last_port(StateStore& store) {
  const std::string port = store.setting("port");
  return port.empty() ? 0 : static_cast<std::uint16_t>(std::stoi(port));
}

}  // namespace

struct ApiServer::Impl {
  Impl(ApiServerOptions server_options, PodBackend* pods)
      : options(std::move(server_options)),
        directory(prepare_directory(options.directory)),
        identity(load_or_create_identity(directory / "pki", options.address, options.clock, options.random)),
        token(load_or_create_secret(directory / "token", options.random, 16)),
        store(directory / "state.db", options.clock),
        objects(store, kinds, options.clock, options.random),
        tokens(objects,
               load_or_create_secret(directory / "pki" / "service-accounts.key", options.random, 32)),
        definitions(objects),
        handler(objects, tokens, pods) {
    definitions.load();
    controllers.emplace(objects, definitions,
                        ServerControllerOptions{identity.ca_pem, options.history, options.logger});
    create_first_objects(objects);
    listen();
    base::write_file_atomic(directory / "kubeconfig", kubeconfig_text(url(), identity.ca_pem, token), 0600);
  }

  void listen() {
    net::ServerOptions http{.address = options.address,
                            .port = options.port != 0 ? options.port : last_port(store),
                            .max_body = 16 * 1024 * 1024,
                            .max_requests = 1024,
                            .certificate_pem = identity.certificate_pem,
                            .key_pem = identity.key_pem};
    handler.set_options({token, fmt::format("{}:{}", options.address, http.port), options.logger});
    const auto handle = [this](const net::ServerRequest& request, net::ServerReply& reply) {
      handler.handle(request, reply);
    };
    try {
      server.emplace(http, handle, options.logger);
    } catch (const base::Error&) {
      // The last run's port may be another's now; only one that was asked for is worth failing.
      if (options.port != 0 || http.port == 0) throw;
      http.port = 0;
      server.emplace(http, handle, options.logger);
    }
    store.set_setting("port", std::to_string(server->port()));
  }

  std::string url() const { return fmt::format("https://{}:{}", options.address, server->port()); }

  ApiServerOptions options;
  std::filesystem::path directory;
  ServerIdentity identity;
  std::string token;
  StateStore store;
  KindRegistry kinds;
  ObjectService objects;
  ServiceAccountTokens tokens;
  CustomResources definitions;
  ApiHandler handler;
  std::optional<ServerControllers> controllers;
  std::optional<net::HttpServer> server;  // last: stops first
};

ApiServer::ApiServer(ApiServerOptions options, PodBackend* pods)
    : impl_(std::make_unique<Impl>(std::move(options), pods)) {}
ApiServer::~ApiServer() = default;
std::uint16_t ApiServer::port() const {
  return impl_->server->port();
}
std::string ApiServer::url() const {
  return impl_->url();
}
std::filesystem::path ApiServer::kubeconfig() const {
  return impl_->directory / "kubeconfig";
}
std::shared_ptr<void> ApiServer::serve_on(base::Fd listener) {
  return impl_->server->add_listener(std::move(listener));
}
void ApiServer::set_pod_backend(PodBackend* pods) {
  impl_->handler.set_pod_backend(pods);
}

}  // namespace salvor::local
