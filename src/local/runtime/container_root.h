// The file system of a container: this machine's own root under a private writable layer (overlay on tmpfs;
// where the kernel has no overlay, read-only binds on a tmpfs), with fresh /proc, /dev, /tmp and /run,
// generated files such as /etc/passwd, and the volumes. Works in a chroot, where "/" is not a mount point.
// For the single-threaded processes of a pod only; everything happens in the calling process's mount
// namespace and goes away with it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "codec/json.h"

namespace salvor::local {

struct ContainerMount {
  std::string source;  // in the machine's view; a directory or a file
  std::string target;  // in the container's view; made if it is not there
  bool read_only = false;
  bool propagates = false;  // what the machine mounts below the source later appears in the container
};

struct ContainerRoot {
  std::filesystem::path staging;                           // an empty directory to build in
  std::vector<std::string> hidden;                         // directories of the machine that appear empty
  std::vector<std::pair<std::string, std::string>> files;  // path, content
  std::vector<ContainerMount> mounts;
  std::vector<std::string> own_binary;  // paths at which this program itself appears
  bool read_only = false;
  bool host_network = false;
};

codec::Json to_json(const ContainerRoot& root);
ContainerRoot container_root_from_json(const codec::Json& json);

// Moves the calling process (or thread) into a mount namespace of its own, into which the machine's new
// mounts propagate, and from which nothing propagates to the machine's.
void enter_own_mount_namespace();

// Builds the root and makes it the calling process's (chroot). The caller has a private mount namespace and
// runs in the pod's pid namespace. Throws base::Error naming the mount that failed.
void build_container_root(const ContainerRoot& root);

}  // namespace salvor::local
