// `server`: the control plane against a cluster, in the foreground, until SIGTERM or SIGINT.
#pragma once

#include "cli/command.h"

namespace salvor::cli {

Command server_command();

}  // namespace salvor::cli
