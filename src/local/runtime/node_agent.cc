#include "local/runtime/node_agent.h"

#include <sys/utsname.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "local/runtime/container_record.h"

namespace salvor::local {
namespace {

using codec::Json;

constexpr int kLeaseSeconds = 40;

std::string go_architecture(const std::string& machine) {
  if (machine == "x86_64") return "amd64";
  if (machine == "aarch64") return "arm64";
  return machine;
}

}  // namespace

std::string default_node_name() {
  char text[256] = {};
  ::gethostname(text, sizeof text - 1);
  std::string name;
  for (const char c : base::to_lower(text)) {
    const bool good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (good) {
      name += c;
    } else if (!name.empty() && (c == '-' || c == '.')) {
      name += c;
    }
  }
  while (!name.empty() && (name.back() == '-' || name.back() == '.')) name.pop_back();
  return name.empty() ? "localhost" : name.substr(0, 63);
}

NodeAgent::NodeAgent(std::string name, kube::Client& client, const base::Clock& clock, base::Logger logger)
    : name_(std::move(name)), client_(client), clock_(clock), logger_(std::move(logger)) {
  register_node();
  thread_ = std::thread([this] {
    while (cancel_.token().sleep(std::chrono::seconds(10))) {
      try {
        renew_lease();
      } catch (const std::exception& error) {
        if (!cancel_.cancelled()) logger_.warning("lease of the node not renewed: {}", base::describe(error));
      }
    }
  });
}

NodeAgent::~NodeAgent() {
  cancel_.cancel();
  thread_.join();
}

Json NodeAgent::node_status() const {
  utsname system{};
  ::uname(&system);
  Json conditions = Json::array();
  const base::Time now = clock_.now();
  set_condition(conditions, "MemoryPressure", false, "KubeletHasSufficientMemory", "", now);
  set_condition(conditions, "DiskPressure", false, "KubeletHasNoDiskPressure", "", now);
  set_condition(conditions, "PIDPressure", false, "KubeletHasSufficientPID", "", now);
  set_condition(conditions, "Ready", true, "KubeletReady", "pods run as processes of this machine", now);
  for (auto& condition : conditions) {
    condition.erase("lastProbeTime");
    condition["lastHeartbeatTime"] = base::format_rfc3339(now);
  }
  const long pages = ::sysconf(_SC_PHYS_PAGES), page = ::sysconf(_SC_PAGESIZE);
  const Json capacity{{"cpu", std::to_string(::sysconf(_SC_NPROCESSORS_ONLN))},
                      {"memory", fmt::format("{}Ki", pages / 1024 * page)},
                      {"pods", "110"}};
  return {{"capacity", capacity},
          {"allocatable", capacity},
          {"conditions", conditions},
          {"addresses", Json::array({{{"type", "InternalIP"}, {"address", "127.0.0.1"}},
                                     {{"type", "Hostname"}, {"address", name_}}})},
          {"nodeInfo",
           {{"machineID", base::trim(base::read_file_if_exists("/etc/machine-id").value_or(""))},
            {"systemUUID", ""},
            {"bootID", ""},
            {"kernelVersion", system.release},
            {"osImage", "this machine"},
            {"containerRuntimeVersion", "salvor://0.1.0"},
            {"kubeletVersion", "v1.32.0"},
            {"kubeProxyVersion", ""},
            {"operatingSystem", "linux"},
            {"architecture", go_architecture(system.machine)}}}};
}

void NodeAgent::register_node() {
  utsname system{};
  ::uname(&system);
  const std::string architecture = go_architecture(system.machine);
  if (!client_.get(kube::resources::kNodes, {"", name_})) {
    client_.create(kube::resources::kNodes, {{"apiVersion", "v1"},
                                             {"kind", "Node"},
                                             {"metadata",
                                              {{"name", name_},
                                               {"labels",
                                                {{"kubernetes.io/hostname", name_},
                                                 {"kubernetes.io/os", "linux"},
                                                 {"kubernetes.io/arch", architecture}}}}},
                                             {"spec", Json::object()}});
  }
  client_.patch(kube::resources::kNodes, {"", name_}, kube::PatchType::kMerge, {{"status", node_status()}},
                "status");
  renew_lease();
}

void NodeAgent::renew_lease() {
  const auto token = cancel_.token();
  const kube::ObjectName lease{"kube-node-lease", name_};
  const Json spec{{"holderIdentity", name_},
                  {"leaseDurationSeconds", kLeaseSeconds},
                  {"renewTime", base::format_rfc3339_micro(clock_.now())}};
  try {
    client_.patch(kube::resources::kLeases, lease, kube::PatchType::kMerge, {{"spec", spec}}, "", token);
  } catch (const base::Error& error) {
    if (error.code() != base::ErrorCode::kNotFound) throw;
    client_.create(kube::resources::kLeases,
                   {{"apiVersion", "coordination.k8s.io/v1"},
                    {"kind", "Lease"},
                    {"metadata", {{"name", name_}, {"namespace", lease.name_space}}},
                    {"spec", spec}},
                   token);
  }
}

}  // namespace salvor::local
