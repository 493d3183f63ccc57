// `restore create|get|describe|logs|delete`.
#pragma once

#include "cli/command.h"
#include "codec/json.h"

namespace salvor::cli {

Command restore_group();
Command restore_create_command();

void print_restore_table(const CommandContext& context, const struct OutputFlags& flags,
                         const std::vector<codec::Json>& restores);

}  // namespace salvor::cli
