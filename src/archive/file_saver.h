// Turns the bytes of a file into blobs: up to the smallest chunk in one piece on the calling thread, more
// through the chunker with the blobs saved on the repository's threads. One object per thread, used for file
// after file.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "archive/backup_tally.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/stream.h"
#include "repository/chunker.h"
#include "repository/repository.h"

namespace salvor::archive {

// The source could not be read: the file's failure, not the repository's.
class SourceFailure : public base::Error {
 public:
  using base::Error::Error;
  explicit SourceFailure(const base::Error& error) : base::Error(error) {}
};

struct SavedFile {
  std::vector<repository::BlobId> content;
  std::uint64_t size = 0;                             // bytes read
  std::uint64_t new_bytes = 0, new_packed_bytes = 0;  // of blobs that were not there yet
};

class FileSaver {
 public:
  // All must outlive it. With `dry_run` nothing is saved: ids are computed.
  FileSaver(repository::Repository& repository, const repository::Chunker& chunker, BackupTally& tally,
            bool dry_run, base::CancelToken cancel);
  // `size_hint`: the expected size. Throws SourceFailure for the source's errors.
  SavedFile save(base::Source& source, std::uint64_t size_hint);

 private:
  void save_chunks(base::Source& source, std::uint64_t size_hint, SavedFile& file);
  void account(const repository::Repository::Saved& saved, std::uint64_t size, SavedFile& file);

  repository::Repository& repository_;
  repository::ChunkStream chunks_;
  BackupTally& tally_;
  const bool dry_run_;
  const base::CancelToken cancel_;
  std::unique_ptr<char[]> small_;  // one byte more than the smallest chunk
};

// Saves a blob, or with `dry_run` says what saving it would do.
repository::Repository::Saved save_or_hash(repository::Repository& repository, repository::BlobType type,
                                           std::string_view data, bool dry_run,
                                           const base::CancelToken& cancel);

}  // namespace salvor::archive
