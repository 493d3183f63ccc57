#include "local/runtime/controllers/endpoints.h"

namespace salvor::local {
namespace {

namespace resources = kube::resources;
using codec::get_string;

const kube::GroupVersionResource kEndpoints{"", "v1", "endpoints"};
const kube::GroupVersionResource kEndpointSlices{"discovery.k8s.io", "v1", "endpointslices"};

// The number behind a targetPort of the pod.
int target_port(const Json& port, const Json& pod) {
  const Json target = port.value("targetPort", Json());
  if (target.is_number()) return target.get<int>();
  if (target.is_string()) {
    for (const auto& container : pod["spec"].value("containers", Json::array())) {
      for (const auto& candidate : container.value("ports", Json::array())) {
        if (get_string(candidate, {"name"}) == target.get<std::string>())
          return candidate.value("containerPort", 0);
      }
    }
  }
  return port.value("port", 0);
}

Json reference_to(const Json& pod) {
  return {{"kind", "Pod"},
          {"namespace", kube::namespace_of(pod)},
          {"name", kube::name_of(pod)},
          {"uid", kube::uid_of(pod)}};
}

}  // namespace

std::vector<Controller::Trigger> EndpointsController::triggers() {
  const auto of_pod = [](const Json& pod) -> Keys { return {{kube::namespace_of(pod), ""}}; };
  return {on_self(resources::kServices), {resources::kPods, of_pod}};
}

void EndpointsController::write(const kube::GroupVersionResource& kind, const Json& object,
                                const std::vector<std::string>& members) {
  const ObjectName name{kube::namespace_of(object), kube::name_of(object)};
  const auto old = client().get(kind, name, context_.cancel);
  if (!old) {
    client().create(kind, object, context_.cancel);
    return;
  }
  Json patch;
  for (const auto& member : members) {
    if (!same_json(old->value(member, Json::array()), object.at(member))) patch[member] = object.at(member);
  }
  if (!patch.is_null()) client().patch(kind, name, kube::PatchType::kMerge, patch, "", context_.cancel);
}

void EndpointsController::update(const Json& service) {
  const Json selector = service["spec"].value("selector", Json::object());
  if (!selector.is_object() || selector.empty() || kube::is_being_deleted(service)) return;
  kube::ListOptions options;
  options.label_selector = kube::LabelSelector::from_json({{"matchLabels", selector}}).to_string();
  const std::string name_space = kube::namespace_of(service), name = kube::name_of(service);
  Json ready = Json::array(), not_ready = Json::array(), slices = Json::array(), ports = Json::array();
  std::optional<Json> first;
  for (auto& pod : client().list(resources::kPods, name_space, options, context_.cancel)) {
    const std::string address = get_string(pod, {"status", "podIP"});
    if (address.empty() || pod_over(pod)) continue;
    const bool is_ready = pod_ready(pod);
    (is_ready ? ready : not_ready)
        .push_back({{"ip", address},
                    {"nodeName", get_string(pod, {"spec", "nodeName"})},
                    {"targetRef", reference_to(pod)}});
    slices.push_back({{"addresses", Json::array({address})},
                      {"conditions", {{"ready", is_ready}}},
                      {"nodeName", get_string(pod, {"spec", "nodeName"})},
                      {"targetRef", reference_to(pod)}});
    if (!first) first = std::move(pod);
  }
  for (const auto& port : service["spec"].value("ports", Json::array())) {
    Json entry{{"port", first ? target_port(port, *first) : port.value("port", 0)},
               {"protocol", port.value("protocol", "TCP")}};
    if (port.contains("name")) entry["name"] = port["name"];
    ports.push_back(std::move(entry));
  }
  Json subsets = Json::array();
  if (!ready.empty() || !not_ready.empty()) {
    Json subset = Json::object();
    if (!ready.empty()) subset["addresses"] = ready;
    if (!not_ready.empty()) subset["notReadyAddresses"] = not_ready;
    subset["ports"] = ports;
    subsets.push_back(std::move(subset));
  }
  const Json owner = owner_reference(service, "v1", "Service");
  const Json metadata{{"name", name}, {"namespace", name_space}, {"ownerReferences", Json::array({owner})}};
  write(kEndpoints,
        {{"apiVersion", "v1"}, {"kind", "Endpoints"}, {"metadata", metadata}, {"subsets", subsets}},
        {"subsets"});
  Json slice_metadata = metadata;
  slice_metadata["name"] = name + "-local";
  slice_metadata["labels"] = {{"kubernetes.io/service-name", name},
                              {"endpointslice.kubernetes.io/managed-by", "endpointslice-controller.k8s.io"}};
  write(kEndpointSlices,
        {{"apiVersion", "discovery.k8s.io/v1"},
         {"kind", "EndpointSlice"},
         {"metadata", slice_metadata},
         {"addressType", "IPv4"},
         {"endpoints", slices},
         {"ports", ports}},
        {"endpoints", "ports"});
}

std::optional<std::chrono::milliseconds> EndpointsController::reconcile(const ObjectName& key) {
  if (!key.name.empty()) {
    if (const auto service = client().get(resources::kServices, key, context_.cancel)) update(*service);
    return std::nullopt;
  }
  for (const auto& service : client().list(resources::kServices, key.name_space, {}, context_.cancel))
    update(service);
  return std::nullopt;
}

}  // namespace salvor::local
