// Whole files and directories. Failures are Errors that name the path.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace salvor::base {

// An open file descriptor, closed by its owner.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~Fd() { reset(); }
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset();

 private:
  int fd_ = -1;
};

std::string read_file(const std::filesystem::path& path);
// nullopt if there is no such file.
std::optional<std::string> read_file_if_exists(const std::filesystem::path& path);
// Temporary file in the same directory, fsync, rename, fsync of the directory: readers see the old or the new
// content, never a part. mode is that of a newly created file.
void write_file_atomic(const std::filesystem::path& path, std::string_view data, int mode = 0644);
// Writes all of data to fd or throws; `name` is for the message.
void write_all(int fd, std::string_view data, std::string_view name);

// A directory of its own under $TMPDIR, removed with everything in it by the destructor.
class TempDir {
 public:
  explicit TempDir(std::string_view prefix = "salvor-");
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace salvor::base
