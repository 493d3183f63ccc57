// pods/exec, pods/attach and pods/log: a client's streams on one side, the PodBackend on the other. Commands
// come over WebSocket (v5 and v4.channel.k8s.io) or SPDY/3.1 (v4.channel).
#pragma once

#include "local/api/api_server.h"
#include "local/api/object_service.h"
#include "local/api/responses.h"

namespace salvor::local {

// pods may be null: 503.
void serve_pod_stream(Exchange& exchange, ObjectService& objects, PodBackend* pods);

// What the error stream says at the end: a metav1.Status, whose details carry a non-zero exit code.
std::string exec_status(int exit_code);
std::string exec_failure(const std::string& message);

}  // namespace salvor::local
