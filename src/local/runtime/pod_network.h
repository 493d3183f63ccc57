// How a pod reaches the API server. A pod with a network of its own has only its loopback interface: the
// address of the service "kubernetes" is one of this interface, and the API server accepts from a socket that
// listens there. Pods on the machine's network use the API server's own address. Free functions, thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "codec/json.h"

namespace salvor::local {

struct ServiceAddress {
  std::string host;
  std::uint16_t port = 0;  // 0: there is none
};

// For a pod, given the port of the API server on this machine. Port 443 of all addresses is left to a pod
// that declares it.
ServiceAddress api_address(const codec::Json& pod, std::uint16_t api_port);

// KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT and the others that Kubernetes sets; empty when there is
// none.
std::map<std::string, std::string> service_variables(const ServiceAddress& address);

}  // namespace salvor::local
