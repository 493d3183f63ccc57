#include "local/api/api_server.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "codec/hash.h"
#include "local/api/api_handler.h"
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

std::string load_or_create_token(const std::filesystem::path& directory, base::Random& random) {
  if (auto token = base::read_file_if_exists(directory / "token")) return *token;
  const std::string token = codec::to_hex(random.bytes(16));
  base::write_file_atomic(directory / "token", token, 0600);
  return token;
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
        token(load_or_create_token(directory, options.random)),
        store(directory / "state.db", options.clock),
        objects(store, kinds, options.clock, options.random),
        definitions(objects),
        handler(objects, pods) {
    definitions.load();
    controllers.emplace(objects, definitions,
                        ServerControllerOptions{identity.ca_pem, options.history, options.logger});
    create_first_objects();
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

  void create_first_objects() {
    const auto ensure = [&](const char* group, const char* resource, const std::string& name_space,
                            Json object) {
      const KindPtr kind = kinds.find(group, "v1", resource);
      if (store.get({kind->storage, name_space, string_at(object, "metadata.name")})) return;
      objects.create(*kind, name_space, std::move(object), {.manager = "kube-apiserver"});
    };
    for (const char* name : {"default", "kube-node-lease", "kube-public", "kube-system"}) {
      ensure("", "namespaces", "", {{"metadata", {{"name", name}}}});
    }
    ensure(
        "", "services", "default",
        {{"metadata",
          {{"name", "kubernetes"}, {"labels", {{"component", "apiserver"}, {"provider", "kubernetes"}}}}},
         {"spec",
          {{"type", "ClusterIP"},
           {"clusterIP", "10.96.0.1"},
           {"ports",
            Json::array({{{"name", "https"}, {"protocol", "TCP"}, {"port", 443}, {"targetPort", 6443}}})}}}});
    ensure("rbac.authorization.k8s.io", "clusterroles", "",
           {{"metadata",
             {{"name", "cluster-admin"}, {"labels", {{"kubernetes.io/bootstrapping", "rbac-defaults"}}}}},
            {"rules", Json::array({{{"verbs", {"*"}}, {"apiGroups", {"*"}}, {"resources", {"*"}}},
                                   {{"verbs", {"*"}}, {"nonResourceURLs", {"*"}}}})}});
    ensure("rbac.authorization.k8s.io", "clusterrolebindings", "",
           {{"metadata",
             {{"name", "cluster-admin"}, {"labels", {{"kubernetes.io/bootstrapping", "rbac-defaults"}}}}},
            {"roleRef",
             {{"apiGroup", "rbac.authorization.k8s.io"}, {"kind", "ClusterRole"}, {"name", "cluster-admin"}}},
            {"subjects", Json::array({{{"kind", "Group"},
                                       {"apiGroup", "rbac.authorization.k8s.io"},
                                       {"name", "system:masters"}}})}});
    const std::pair<const char*, std::int64_t> priorities[] = {{"system-cluster-critical", 2000000000},
                                                               {"system-node-critical", 2000001000}};
    for (const auto& [name, value] : priorities) {
      ensure("scheduling.k8s.io", "priorityclasses", "", {{"metadata", {{"name", name}}}, {"value", value}});
    }
  }

  std::string url() const { return fmt::format("https://{}:{}", options.address, server->port()); }

  ApiServerOptions options;
  std::filesystem::path directory;
  ServerIdentity identity;
  std::string token;
  StateStore store;
  KindRegistry kinds;
  ObjectService objects;
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
void ApiServer::set_pod_backend(PodBackend* pods) {
  impl_->handler.set_pod_backend(pods);
}

}  // namespace salvor::local
