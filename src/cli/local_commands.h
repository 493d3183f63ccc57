// `local up|down|status|exec|make-bucket`: the control plane on this machine. `exec` also works against any
// other API server.
#pragma once

#include "cli/command.h"

namespace salvor::cli {

Command local_group();
Command exec_command();

}  // namespace salvor::cli
