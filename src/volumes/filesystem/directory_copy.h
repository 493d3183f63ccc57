// Copies a directory with everything in it: contents (shared by reflink where the file system can, else
// copied, holes kept), owners, modes, times, extended attributes and ACLs, symbolic links, hard links, FIFOs,
// sockets and devices. For directories in use: what vanishes meanwhile is left out, what changes is copied as
// found.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/cancel.h"

namespace salvor::volumes {

struct DirectoryCopy {
  std::uint64_t files = 0, bytes = 0;  // regular files and their sizes
  std::uint64_t shared_files = 0;      // of these, by reflink
  std::vector<std::string> left_out;   // paths that vanished, and devices that only root may make
};

// `to` must not exist; its parent must. Throws, leaving a part behind, for what cannot be read or written:
// kNotFound for a missing `from`, kNoSpace, kPermissionDenied, kCancelled.
DirectoryCopy copy_directory(const std::filesystem::path& from, const std::filesystem::path& to,
                             const base::CancelToken& cancel);

// Removes a directory with everything in it, also what its modes protect from their owner.
void remove_directory(const std::filesystem::path& directory);

}  // namespace salvor::volumes
