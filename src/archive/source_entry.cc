#include "archive/source_entry.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "archive/file_saver.h"
#include "base/file.h"

namespace salvor::archive {

int open_for_reading(const Place& place, int flags) {
  const int common = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | flags;
  int fd = openat(place.directory, place.name.c_str(), common | O_NOATIME);
  if (fd < 0 && errno == EPERM) fd = openat(place.directory, place.name.c_str(), common);
  return fd;
}

std::vector<std::string> read_names(int fd, const std::string& path) {
  const int copy = dup(fd);
  if (copy < 0) throw SourceFailure(base::system_error(errno, fmt::format("read directory \"{}\"", path)));
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(fdopendir(copy), closedir);
  if (!stream) {
    close(copy);
    throw SourceFailure(base::system_error(errno, fmt::format("read directory \"{}\"", path)));
  }
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = readdir(stream.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) throw SourceFailure(base::system_error(errno, fmt::format("read directory \"{}\"", path)));
  std::sort(names.begin(), names.end());
  return names;
}

std::size_t FileSource::read(char* buffer, std::size_t size) {
  cancel_.check();
  ssize_t got = 0;
  do {
    got = ::pread(fd_, buffer, size, at_);
  } while (got < 0 && errno == EINTR);
  if (got < 0) throw SourceFailure(base::system_error(errno, fmt::format("read \"{}\"", path_)));
  at_ += got;
  tally_.bytes_read += static_cast<std::uint64_t>(got);
  return static_cast<std::size_t>(got);
}

}  // namespace salvor::archive
