// Credentials that a program prints: the exec plugins of kubeconfig users (client.authentication.k8s.io v1
// and v1beta1), kept until the expiry that the plugin states. Shared by a Connection's functions, which are
// copied; thread-safe.
#pragma once

#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "codec/json.h"
#include "kube/kubeconfig.h"

namespace salvor::kube {

struct ExecPlugin {
  std::string user;               // kubeconfig user, for messages
  std::string api_version;        // "client.authentication.k8s.io/v1"
  std::vector<std::string> argv;  // the command is resolved already
  std::vector<std::pair<std::string, std::string>> environment;
  std::string install_hint;
  std::optional<codec::Json> cluster;  // passed in KUBERNETES_EXEC_INFO when the user asks for it
};

class ExecCredential {
 public:
  ExecCredential(ExecPlugin plugin, const base::Clock& clock) : plugin_(std::move(plugin)), clock_(clock) {}
  // Both run the plugin when there is no unexpired credential. kUnauthenticated when it fails.
  std::string token();
  ClientCertificate certificate();
  // The server refused the credential: the next call runs the plugin again.
  void forget();

 private:
  struct Credential {
    std::string token;
    ClientCertificate certificate;
    std::optional<base::Time> expires;
  };
  const Credential& current();  // with mutex_ held
  Credential run() const;

  const ExecPlugin plugin_;
  const base::Clock& clock_;
  std::mutex mutex_;
  std::optional<Credential> credential_;  // guarded by mutex_
};

}  // namespace salvor::kube
