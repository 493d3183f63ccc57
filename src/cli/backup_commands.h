// `backup create|get|describe|logs|download|delete`.
#pragma once

#include "cli/command.h"
#include "velero/types.h"

namespace salvor::cli {

Command backup_group();
Command backup_create_command();
Command backup_diff_command();

// Alphabetical; of names that differ in their 14-digit time only, the newest first.
void sort_backups(std::vector<codec::Json>& backups);
void print_backup_table(const CommandContext& context, const struct OutputFlags& flags,
                        const std::vector<codec::Json>& backups);

}  // namespace salvor::cli
