// Which files a backup leaves out: patterns, tag files, size, file system boundaries. Immutable after
// construction; any thread.
#pragma once

#include <sys/stat.h>

#include <string>
#include <string_view>
#include <vector>

#include "archive/directory_backup.h"
#include "archive/path_pattern.h"

namespace salvor::archive {

class SourceFilter {
 public:
  // Throws kInvalidArgument for a malformed pattern.
  explicit SourceFilter(const BackupRequest& request);

  bool excludes_path(std::string_view absolute_path) const;
  // `status` is the entry's, `device` that of the target it was reached from.
  bool excludes_file(const struct stat& status) const;
  // A directory on another file system: the mount point itself is kept, empty.
  bool is_foreign(const struct stat& status, dev_t device) const;
  // The name of the tag file because of which the open directory keeps nothing else; empty: none.
  std::string tag_in(int directory) const;

 private:
  struct Tag {
    std::string name, header;
  };
  PathFilter patterns_, case_insensitive_;
  std::vector<Tag> tags_;
  std::optional<std::uint64_t> larger_than_;
  bool one_file_system_ = false;
};

}  // namespace salvor::archive
