#include <set>

#include "restore/actions/actions.h"
#include "restore/actions/json_edit.h"

namespace salvor::restore::actions {
namespace {

// Node ports that a user wrote down, found in the last-applied annotation and in the managed fields: these
// stay, those that the API server allocated go.
struct ExplicitPorts {
  std::set<std::int64_t> numbers;  // node ports in the last-applied configuration
  std::set<std::string> keys;      // "port/protocol" whose nodePort has a manager
  bool health_check = false;
};

// "f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {"f:nodePort": {}}}
void read_managed_fields(const Json& service, ExplicitPorts& ports) {
  const Json* const managers = codec::find(service, {"metadata", "managedFields"});
  if (managers == nullptr || !managers->is_array()) return;
  for (const auto& manager : *managers) {
    if (codec::get_string(manager, {"manager"}).find("controller") != std::string::npos) continue;
    const Json* const spec = codec::find(manager, {"fieldsV1", "f:spec"});
    if (spec == nullptr || !spec->is_object()) continue;
    if (spec->contains("f:healthCheckNodePort")) ports.health_check = true;
    const Json* const fields = codec::find(*spec, {"f:ports"});
    if (fields == nullptr || !fields->is_object()) continue;
    for (const auto& [key, value] : fields->items()) {
      if (!key.starts_with("k:") || !value.is_object() || !value.contains("f:nodePort")) continue;
      const Json parsed = Json::parse(key.substr(2), nullptr, false);
      if (!parsed.is_object()) continue;
      ports.keys.insert(
          fmt::format("{}/{}", parsed.value("port", std::int64_t{0}), parsed.value("protocol", "TCP")));
    }
  }
}

void read_last_applied(const Json& service, ExplicitPorts& ports) {
  const std::string text = codec::get_string(
      service, {"metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration"});
  const Json applied = Json::parse(text, nullptr, false);
  if (!applied.is_object()) return;
  if (const Json* health = codec::find(applied, {"spec", "healthCheckNodePort"}); health != nullptr) {
    ports.health_check = true;
  }
  const Json* const list = codec::find(applied, {"spec", "ports"});
  if (list == nullptr || !list->is_array()) return;
  for (const auto& port : *list) {
    const Json* const node_port = codec::find(port, {"nodePort"});
    if (node_port != nullptr && node_port->is_number_integer())
      ports.numbers.insert(node_port->get<std::int64_t>());
  }
}

}  // namespace

void restore_service(Json& service, const ActionContext& context, ActionResult&) {
  if (codec::get_string(service, {"spec", "clusterIP"}) != "None") {
    erase_at(service, {"spec"}, "clusterIP");
    erase_at(service, {"spec"}, "clusterIPs");
  }
  if (context.preserve_node_ports.value_or(false)) return;
  ExplicitPorts explicit_ports;
  read_managed_fields(service, explicit_ports);
  read_last_applied(service, explicit_ports);
  if (!explicit_ports.health_check) erase_at(service, {"spec"}, "healthCheckNodePort");
  Json* const ports = find_mutable(service, {"spec", "ports"});
  if (ports == nullptr || !ports->is_array()) return;
  for (auto& port : *ports) {
    const Json* const node_port = codec::find(port, {"nodePort"});
    if (node_port == nullptr || !node_port->is_number_integer()) continue;
    const std::string key =
        fmt::format("{}/{}", port.value("port", std::int64_t{0}), port.value("protocol", "TCP"));
    if (!explicit_ports.numbers.contains(node_port->get<std::int64_t>()) &&
        !explicit_ports.keys.contains(key)) {
      port.erase("nodePort");
    }
  }
}

}  // namespace salvor::restore::actions
