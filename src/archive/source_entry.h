// How entries of the file system are read for a backup: without following links, without changing access
// times where that is allowed, and with the file's path in each failure. Functions are thread-safe; a
// FileSource belongs to one thread at a time.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "archive/backup_tally.h"
#include "base/cancel.h"
#include "base/stream.h"

namespace salvor::archive {

// Where an entry is for the *at calls.
struct Place {
  int directory;
  std::string name;
};

// A descriptor, or -1 with errno set. A fifo or device that took the file's place does not block it.
int open_for_reading(const Place& place, int flags);

// Sorted, without "." and "..". `path` is for the message. Throws SourceFailure.
std::vector<std::string> read_names(int fd, const std::string& path);

// The bytes of an open file; what is read counts in the tally. All must outlive it. Throws SourceFailure, and
// kCancelled.
class FileSource final : public base::Source {
 public:
  FileSource(int fd, const std::string& path, BackupTally& tally, const base::CancelToken& cancel)
      : fd_(fd), path_(path), tally_(tally), cancel_(cancel) {}
  std::size_t read(char* buffer, std::size_t size) override;

 private:
  const int fd_;
  off_t at_ = 0;
  const std::string& path_;
  BackupTally& tally_;
  const base::CancelToken& cancel_;
};

}  // namespace salvor::archive
