// Where snapshots are in a mounted repository: folders after path templates like "hosts/%h/%T", and a link
// "latest" beside those that end with their time. A value, built from a list of snapshots and never changed.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "repository/snapshot.h"

namespace salvor::archive {

struct FolderTemplates {
  // %i short id, %I id, %u user, %h host, %t each tag (none: the snapshot is left out), %T time.
  std::vector<std::string> paths{"ids/%i", "snapshots/%T", "hosts/%h/%T", "tags/%t/%T"};
  std::string time = "2006-01-02T15:04:05Z07:00";  // in Go's layout language
};

struct SnapshotFolder {
  std::map<std::string, std::unique_ptr<SnapshotFolder>> folders;
  std::map<std::string, repository::Snapshot> snapshots;
  std::map<std::string, std::string> links;  // name to target

  bool contains(const std::string& name) const {
    return folders.contains(name) || snapshots.contains(name) || links.contains(name);
  }
};

// `snapshots` ascending by time. Names that collide get "-1", "-2", ...
std::unique_ptr<SnapshotFolder> make_snapshot_folders(const std::vector<repository::Snapshot>& snapshots,
                                                      const FolderTemplates& templates);

}  // namespace salvor::archive
