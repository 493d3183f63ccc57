// Which parts of files that are there already are as the snapshot has them: all files of a batch are read by
// several threads, a few blobs at once, which are hashed side by side.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "archive/restore_batch.h"
#include "archive/restore_target.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/thread_pool.h"
#include "repository/repository.h"

namespace salvor::archive {

struct ExistingFile {
  PlannedFile* file = nullptr;
  std::vector<repository::BlobId> content;
  std::vector<repository::BlobLocation> locations;  // of the content
  std::vector<std::uint8_t> present;                // set by find_present_blobs, for each of the content
  std::optional<base::Error> failure;               // as well: the file cannot be read
};

// Throws only kCancelled. The pool may have other work.
void find_present_blobs(std::vector<ExistingFile>& files, const RestoreTarget& target, base::ThreadPool& pool,
                        const base::CancelToken& cancel);

}  // namespace salvor::archive
