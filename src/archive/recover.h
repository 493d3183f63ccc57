// Makes a snapshot of every directory tree that no other tree and no snapshot refers to: what forget left
// behind and prune has not yet removed. The caller holds an exclusive lock and has made the index complete.
// One thread reads the report; trees are read by several. Memory: the index and a bit for each tree.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "repository/repository.h"

namespace salvor::archive {

struct RecoverObserver {
  std::function<void(std::uint64_t done, std::uint64_t total)> on_progress;  // trees
  std::function<void(const std::string&)> on_finding;                        // trees that cannot be read
  std::function<void(const repository::BlobId& root)> on_root;
};

struct RecoverReport {
  std::vector<repository::BlobId> roots;
  std::optional<repository::SnapshotId> saved;  // nullopt when there is nothing to recover
};

RecoverReport recover_roots(repository::Repository& repository, const base::CancelToken& cancel,
                            const RecoverObserver& observer = {});

}  // namespace salvor::archive
