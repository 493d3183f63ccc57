// `server`, the control plane against a cluster, and `node-agent`, the mover of one node's volume data: in
// the foreground, until SIGTERM or SIGINT.
#pragma once

#include "cli/command.h"

namespace salvor::cli {

Command server_command();
Command node_agent_command();

}  // namespace salvor::cli
