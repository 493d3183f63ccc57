// Saves file trees: threads walk directories depth first in batches of entries, compare files with the parent
// snapshot, read what changed, and save each directory's tree when its last entry is done. In memory are the
// open directories' names and JSON, never the whole file tree.
//
// save() is called once. What concerns one file is reported to the tally and leaves it out of the tree;
// failures of the repository and cancellation are thrown.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "archive/backup_tally.h"
#include "archive/directory_backup.h"
#include "archive/source_filter.h"
#include "archive/target_tree.h"

namespace salvor::archive {

struct TreeSaverOptions {
  std::optional<repository::BlobId> parent_tree = std::nullopt;
  bool ignore_ctime = false, ignore_inode = false, with_atime = false, dry_run = false;
  unsigned threads = 2;
};

class TreeSaver {
 public:
  // All must outlive it.
  TreeSaver(repository::Repository& repository, const SourceFilter& filter, BackupTally& tally,
            base::Logger logger, TreeSaverOptions options, const base::CancelToken& cancel);
  ~TreeSaver();

  // The root tree's id. `tick` is called about ten times a second on the calling thread.
  repository::BlobId save(const TargetTree& targets, const std::function<void()>& tick);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace salvor::archive
