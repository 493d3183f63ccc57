#include "local/runtime/pod_network.h"

#include <fmt/format.h>

namespace salvor::local {
namespace {

using codec::Json;

constexpr const char* kServiceAddress = "10.96.0.1";  // of the service "kubernetes"
constexpr std::uint16_t kServicePort = 443;

bool declares_port(const Json& pod, int port) {
  for (const auto& container : pod.at("spec").value("containers", Json::array())) {
    for (const auto& entry : container.value("ports", Json::array())) {
      if (entry.value("containerPort", 0) == port) return true;
    }
  }
  return false;
}

}  // namespace

ServiceAddress api_address(const Json& pod, std::uint16_t api_port) {
  if (api_port == 0) return {};
  if (pod.at("spec").value("hostNetwork", false)) return {"127.0.0.1", api_port};
  return {kServiceAddress, declares_port(pod, kServicePort) ? api_port : kServicePort};
}

std::map<std::string, std::string> service_variables(const ServiceAddress& address) {
  if (address.port == 0) return {};
  const std::string port = std::to_string(address.port);
  const std::string url = fmt::format("tcp://{}:{}", address.host, port);
  const std::string prefix = fmt::format("KUBERNETES_PORT_{}_TCP", port);
  return {{"KUBERNETES_SERVICE_HOST", address.host},
          {"KUBERNETES_SERVICE_PORT", port},
          {"KUBERNETES_SERVICE_PORT_HTTPS", port},
          {"KUBERNETES_PORT", url},
          {prefix, url},
          {prefix + "_PROTO", "tcp"},
          {prefix + "_PORT", port},
          {prefix + "_ADDR", address.host}};
}

}  // namespace salvor::local
