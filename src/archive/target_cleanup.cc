#include "archive/target_cleanup.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <vector>

namespace salvor::archive {
namespace {

std::vector<std::string> names_in(int directory, const std::string& path) {
  const int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (copy < 0) throw base::system_error(errno, fmt::format("read directory \"{}\"", path));
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(fdopendir(copy), closedir);
  if (!stream) {
    close(copy);
    throw base::system_error(errno, fmt::format("read directory \"{}\"", path));
  }
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
    errno = 0;
  }
  if (errno != 0) throw base::system_error(errno, fmt::format("read directory \"{}\"", path));
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

TargetCleanup::TargetCleanup(const RestoreTarget& target, bool dry_run, Callbacks callbacks)
    : target_(target), dry_run_(dry_run), callbacks_(std::move(callbacks)), walker_(target) {}

void TargetCleanup::clean(const std::string& directory, const std::unordered_set<std::string>& keep) {
  std::vector<std::string> names;
  int at = -1;
  try {
    at = walker_.open_directory(directory);
    names = names_in(at, target_.full_path(directory, ""));
  } catch (const base::Error& error) {
    // Before a dry run has made the directory there is nothing in it.
    if (!dry_run_ && error.code() != base::ErrorCode::kNotFound) callbacks_.failed("/" + directory, error);
    return;
  }
  for (const std::string& name : names) {
    const std::string item = directory.empty() ? "/" + name : "/" + directory + "/" + name;
    if (keep.contains(name) || !callbacks_.selects(item)) continue;
    try {
      remove_tree(at, name, target_.full_path(directory, name));
    } catch (const base::Error& error) {
      callbacks_.failed(item, error);
    }
  }
}

void TargetCleanup::remove_tree(int directory, const std::string& name, const std::string& path) {
  struct stat status {};
  if (fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return;
    throw base::system_error(errno, fmt::format("lstat \"{}\"", path));
  }
  if (S_ISDIR(status.st_mode)) {
    const base::Fd below(openat(directory, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!below.valid()) throw base::system_error(errno, fmt::format("open directory \"{}\"", path));
    for (const std::string& entry : names_in(below.get(), path)) {
      remove_tree(below.get(), entry, path + "/" + entry);
    }
  }
  if (!dry_run_ && unlinkat(directory, name.c_str(), S_ISDIR(status.st_mode) ? AT_REMOVEDIR : 0) != 0) {
    throw base::system_error(errno, fmt::format("remove \"{}\"", path));
  }
  callbacks_.removed(path);
}

}  // namespace salvor::archive
