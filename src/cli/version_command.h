// `version`: of this program, and of the server that it reaches.
#pragma once

#include "cli/command.h"

namespace salvor::cli {

// "v0.1.0"
std::string program_version();
Command version_command();

}  // namespace salvor::cli
