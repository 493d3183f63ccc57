// Values that both kinds of locations take.
#pragma once

#include <optional>
#include <string>

#include "cli/command_context.h"
#include "velero/reference_types.h"

namespace salvor::cli {

// "SECRET=KEY" of --credential; nullopt when the flag is absent.
std::optional<velero::SecretKeySelector> parse_credential(const std::string& text);

}  // namespace salvor::cli
