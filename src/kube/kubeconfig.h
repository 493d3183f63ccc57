// How to reach and convince an API server: read from a kubeconfig, or from a pod's service account.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "net/http_client.h"

namespace salvor::kube {

// Supplies a bearer token for each request; may refresh it (exec plugin, rotated file). Thread-safe.
using TokenSource = std::function<std::string()>;

struct Connection {
  std::string server;             // "https://127.0.0.1:6443", no trailing slash
  std::string default_namespace;  // of the context; "default" if it names none
  std::string context;            // name, for messages
  net::TlsOptions tls;
  std::string username, password;  // basic authentication, rarely
  TokenSource token;               // null: none
};

struct KubeconfigOptions {
  std::string path;     // empty: KUBECONFIG (a colon-separated list is merged), else ~/.kube/config, else in-cluster
  std::string context;  // empty: current-context
};

// Supports certificate-authority(-data), client-certificate(-data), client-key(-data), token, tokenFile, username and
// password, exec (client.authentication.k8s.io v1 and v1beta1), tls-server-name, insecure-skip-tls-verify.
// Throws kInvalidArgument naming file, context and what is missing; kNotFound when there is no configuration at all.
Connection load_connection(const KubeconfigOptions& options = {});

// KUBERNETES_SERVICE_HOST/PORT and /var/run/secrets/kubernetes.io/serviceaccount; nullopt outside of a pod.
std::optional<Connection> in_cluster_connection();

}  // namespace salvor::kube
