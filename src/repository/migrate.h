// Migrations of a repository's format, by restic's names. The caller holds an exclusive lock and has checked
// the repository. One thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "repository/repository.h"

namespace salvor::repository {

struct Migration {
  std::string_view name, description;
  // Why it cannot be applied; empty when it can.
  std::string obstacle;
};

// All that exist, applicable or not.
std::vector<Migration> migrations(const Repository& repository);

// Rewrites config with version 2, which allows compression; nothing else changes. Throws kInvalidArgument
// when the repository is no version 1. The object `repository` goes on as version 1: open it anew.
void upgrade_to_version_2(Repository& repository, const base::CancelToken& cancel);

}  // namespace salvor::repository
