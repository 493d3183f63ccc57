// The server's Deployment and the node agents' DaemonSet. Pure functions.
#pragma once

#include "cli/install/install_plan.h"
#include "codec/json.h"

namespace salvor::cli {

// Labels, ports and annotations are Velero's, so that what watches and scrapes a Velero finds them.
codec::Json server_deployment(const InstallPlan& plan);
codec::Json node_agent_daemon_set(const InstallPlan& plan);

}  // namespace salvor::cli
