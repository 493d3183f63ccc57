// `backup-location create|get|set|delete`, `snapshot-location create|get|set`, `repo get` (beside restic's
// commands, which live under the same word).
#pragma once

#include "cli/command.h"
#include "codec/json.h"

namespace salvor::cli {

Command backup_location_group();
Command snapshot_location_group();
// `context` outlives the command.
Command repo_group(CommandContext& context);

void print_backup_location_table(const CommandContext& context, const struct OutputFlags& flags,
                                 const std::vector<codec::Json>& locations);

}  // namespace salvor::cli
