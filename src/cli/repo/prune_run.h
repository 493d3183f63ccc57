// Pruning as `prune` and `forget --prune` do it: flags, plan, what is printed of it, and the run. One thread.
#pragma once

#include <string>

#include "cli/repo/repo_session.h"
#include "repository/prune.h"

namespace salvor::cli {

struct PruneFlags {
  repository::PruneOptions options;
  std::string max_repack_size, repack_smaller_than, recover_no_free_space;
  bool repack_small = false, dry_run = false;

  // All but --dry-run and --unsafe-recover-no-free-space.
  void add_to(CLI::App* command);
};

// Throws kInvalidArgument for a limit that makes no sense, before anything is done.
void check_prune_limits(const PruneFlags& flags);

// With --json forget prints one document, and nothing of its prune.
enum class PruneReport { kAsAsked, kNotAsJson };

// The exclusive lock is held (but for a dry run), the snapshots are as they will be.
void run_prune(RepoSession& session, const PruneFlags& flags, PruneReport report = PruneReport::kAsAsked);

}  // namespace salvor::cli
