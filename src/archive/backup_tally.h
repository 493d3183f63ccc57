// What a running backup has done so far: counters for the summary and the progress, and the collected errors.
// Thread-safe; callbacks of the request are called one at a time.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "archive/directory_backup.h"

namespace salvor::archive {

class BackupTally {
 public:
  explicit BackupTally(const BackupRequest& request) : request_(request) {}

  void add_error(const std::string& path, const std::string& message);
  void add_item(const BackedUpItem& item, bool directory, std::uint64_t file_size);
  void add_blob(repository::BlobType type, const repository::Repository::Saved& saved, std::uint64_t size);
  void begin_file(const std::string& path);
  bool wants_items() const { return request_.on_item != nullptr; }

  BackupProgress progress() const;
  // The counters; times and the rest are the caller's.
  repository::SnapshotSummary summary() const;
  std::vector<std::string> take_errors();

  std::atomic<std::uint64_t> bytes_read = 0;                    // for the progress: read or found unchanged
  std::atomic<std::uint64_t> files_total = 0, bytes_total = 0;  // set by the scan when it is complete

 private:
  const BackupRequest& request_;
  mutable std::mutex mutex_;
  repository::SnapshotSummary counters_;  // guarded by mutex_
  std::vector<std::string> errors_;       // guarded by mutex_
  std::string current_;                   // guarded by mutex_
};

}  // namespace salvor::archive
