// Commands in containers, over WebSocket. Part of Client; see Client::exec. Source of the framing: the
// Kubernetes API documentation of the remotecommand subprotocols v4.channel.k8s.io and v5.channel.k8s.io:
// each message begins with a byte that names its channel; 0 stdin, 1 stdout, 2 stderr, 3 the final Status, 4
// resize; in v5, byte 255 followed by a channel closes that channel.
#pragma once

#include "kube/transport.h"

namespace salvor::kube {

// options.container is set.
ExecResult exec_in_pod(Transport& transport, const ObjectName& pod, const ExecOptions& options,
                       const base::CancelToken& cancel);

// The outcome that the message of channel 3 states. Throws for a Status that is no outcome of the command
// itself.
ExecResult exec_result_of(std::string_view status, const ObjectName& pod);

}  // namespace salvor::kube
