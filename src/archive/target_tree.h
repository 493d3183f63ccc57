// The targets of a backup as the tree that a snapshot will hold: absolute targets bring their whole path,
// relative ones their components, "." and ".." are replaced by the entries of that directory, and names that
// collide get
// "-1", "-2", ... Built once, then read only.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace salvor::archive {

struct TargetTree {
  std::string path;       // where the file system has it; empty for the root
  bool selected = false;  // a target itself: everything below belongs to it
  // Found in a "." target rather than named, so excludes apply to it; the directory's device.
  std::optional<dev_t> found_on;
  std::map<std::string, std::unique_ptr<TargetTree>> children;  // only of what is not selected
};

// `base` is what relative targets are relative to; empty: the working directory. Throws what reading the
// entries of a "." target throws; whether the others exist shows later.
std::unique_ptr<TargetTree> build_target_tree(const std::vector<std::string>& targets,
                                              const std::filesystem::path& base);

// "/a/b" for "b/../b/." below "/a": absolute, cleaned lexically. `base` empty: the working directory.
std::string absolute_path(const std::string& target, const std::filesystem::path& base);

}  // namespace salvor::archive
