// How to reach and convince an API server: read from a kubeconfig, or from a pod's service account.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "net/http_client.h"

namespace salvor::kube {

// Supplies a bearer token for each request; may refresh it (exec plugin, rotated file). Thread-safe. "" is
// none.
using TokenSource = std::function<std::string()>;

struct ClientCertificate {
  std::string cert_pem, key_pem;
  bool operator==(const ClientCertificate&) const = default;
};

struct Connection {
  std::string server;             // "https://127.0.0.1:6443", no trailing slash
  std::string default_namespace;  // of the context; "default" if it names none
  std::string context;            // name, for messages
  net::TlsOptions tls;
  std::string username, password;  // basic authentication, rarely
  TokenSource token;               // null: none
  // A certificate that an exec plugin supplies and renews; null: that of `tls`. Thread-safe.
  std::function<ClientCertificate()> client_certificate;
  // Called after a 401 so that token and client_certificate answer anew; null: they would not differ.
  // Thread-safe.
  std::function<void()> renew;
  std::vector<std::pair<std::string, std::string>> headers;  // impersonation
};

struct KubeconfigOptions {
  std::string
      path;  // empty: KUBECONFIG (a colon-separated list is merged), else ~/.kube/config, else in-cluster
  std::string context;  // empty: current-context
  const base::Clock* clock =
      nullptr;  // for expiry of credentials; outlives the connection; null: the system's
};

// Supports certificate-authority(-data), client-certificate(-data), client-key(-data), token, tokenFile,
// username and password, exec (client.authentication.k8s.io v1 and v1beta1), the id-token of auth-provider
// oidc, as and as-groups, tls-server-name, insecure-skip-tls-verify. Relative paths are relative to the file
// that holds them. Throws kInvalidArgument naming file, context and what is missing; kNotFound when there is
// no configuration at all.
Connection load_connection(const KubeconfigOptions& options = {});

// KUBERNETES_SERVICE_HOST/PORT and /var/run/secrets/kubernetes.io/serviceaccount; nullopt outside of a pod.
std::optional<Connection> in_cluster_connection();
// The same with a directory that holds token, ca.crt and namespace. The token is read again once a minute.
std::optional<Connection> in_cluster_connection(const std::filesystem::path& service_account,
                                                const base::Clock* clock = nullptr);

}  // namespace salvor::kube
