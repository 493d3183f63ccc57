#include "local/runtime/container_capabilities.h"

#include <linux/capability.h>

#include <map>
#include <string>

#include "base/error.h"

namespace salvor::local {
namespace {

using codec::find;
using codec::Json;

using Capabilities = std::map<std::string, int, std::less<>>;

const Capabilities& capability_numbers() {
  static const Capabilities kNumbers = {{"CHOWN", CAP_CHOWN},
                                        {"DAC_OVERRIDE", CAP_DAC_OVERRIDE},
                                        {"DAC_READ_SEARCH", CAP_DAC_READ_SEARCH},
                                        {"FOWNER", CAP_FOWNER},
                                        {"FSETID", CAP_FSETID},
                                        {"KILL", CAP_KILL},
                                        {"SETGID", CAP_SETGID},
                                        {"SETUID", CAP_SETUID},
                                        {"SETPCAP", CAP_SETPCAP},
                                        {"LINUX_IMMUTABLE", CAP_LINUX_IMMUTABLE},
                                        {"NET_BIND_SERVICE", CAP_NET_BIND_SERVICE},
                                        {"NET_BROADCAST", CAP_NET_BROADCAST},
                                        {"NET_ADMIN", CAP_NET_ADMIN},
                                        {"NET_RAW", CAP_NET_RAW},
                                        {"IPC_LOCK", CAP_IPC_LOCK},
                                        {"IPC_OWNER", CAP_IPC_OWNER},
                                        {"SYS_MODULE", CAP_SYS_MODULE},
                                        {"SYS_RAWIO", CAP_SYS_RAWIO},
                                        {"SYS_CHROOT", CAP_SYS_CHROOT},
                                        {"SYS_PTRACE", CAP_SYS_PTRACE},
                                        {"SYS_PACCT", CAP_SYS_PACCT},
                                        {"SYS_ADMIN", CAP_SYS_ADMIN},
                                        {"SYS_BOOT", CAP_SYS_BOOT},
                                        {"SYS_NICE", CAP_SYS_NICE},
                                        {"SYS_RESOURCE", CAP_SYS_RESOURCE},
                                        {"SYS_TIME", CAP_SYS_TIME},
                                        {"SYS_TTY_CONFIG", CAP_SYS_TTY_CONFIG},
                                        {"MKNOD", CAP_MKNOD},
                                        {"LEASE", CAP_LEASE},
                                        {"AUDIT_WRITE", CAP_AUDIT_WRITE},
                                        {"AUDIT_CONTROL", CAP_AUDIT_CONTROL},
                                        {"SETFCAP", CAP_SETFCAP},
                                        {"MAC_OVERRIDE", CAP_MAC_OVERRIDE},
                                        {"MAC_ADMIN", CAP_MAC_ADMIN},
                                        {"SYSLOG", CAP_SYSLOG},
                                        {"WAKE_ALARM", CAP_WAKE_ALARM},
                                        {"BLOCK_SUSPEND", CAP_BLOCK_SUSPEND},
                                        {"AUDIT_READ", CAP_AUDIT_READ},
                                        {"PERFMON", CAP_PERFMON},
                                        {"BPF", CAP_BPF},
                                        {"CHECKPOINT_RESTORE", CAP_CHECKPOINT_RESTORE}};
  return kNumbers;
}

// What container runtimes leave to root when the pod says nothing.
constexpr const char* kUsualCapabilities[] = {
    "CHOWN",   "DAC_OVERRIDE", "FSETID", "FOWNER",           "MKNOD",      "NET_RAW",    "SETGID", "SETUID",
    "SETFCAP", "SETPCAP",      "KILL",   "NET_BIND_SERVICE", "SYS_CHROOT", "AUDIT_WRITE"};

}  // namespace

std::uint64_t container_capabilities(const codec::Json& container) {
  constexpr std::uint64_t kAll = ~std::uint64_t{0};
  const Json* privileged = find(container, {"securityContext", "privileged"});
  if (privileged != nullptr && *privileged == true) return kAll;
  const auto bit = [](std::string name) -> std::uint64_t {
    if (name == "ALL") return kAll;
    if (name.starts_with("CAP_")) name.erase(0, 4);
    const auto found = capability_numbers().find(name);
    if (found == capability_numbers().end())
      base::fail(base::ErrorCode::kInvalidArgument, "invalid capability \"{}\"", name);
    return std::uint64_t{1} << found->second;
  };
  std::uint64_t mask = 0;
  for (const char* name : kUsualCapabilities) mask |= bit(name);
  const Json* wanted = find(container, {"securityContext", "capabilities"});
  if (wanted == nullptr || !wanted->is_object()) return mask;
  for (const auto& name : wanted->value("drop", Json::array())) mask &= ~bit(name.get<std::string>());
  for (const auto& name : wanted->value("add", Json::array())) mask |= bit(name.get<std::string>());
  return mask;
}

}  // namespace salvor::local
