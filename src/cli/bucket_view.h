// `--bucket URL`: backups read straight from their bucket, with no cluster: what is left when a cluster is
// lost. URL is a directory, file:///DIRECTORY, s3:http(s)://HOST/BUCKET/PREFIX or s3://BUCKET/PREFIX, in
// each case with the location's prefix. One thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/command_context.h"
#include "cli/describe_backup.h"
#include "velero/backup_store.h"

namespace salvor::cli {

// context.flags.bucket is set. Throws kInvalidArgument for a malformed URL.
velero::BackupStore open_bucket_view(CommandContext& context);

// The named backups (the first missing one is kNotFound), or all of them.
std::vector<velero::Backup> bucket_backups(CommandContext& context, velero::BackupStore& store,
                                           const std::vector<std::string>& names);

// As load_details, from the bucket.
BackupDetails bucket_details(CommandContext& context, velero::BackupStore& store,
                             const velero::Backup& backup, bool details);

}  // namespace salvor::cli
