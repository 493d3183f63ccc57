// `backup cancel` and `restore cancel`: asks the server to stop what runs or waits.
#pragma once

#include "cli/command.h"

namespace salvor::cli {

Command backup_cancel_command();
Command restore_cancel_command();

}  // namespace salvor::cli
