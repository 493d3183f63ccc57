#include "archive/restore_target.h"

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <set>

#include "archive/file_metadata.h"
#include "base/error.h"

namespace salvor::archive {
namespace {

[[noreturn]] void fail_system(std::string_view doing, const std::string& path) {
  throw base::system_error(errno, fmt::format("{} \"{}\"", doing, path));
}

// What an unprivileged process cannot do is no failure.
bool is_forgiven() {
  return (errno == EPERM || errno == EACCES) && geteuid() != 0;
}

struct timespec to_timespec(const Moment& moment) {
  struct timespec time {};
  time.tv_sec = moment.seconds;
  time.tv_nsec = moment.nanoseconds;
  return time;
}

void apply_extended_attributes(int directory, const Node& node, const AttributeFilter& filter,
                               const std::string& full_path) {
  // There are no *at calls for attributes; the descriptor's name in /proc stands in for them.
  const std::string path = fmt::format("/proc/self/fd/{}/{}", directory, node.name);
  std::string problem;
  std::set<std::string> unlisted;
  for (ExtendedAttribute& attribute : read_extended_attributes(path, problem)) {
    if (filter.selects(attribute.name)) unlisted.insert(attribute.name);
  }
  for (const ExtendedAttribute& attribute : node.extended_attributes) {
    if (!filter.selects(attribute.name)) continue;
    unlisted.erase(attribute.name);
    const int result =
        lsetxattr(path.c_str(), attribute.name.c_str(), attribute.value.data(), attribute.value.size(), 0);
    if (result != 0 && errno != ENOTSUP && !is_forgiven()) {
      fail_system(fmt::format("set extended attribute {} of", attribute.name), full_path);
    }
  }
  // A label that the system gave a new file cannot be taken away; the attempt is enough.
  for (const std::string& name : unlisted) (void)lremovexattr(path.c_str(), name.c_str());
}

}  // namespace

RestoreTarget::RestoreTarget(std::filesystem::path root, bool dry_run, AttributeFilter attributes)
    : path_(std::move(root)), attributes_(std::move(attributes)) {
  std::error_code error;
  if (!dry_run) std::filesystem::create_directories(path_, error);
  if (error) throw base::system_error(error.value(), fmt::format("create directory \"{}\"", path_.string()));
  root_ = base::Fd(open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root_.valid() && !(dry_run && errno == ENOENT)) fail_system("open directory", path_.string());
}

std::string RestoreTarget::full_path(const std::string& directory, const std::string& name) const {
  return (path_ / directory / name).string();
}

int TargetWalker::open_directory(const std::string& directory) {
  if (!target_.root().valid()) {
    errno = ENOENT;
    fail_system("open directory", target_.full_path("", ""));
  }
  if (directory.empty()) return target_.root().get();
  if (!steps_.empty() && last_ == directory) return steps_.back().fd.get();
  std::size_t depth = 0, start = 0;
  const auto next_part = [&] {
    const std::size_t end = std::min(directory.find('/', start), directory.size());
    return std::string_view(directory).substr(start, end - start);
  };
  // What both paths begin with stays open.
  for (; depth < steps_.size() && start <= directory.size(); ++depth) {
    const std::string_view part = next_part();
    if (steps_[depth].name != part) break;
    start += part.size() + 1;
  }
  steps_.resize(depth);
  last_.clear();
  while (start <= directory.size()) {
    std::string part(next_part());
    start += part.size() + 1;
    const int from = steps_.empty() ? target_.root().get() : steps_.back().fd.get();
    base::Fd next(openat(from, part.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next.valid()) fail_system("open directory", target_.full_path(directory.substr(0, start - 1), ""));
    steps_.push_back({std::move(part), std::move(next)});
  }
  last_ = directory;
  return steps_.back().fd.get();
}

std::optional<struct stat> TargetWalker::status(const std::string& directory, const std::string& name) {
  struct stat status {};
  if (fstatat(open_directory(directory), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) return status;
  if (errno == ENOENT) return std::nullopt;
  fail_system("lstat", target_.full_path(directory, name));
}

bool TargetWalker::make_directory(const std::string& directory, const std::string& name) {
  const int at = open_directory(directory);
  if (mkdirat(at, name.c_str(), 0700) == 0) return true;
  if (errno != EEXIST) fail_system("make directory", target_.full_path(directory, name));
  const auto present = status(directory, name);
  if (present && S_ISDIR(present->st_mode)) return false;
  remove(directory, name);
  if (mkdirat(at, name.c_str(), 0700) != 0) fail_system("make directory", target_.full_path(directory, name));
  return true;
}

void TargetWalker::remove(const std::string& directory, const std::string& name) {
  const int at = open_directory(directory);
  if (unlinkat(at, name.c_str(), 0) == 0 || errno == ENOENT) return;
  if (errno == EISDIR && unlinkat(at, name.c_str(), AT_REMOVEDIR) == 0) {
    if (directory.empty()) {  // else the steps lead to the directory that held it
      steps_.clear();
      last_.clear();
    }
    return;
  }
  fail_system("replace", target_.full_path(directory, name));
}

base::Fd TargetWalker::create_file(const std::string& directory, const std::string& name) {
  const int at = open_directory(directory);
  constexpr int kFlags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  base::Fd file(openat(at, name.c_str(), kFlags, 0600));
  if (!file.valid() && errno == EEXIST) {
    remove(directory, name);
    file = base::Fd(openat(at, name.c_str(), kFlags, 0600));
  }
  if (!file.valid()) fail_system("create", target_.full_path(directory, name));
  return file;
}

base::Fd TargetWalker::open_file(const std::string& directory, const std::string& name, int flags) {
  base::Fd file(openat(open_directory(directory), name.c_str(), flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid()) fail_system("open", target_.full_path(directory, name));
  return file;
}

void TargetWalker::make_special(const std::string& directory, const Node& node) {
  const int at = open_directory(directory);
  remove(directory, node.name);
  int result = 0;
  switch (node.type) {
    case NodeType::kSymlink:
      result = symlinkat(node.link_target.c_str(), at, node.name.c_str());
      break;
    case NodeType::kFifo:
      result = mkfifoat(at, node.name.c_str(), 0600);
      break;
    case NodeType::kDevice:
      result = mknodat(at, node.name.c_str(), S_IFBLK | 0600, node.device);
      break;
    case NodeType::kCharDevice:
      result = mknodat(at, node.name.c_str(), S_IFCHR | 0600, node.device);
      break;
    default:
      return;
  }
  if (result != 0)
    fail_system(fmt::format("make {}", to_string(node.type)), target_.full_path(directory, node.name));
}

void TargetWalker::make_hard_link(const std::string& from_directory, const std::string& from_name,
                                  const std::string& directory, const std::string& name) {
  remove(directory, name);
  const base::Fd to(fcntl(open_directory(directory), F_DUPFD_CLOEXEC, 0));
  if (!to.valid() ||
      linkat(open_directory(from_directory), from_name.c_str(), to.get(), name.c_str(), 0) != 0) {
    fail_system("link", target_.full_path(directory, name));
  }
}

void TargetWalker::apply_metadata(const base::Fd& file, const std::string& directory, const Node& node) {
  const auto require = [&](int result, std::string_view doing) {
    if (result != 0 && !is_forgiven()) fail_system(doing, target_.full_path(directory, node.name));
  };
  require(fchown(file.get(), node.uid, node.gid), "chown");
  // Mostly there are none to set and none to take away.
  if (!node.extended_attributes.empty() || flistxattr(file.get(), nullptr, 0) > 0) {
    apply_extended_attributes(open_directory(directory), node, target_.attributes(),
                              target_.full_path(directory, node.name));
  }
  const struct timespec times[2] = {to_timespec(node.atime), to_timespec(node.mtime)};
  require(futimens(file.get(), times), "set times of");
  require(fchmod(file.get(), to_chmod_bits(node.mode)), "chmod");
}

void TargetWalker::apply_metadata(const std::string& directory, const Node& node) {
  const int at = open_directory(directory);
  const char* name = node.name.c_str();
  const std::string path = target_.full_path(directory, node.name);
  if (fchownat(at, name, node.uid, node.gid, AT_SYMLINK_NOFOLLOW) != 0 && !is_forgiven())
    fail_system("chown", path);
  apply_extended_attributes(at, node, target_.attributes(), path);
  const struct timespec times[2] = {to_timespec(node.atime), to_timespec(node.mtime)};
  if (utimensat(at, name, times, AT_SYMLINK_NOFOLLOW) != 0 && !is_forgiven())
    fail_system("set times of", path);
  if (node.type == NodeType::kSymlink) return;
  // fchmodat would follow a link that took the name meanwhile; a descriptor that did not follow it cannot.
  const base::Fd file(openat(at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!file.valid()) fail_system("open", path);
  const std::string descriptor = fmt::format("/proc/self/fd/{}", file.get());
  if (chmod(descriptor.c_str(), to_chmod_bits(node.mode)) != 0 && !is_forgiven()) fail_system("chmod", path);
}

}  // namespace salvor::archive
