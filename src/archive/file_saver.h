// Turns the bytes of files into blobs. A FileSaver belongs to one thread and is used for file after file; it
// saves a small file by itself. The content of a large one is a SharedContent, of which any number of threads
// save chunk after chunk.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "archive/backup_tally.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/stream.h"
#include "repository/chunk_cutter.h"
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

// The content of one source while threads save it. Thread-safe.
class SharedContent {
 public:
  // Both must outlive it.
  SharedContent(const repository::Chunker& chunker, base::Source& source) : cutter_(chunker, source) {}

  // False when there is nothing left to help with. Otherwise the thread counts as one that works on it.
  bool join();
  // Ends the joined thread's part; true for the one that is the last: then the result is complete.
  bool leave();
  // Instead of leave, after a failure that is not the source's: nobody goes on, and nobody is the last.
  void abandon();
  // The next chunk; nullopt when there is none, or when the source failed.
  std::optional<size_t> next(base::Buffer& chunk);
  void add(size_t number, const repository::Repository::Saved& saved, std::uint64_t size);

  // After the last left: throws the source's failure.
  SavedFile take();

 private:
  repository::ChunkCutter cutter_;
  std::mutex mutex_;  // guards what follows
  SavedFile file_;
  std::optional<SourceFailure> failure_;
  unsigned threads_ = 0;
  bool exhausted_ = false, abandoned_ = false;
};

class FileSaver {
 public:
  static constexpr size_t kSmall = repository::Chunker::kMinSize;

  // All must outlive it. With `dry_run` nothing is saved: ids are computed.
  FileSaver(repository::Repository& repository, BackupTally& tally, bool dry_run, base::CancelToken cancel)
      : repository_(repository), tally_(tally), dry_run_(dry_run), cancel_(std::move(cancel)) {}

  // Saves a source of at most kSmall bytes; nullopt, having saved nothing, if it has more. Throws
  // SourceFailure for the source's errors.
  std::optional<SavedFile> save_small(base::Source& source);
  // Takes part in saving a content that this thread has joined, until there is nothing left to take.
  void save_chunks(SharedContent& content);

 private:
  repository::Repository::Saved save_blob(std::string_view data);

  repository::Repository& repository_;
  BackupTally& tally_;
  const bool dry_run_;
  const base::CancelToken cancel_;
  base::Buffer chunk_;
};

// Saves a blob, or with `dry_run` says what saving it would do.
repository::Repository::Saved save_or_hash(repository::Repository& repository, repository::BlobType type,
                                           std::string_view data, bool dry_run,
                                           const base::CancelToken& cancel);

}  // namespace salvor::archive
