#include "local/api/address_allocator.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include "local/api/json_paths.h"

namespace salvor::local {

namespace {

constexpr const char* kRange = "10.96.0.0/16";
constexpr std::int64_t kFirstPort = 30000, kLastPort = 32767;

bool has_address(const Json& service) {
  const std::string address = string_at(service, "spec.clusterIP");
  return !address.empty() && address != "None";
}

bool wants_node_ports(const Json& service) {
  const std::string type = string_at(service, "spec.type");
  const Json allocate = value_at(service, "spec.allocateLoadBalancerNodePorts");
  return type == "NodePort" || (type == "LoadBalancer" && allocate != false);
}

std::set<std::int64_t> node_ports_of(const Json& service) {
  std::set<std::int64_t> ports;
  for (const Json& port : value_at(service, "spec.ports")) {
    if (const std::int64_t number = integer_at(port, "nodePort"); number != 0) ports.insert(number);
  }
  return ports;
}

}  // namespace

std::string AddressAllocator::free_address() {
  while (true) {
    const std::uint64_t bits = random_.next();
    std::string address = fmt::format("10.96.{}.{}", bits % 255, 1 + (bits >> 16) % 254);
    if (!addresses_.contains(address)) return address;
  }
}

void AddressAllocator::allocate(Json& service, const Json& before, std::vector<FailureCause>& found) {
  std::lock_guard lock(mutex_);
  Json& spec = make_path(service, "spec");
  const std::string type = string_at(spec, "type");
  if (type == "ExternalName") {
    spec.erase("clusterIP");
    spec.erase("clusterIPs");
  } else {
    // An update that leaves allocated values out keeps them.
    if (!before.is_null() && string_at(spec, "clusterIP").empty() && has_address(before)) {
      spec["clusterIP"] = value_at(before, "spec.clusterIP");
    }
    std::string address = string_at(spec, "clusterIP");
    const bool kept = !before.is_null() && string_at(before, "spec.clusterIP") == address && !address.empty();
    in_addr parsed{};
    if (address.empty()) {
      address = free_address();
      addresses_.insert(address);
    } else if (address != "None" && !kept) {
      if (inet_pton(AF_INET, address.c_str(), &parsed) != 1) {
        found.push_back(causes::invalid("spec.clusterIPs[0]", address,
                                        "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"));
        return;
      }
      if (!address.starts_with("10.96.")) {
        found.push_back(causes::invalid(
            "spec.clusterIPs", Json::array({address}),
            fmt::format(
                "failed to allocate IP {}: the provided IP ({}) is not in the valid range. The range of "
                "valid IPs is {}",
                address, address, kRange)));
        return;
      }
      if (!addresses_.insert(address).second) {
        found.push_back(causes::invalid(
            "spec.clusterIPs", Json::array({address}),
            fmt::format("failed to allocate IP {}: provided IP is already allocated", address)));
        return;
      }
    }
    spec["clusterIP"] = address;
    spec["clusterIPs"] = Json::array({address});
    set_default(spec, "ipFamilies", Json::array({"IPv4"}));
    set_default(spec, "ipFamilyPolicy", "SingleStack");
  }
  const std::set<std::int64_t> old_ports =
      before.is_null() ? std::set<std::int64_t>{} : node_ports_of(before);
  if (!spec.contains("ports")) return;
  for (size_t i = 0; i < spec["ports"].size(); ++i) {
    Json& port = spec["ports"][i];
    const std::int64_t wanted = integer_at(port, "nodePort");
    if (!wants_node_ports(service)) {
      if (type == "ClusterIP") port.erase("nodePort");
      continue;
    }
    if (wanted == 0) {
      std::int64_t number = 0;
      do {
        number = kFirstPort + static_cast<std::int64_t>(random_.next() % (kLastPort - kFirstPort + 1));
      } while (node_ports_.contains(number));
      node_ports_.insert(number);
      port["nodePort"] = number;
    } else if (!old_ports.contains(wanted)) {
      const std::string field = fmt::format("spec.ports[{}].nodePort", i);
      if (wanted < kFirstPort || wanted > kLastPort) {
        found.push_back(causes::invalid(
            field, wanted,
            "provided port is not in the valid range. The range of valid ports is 30000-32767"));
      } else if (!node_ports_.insert(wanted).second) {
        found.push_back(causes::invalid(field, wanted, "provided port is already allocated"));
      }
    }
  }
}

void AddressAllocator::release(const Json& service, const Json& kept) {
  std::lock_guard lock(mutex_);
  if (has_address(service) && string_at(service, "spec.clusterIP") != string_at(kept, "spec.clusterIP")) {
    addresses_.erase(string_at(service, "spec.clusterIP"));
  }
  const auto kept_ports = node_ports_of(kept);
  for (const std::int64_t port : node_ports_of(service)) {
    if (!kept_ports.contains(port)) node_ports_.erase(port);
  }
}

void AddressAllocator::adopt(const Json& service) {
  std::lock_guard lock(mutex_);
  if (has_address(service)) addresses_.insert(string_at(service, "spec.clusterIP"));
  node_ports_.merge(node_ports_of(service));
}

}  // namespace salvor::local
