// `repair index` as other commands need it too: recover makes the index complete first.
#pragma once

#include "cli/repo/repo_session.h"
#include "repository/repair_index.h"

namespace salvor::cli {

// Shows phases and findings. The exclusive lock is held.
repository::RepairIndexReport rebuild_index(RepoSession& session, bool read_all_packs);

}  // namespace salvor::cli
