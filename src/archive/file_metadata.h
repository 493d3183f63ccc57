// From the file system to nodes: lstat results, owner names, link targets and extended attributes as restic
// records them. OwnerNames is thread-safe, the functions are pure but for system calls.
#pragma once

#include <sys/stat.h>

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "archive/node.h"

namespace salvor::archive {

// Names of users and groups, each looked up once.
class OwnerNames {
 public:
  // "" when there is none.
  std::string user(std::uint32_t uid);
  std::string group(std::uint32_t gid);

 private:
  std::mutex mutex_;
  std::map<std::uint32_t, std::string> users_, groups_;  // guarded by mutex_
};

// Everything that stat tells; size only for regular files, atime as mtime unless `with_atime`.
Node node_from_stat(std::string_view name, const struct stat& status, OwnerNames& names, bool with_atime);

// In the order of llistxattr. What cannot be read is left out, and `problem` says so ("" if nothing).
std::vector<ExtendedAttribute> read_extended_attributes(const std::string& path, std::string& problem);

// Throws the system's error.
std::string read_link_target(int directory, const std::string& name, std::string_view path);

std::string this_hostname();

}  // namespace salvor::archive
