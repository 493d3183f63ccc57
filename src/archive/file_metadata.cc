#include "archive/file_metadata.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace salvor::archive {
namespace {

Moment moment_of(const struct timespec& time) {
  return {time.tv_sec, static_cast<std::int32_t>(time.tv_nsec)};
}

NodeType type_of(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return NodeType::kFile;
    case S_IFDIR:
      return NodeType::kDirectory;
    case S_IFLNK:
      return NodeType::kSymlink;
    case S_IFBLK:
      return NodeType::kDevice;
    case S_IFCHR:
      return NodeType::kCharDevice;
    case S_IFIFO:
      return NodeType::kFifo;
    case S_IFSOCK:
      return NodeType::kSocket;
    default:
      return NodeType::kIrregular;
  }
}

// Calls a "_r" look-up with a growing buffer and returns the name of what it found.
template <typename Entry, typename Lookup>
std::string look_up(Lookup lookup, char* Entry::*name) {
  std::vector<char> buffer(1024);
  for (;;) {
    Entry entry{};
    Entry* found = nullptr;
    const int result = lookup(&entry, buffer.data(), buffer.size(), &found);
    if (result == ERANGE && buffer.size() < (1U << 20)) {
      buffer.resize(buffer.size() * 4);
      continue;
    }
    return found != nullptr ? std::string(entry.*name) : std::string();
  }
}

// Runs a call of the getxattr family that first tells the size; nullopt with errno set when it fails.
template <typename Call>
std::optional<std::string> read_sized(Call call) {
  std::string value(256, '\0');
  for (;;) {
    const ssize_t size = call(value.data(), value.size());
    if (size >= 0) {
      value.resize(static_cast<std::size_t>(size));
      return value;
    }
    if (errno != ERANGE) return std::nullopt;
    const ssize_t needed = call(nullptr, 0);
    if (needed < 0) return std::nullopt;
    value.resize(static_cast<std::size_t>(needed) + 64);
  }
}

}  // namespace

std::string OwnerNames::user(std::uint32_t uid) {
  std::lock_guard lock(mutex_);
  const auto [at, added] = users_.try_emplace(uid);
  if (added) {
    at->second =
        look_up<passwd>([uid](passwd* entry, char* buffer, std::size_t size,
                              passwd** found) { return getpwuid_r(uid, entry, buffer, size, found); },
                        &passwd::pw_name);
  }
  return at->second;
}

std::string OwnerNames::group(std::uint32_t gid) {
  std::lock_guard lock(mutex_);
  const auto [at, added] = groups_.try_emplace(gid);
  if (added) {
    at->second = look_up<struct group>(
        [gid](struct group* entry, char* buffer, std::size_t size, struct group** found) {
          return getgrgid_r(gid, entry, buffer, size, found);
        },
        &group::gr_name);
  }
  return at->second;
}

Node node_from_stat(std::string_view name, const struct stat& status, OwnerNames& names, bool with_atime) {
  Node node;
  node.name = name;
  node.type = type_of(status.st_mode);
  node.mode = to_go_mode(status.st_mode);
  node.mtime = moment_of(status.st_mtim);
  node.atime = with_atime ? moment_of(status.st_atim) : node.mtime;
  node.ctime = moment_of(status.st_ctim);
  node.uid = status.st_uid;
  node.gid = status.st_gid;
  node.user = names.user(status.st_uid);
  node.group = names.group(status.st_gid);
  node.inode = status.st_ino;
  node.device_id = status.st_dev;
  switch (node.type) {
    case NodeType::kFile:
      node.size = static_cast<std::uint64_t>(status.st_size);
      node.links = status.st_nlink;
      break;
    case NodeType::kSymlink:
      node.links = status.st_nlink;
      break;
    case NodeType::kDevice:
    case NodeType::kCharDevice:
      node.links = status.st_nlink;
      node.device = status.st_rdev;
      break;
    default:
      break;
  }
  return node;
}

std::vector<ExtendedAttribute> read_extended_attributes(const std::string& path, std::string& problem) {
  problem.clear();
  const auto list =
      read_sized([&](char* buffer, std::size_t size) { return llistxattr(path.c_str(), buffer, size); });
  if (!list) {
    if (errno != ENOTSUP && errno != EOPNOTSUPP && errno != ENOENT) {
      problem = base::system_error(errno, fmt::format("list extended attributes of \"{}\"", path)).message();
    }
    return {};
  }
  std::vector<ExtendedAttribute> attributes;
  for (std::size_t at = 0; at < list->size();) {
    std::string name(list->c_str() + at);
    at += name.size() + 1;
    auto value = read_sized(
        [&](char* buffer, std::size_t size) { return lgetxattr(path.c_str(), name.c_str(), buffer, size); });
    if (value) {
      attributes.push_back({std::move(name), std::move(*value)});
    } else if (errno != ENODATA && errno != ENOTSUP) {
      problem = base::system_error(errno, fmt::format("read extended attribute {} of \"{}\"", name, path))
                    .message();
    }
  }
  return attributes;
}

std::string read_link_target(int directory, const std::string& name, std::string_view path) {
  std::string target(256, '\0');
  for (;;) {
    const ssize_t size = readlinkat(directory, name.c_str(), target.data(), target.size());
    if (size < 0) throw base::system_error(errno, fmt::format("read link \"{}\"", path));
    if (static_cast<std::size_t>(size) < target.size()) {
      target.resize(static_cast<std::size_t>(size));
      return target;
    }
    target.resize(target.size() * 4);
  }
}

std::string this_hostname() {
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) != 0) throw base::system_error(errno, "read the host name");
  return name;
}

}  // namespace salvor::archive
