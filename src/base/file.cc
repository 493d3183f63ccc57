#include "base/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/error.h"

namespace salvor::base {

void Fd::reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

std::optional<std::string> read_file_if_exists(const std::filesystem::path& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    if (errno == ENOENT) return std::nullopt;
    throw system_error(errno, fmt::format("open \"{}\"", path.string()));
  }
  struct stat info {};
  std::string data;
  if (::fstat(fd.get(), &info) == 0 && info.st_size > 0) data.reserve(static_cast<size_t>(info.st_size) + 1);
  char buffer[64 * 1024];
  for (;;) {
    const ssize_t count = ::read(fd.get(), buffer, sizeof buffer);
    if (count < 0) {
      if (errno == EINTR) continue;
      throw system_error(errno, fmt::format("read \"{}\"", path.string()));
    }
    if (count == 0) return data;
    data.append(buffer, static_cast<size_t>(count));
  }
}

std::string read_file(const std::filesystem::path& path) {
  auto data = read_file_if_exists(path);
  if (!data) throw system_error(ENOENT, fmt::format("open \"{}\"", path.string()));
  return std::move(*data);
}

void write_all(int fd, std::string_view data, std::string_view name) {
  while (!data.empty()) {
    const ssize_t count = ::write(fd, data.data(), data.size());
    if (count < 0) {
      if (errno == EINTR) continue;
      throw system_error(errno, fmt::format("write \"{}\"", name));
    }
    data.remove_prefix(static_cast<size_t>(count));
  }
}

void write_file_atomic(const std::filesystem::path& path, std::string_view data, int mode) {
  const std::filesystem::path directory = path.has_parent_path() ? path.parent_path() : ".";
  std::string name = (directory / fmt::format(".{}.XXXXXX", path.filename().string())).string();
  const Fd fd(::mkostemp(name.data(), O_CLOEXEC));
  if (!fd.valid())
    throw system_error(errno, fmt::format("create a temporary file for \"{}\"", path.string()));
  try {
    write_all(fd.get(), data, path.string());
    if (::fchmod(fd.get(), static_cast<mode_t>(mode)) != 0 || ::fsync(fd.get()) != 0 ||
        ::rename(name.c_str(), path.c_str()) != 0) {
      throw system_error(errno, fmt::format("write \"{}\"", path.string()));
    }
  } catch (...) {
    ::unlink(name.c_str());
    throw;
  }
  const Fd dir(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!dir.valid() || ::fsync(dir.get()) != 0) {
    throw system_error(errno, fmt::format("sync directory \"{}\"", directory.string()));
  }
}

TempDir::TempDir(std::string_view prefix) {
  std::string name = (std::filesystem::temp_directory_path() / fmt::format("{}XXXXXX", prefix)).string();
  if (::mkdtemp(name.data()) == nullptr)
    throw system_error(errno, fmt::format("create directory \"{}\"", name));
  path_ = name;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace salvor::base
