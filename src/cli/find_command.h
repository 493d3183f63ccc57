// `salvor find KIND/NAME`: which backups hold an object, and when it changed.
#pragma once

#include "cli/command.h"

namespace salvor::cli {

Command find_command();

}  // namespace salvor::cli
