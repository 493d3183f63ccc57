// `salvor restore-helper RESTORE_UID`: what a restored pod's init container `restore-wait` runs. Returns 0
// once every directory under `restores` holds .velero/RESTORE_UID (the data mover writes it when a volume's
// data is complete), after it has removed those .velero directories. Asks once a second, for as long as it
// takes.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/cancel.h"

namespace salvor::cli {

// args: what follows "restore-helper" on the command line. Returns the exit code.
int restore_helper_main(const std::vector<std::string>& args,
                        const std::filesystem::path& restores = "/restores",
                        const base::CancelToken& cancel = {});

}  // namespace salvor::cli
