#include "cli/command_context.h"

#include <unistd.h>

#include <cstdlib>

#include "base/file.h"
#include "velero/constants.h"

namespace salvor::cli {

codec::Json read_client_config() {
  const char* const home = std::getenv("HOME");
  if (home == nullptr) return codec::Json::object();
  const std::string path = std::string(home) + "/.config/velero/config.json";
  const auto text = base::read_file_if_exists(path);
  return text ? codec::parse_json(*text, fmt::format("\"{}\"", path)) : codec::Json::object();
}

kube::Client& CommandContext::client() {
  if (!client_) {
    client_ = std::make_unique<kube::Client>(
        kube::load_connection({.path = flags.kubeconfig, .context = flags.kubecontext}));
  }
  return *client_;
}

std::string CommandContext::name_space() const {
  if (!flags.name_space.empty()) return flags.name_space;
  if (const char* from_environment = std::getenv("VELERO_NAMESPACE"); from_environment && *from_environment) {
    return from_environment;
  }
  const std::string configured = codec::get_string(read_client_config(), {"namespace"});
  return configured.empty() ? velero::kDefaultNamespace : configured;
}

bool CommandContext::colors() const {
  std::string wish = flags.colorized;
  if (wish == "true") return true;
  if (wish.empty()) wish = codec::get_string(read_client_config(), {"colorized"});
  return wish != "false" && ::isatty(::fileno(out)) != 0;
}

}  // namespace salvor::cli
