// `restore create --dry-run`: what the restore would do, found out against the cluster as it is now, with
// nothing changed.
#pragma once

#include "cli/backup_files.h"
#include "cli/command_context.h"
#include "restore/restorer.h"
#include "velero/restore_types.h"

namespace salvor::cli {

// Checks the restore as the server does (kInvalidArgument naming all that is wrong with it), plans it and
// prints the plan: a table, or a JSON document with format "json", or YAML. Sets exit_code to kNotCompleted
// if the restore would end with errors.
void preview_restore(CommandContext& context, velero::Restore restore, const DownloadOptions& options,
                     const std::string& format);

// As a table, with the fields that would change below each object, warnings, errors and a summary.
std::string plan_text(const restore::RestoreOutcome& outcome);
codec::Json plan_json(const velero::Restore& restore, const restore::RestoreOutcome& outcome);

}  // namespace salvor::cli
