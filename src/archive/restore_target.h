// File operations below the directory that is restored into. Every path is walked component by component
// without following symbolic links, so nothing a snapshot or the directory holds leads outside.
//
// A RestoreTarget is shared by threads; each uses a Walker of its own. Failures are system errors naming the
// path.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "archive/node.h"
#include "archive/restore_rules.h"
#include "base/file.h"

namespace salvor::archive {

class RestoreTarget {
 public:
  // Creates the directory if it is missing. With `dry_run` a missing one stays so: it has nothing in it, and
  // only open_directory and status of a walker may be called.
  explicit RestoreTarget(std::filesystem::path root, bool dry_run = false, AttributeFilter attributes = {});
  // Which extended attributes are set, and removed where the snapshot has none.
  const AttributeFilter& attributes() const { return attributes_; }
  const base::Fd& root() const { return root_; }
  // For messages.
  std::string full_path(const std::string& directory, const std::string& name) const;

 private:
  const std::filesystem::path path_;
  const AttributeFilter attributes_;
  base::Fd root_;
};

// Opens directories of a target and keeps those on the way to the last one open, so that going to a neighbour
// takes one step. `directory` is relative to the target, "" the target itself, components separated by "/".
class TargetWalker {
 public:
  explicit TargetWalker(const RestoreTarget& target) : target_(target) {}

  int open_directory(const std::string& directory);  // valid until the next call
  std::optional<struct stat> status(const std::string& directory, const std::string& name);
  // Makes a directory (mode 0700) unless there is one; anything else of that name is removed. True if it was
  // made.
  bool make_directory(const std::string& directory, const std::string& name);
  // Removes a file, link or empty directory; nothing there is fine.
  void remove(const std::string& directory, const std::string& name);
  base::Fd create_file(const std::string& directory, const std::string& name);
  base::Fd open_file(const std::string& directory, const std::string& name, int flags);
  // A symlink, device or fifo; replaces what is there.
  void make_special(const std::string& directory, const Node& node);
  void make_hard_link(const std::string& from_directory, const std::string& from_name,
                      const std::string& directory, const std::string& name);
  // Owner, extended attributes, times, permissions, in this order. What only root may do is skipped for
  // others.
  void apply_metadata(const std::string& directory, const Node& node);
  // The same for a regular file that is open for writing: fewer calls, and no name is followed.
  void apply_metadata(const base::Fd& file, const std::string& directory, const Node& node);

 private:
  struct Step {
    std::string name;
    base::Fd fd;
  };

  const RestoreTarget& target_;
  std::string last_;         // the directory that steps_ lead to
  std::vector<Step> steps_;  // one for each component
};

}  // namespace salvor::archive
