// What a restore with --delete does: removes from the target what the snapshot does not have. One thread;
// every directory is reached component by component without following links, as restore_target.h does. What
// cannot be removed is reported and stays.
#pragma once

#include <functional>
#include <string>
#include <unordered_set>

#include "archive/restore_target.h"
#include "base/error.h"

namespace salvor::archive {

class TargetCleanup {
 public:
  struct Callbacks {
    std::function<bool(const std::string& item)> selects;  // "/a/b": may it be removed?
    std::function<void(const std::string& path)> removed;  // in the file system
    std::function<void(const std::string& item, const base::Error&)> failed;
  };
  // With `dry_run` everything is told and nothing removed.
  TargetCleanup(const RestoreTarget& target, bool dry_run, Callbacks callbacks);

  // Removes the entries of the directory that are not in `keep`, with all that is below them. A directory
  // that is not there has none.
  void clean(const std::string& directory, const std::unordered_set<std::string>& keep);

 private:
  void remove_tree(int directory, const std::string& name, const std::string& path);

  const RestoreTarget& target_;
  const bool dry_run_;
  const Callbacks callbacks_;
  TargetWalker walker_;
};

}  // namespace salvor::archive
