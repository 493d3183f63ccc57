// --wait: dots on the terminal until a backup or restore is finished.
#pragma once

#include <string>

#include "cli/command_context.h"

namespace salvor::cli {

// Prints Velero's messages for `kind` ("Backup", "Restore") and waits until status.phase is final. The exit
// code becomes kNotCompleted unless the phase is Completed; with VELERO_COMPAT_EXIT=1 it stays 0, as
// Velero's.
void wait_until_finished(CommandContext& context, const std::string& kind,
                         const kube::GroupVersionResource& gvr, const std::string& name);

}  // namespace salvor::cli
