// `debug`: one file with all that is needed to find out what went wrong, without secrets.
#pragma once

#include "cli/command.h"

namespace salvor::cli {

Command debug_command();

}  // namespace salvor::cli
