// `restore describe`: one restore as text.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/command_context.h"
#include "cli/download.h"
#include "velero/results.h"
#include "velero/types.h"

namespace salvor::cli {

// What belongs to a restore beside its object.
struct RestoreDetails {
  std::vector<velero::PodVolumeRestore> pod_volume_restores;
  std::optional<codec::Json> volumes;  // the restore's volume info; nullopt: there is none
  std::optional<velero::Results> results;
  std::optional<std::map<std::string, std::vector<std::string>>> resource_list;  // with --details
  // Why they are missing; empty if nobody asked for them.
  std::string results_error, resource_list_error;
};

RestoreDetails load_details(CommandContext& context, const velero::Restore& restore, bool details,
                            const DownloadOptions& options);

std::string describe_restore(const CommandContext& context, const velero::Restore& restore,
                             const RestoreDetails& extra, bool details);

}  // namespace salvor::cli
