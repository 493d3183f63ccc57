// The first process of a pod. The runtime executes its own binary as `salvor local-pod-init`; that process
// makes the pod's namespaces, and its child, process 1 of the pod, starts containers, commands and probes on
// request over an inherited socket (descriptor 3, see sandbox_protocol.h). When the socket closes, because
// the control plane ended in whatever way, process 1 exits and the kernel kills the whole pod and drops its
// mounts.
#pragma once

namespace salvor::local {

// argv[1] that selects it. main() must check for it before it starts a thread or opens anything.
inline constexpr const char* kPodInitCommand = "local-pod-init";

// Returns the exit code of the process.
int pod_init_main(int argc, char** argv);

}  // namespace salvor::local
