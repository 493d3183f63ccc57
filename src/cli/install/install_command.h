// `install` and `uninstall`: Salvor into a cluster and out of it.
#pragma once

#include "cli/command.h"

namespace salvor::cli {

Command install_command();
Command uninstall_command();

}  // namespace salvor::cli
