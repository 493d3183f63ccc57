#include "volumes/filesystem/directory_copy.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <map>

#include "base/error.h"
#include "base/file.h"

namespace salvor::volumes {

namespace {

namespace fs = std::filesystem;
using base::Fd;

[[noreturn]] void fail(std::string_view verb, const fs::path& path) {
  throw base::system_error(errno, fmt::format("{} \"{}\"", verb, path.string()));
}

constexpr size_t kPiece = 8 * 1024 * 1024;  // between two looks at the token

class Copier {
 public:
  explicit Copier(const base::CancelToken& cancel) : cancel_(cancel) {}

  void copy_top(const fs::path& from, const fs::path& to) {
    Fd source(::open(from.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!source.valid()) fail("open", from);
    copy_contents(std::move(source), from, to);
  }

  DirectoryCopy report;

 private:
  // Makes `to` and fills it; its metadata comes last, since filling changes the times and may need the modes.
  void copy_contents(Fd source, const fs::path& from, const fs::path& to) {
    if (::mkdir(to.c_str(), 0700) != 0) fail("create directory", to);
    const Fd target(::open(to.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!target.valid()) fail("open", to);
    const int listed = ::fcntl(source.get(), F_DUPFD_CLOEXEC, 0);
    if (listed < 0) fail("open", from);
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(listed), ::closedir);
    if (!stream) fail("list", from);
    for (errno = 0; const dirent* entry = ::readdir(stream.get()); errno = 0) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") copy_entry(source.get(), target.get(), name, from / name, to / name);
    }
    if (errno != 0) fail("list", from);
    struct stat info {};
    if (::fstat(source.get(), &info) != 0) fail("stat", from);
    copy_attributes(source.get(), target.get(), to);
    set_metadata(target.get(), info, to);
  }

  void copy_entry(int from_dir, int to_dir, const std::string& name, const fs::path& from,
                  const fs::path& to) {
    cancel_.check();
    struct stat info {};
    if (::fstatat(from_dir, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
      return vanished_or_fail("stat", from);
    if (S_ISDIR(info.st_mode)) {
      Fd source(::openat(from_dir, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!source.valid()) return vanished_or_fail("open", from);
      return copy_contents(std::move(source), from, to);
    }
    if (info.st_nlink > 1) {
      const auto first = links_.find({info.st_dev, info.st_ino});
      if (first != links_.end() && ::link(first->second.c_str(), to.c_str()) == 0) return;
    }
    if (S_ISREG(info.st_mode)) {
      copy_file(from_dir, to_dir, name, from, to);
    } else if (S_ISLNK(info.st_mode)) {
      copy_symlink(from_dir, to_dir, name, info, from, to);
    } else {
      copy_special(to_dir, name, info, to);
    }
  }

  void copy_file(int from_dir, int to_dir, const std::string& name, const fs::path& from,
                 const fs::path& to) {
    const Fd source(::openat(from_dir, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!source.valid()) return vanished_or_fail("open", from);
    struct stat info {};
    if (::fstat(source.get(), &info) != 0) fail("stat", from);
    const Fd target(::openat(to_dir, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!target.valid()) fail("create", to);
    if (::ioctl(target.get(), FICLONE, source.get()) == 0) {
      ++report.shared_files;
    } else {
      copy_data(source.get(), target.get(), info.st_size, from, to);
    }
    copy_attributes(source.get(), target.get(), to);
    set_metadata(target.get(), info, to);
    ++report.files;
    report.bytes += static_cast<std::uint64_t>(info.st_size);
    if (info.st_nlink > 1) links_.emplace(std::pair(info.st_dev, info.st_ino), to);
  }

  // What lies below `size`, the size at the start: a file that grows is copied as it began.
  void copy_data(int source, int target, off_t size, const fs::path& from, const fs::path& to) {
    if (::ftruncate(target, size) != 0) fail("write", to);
    off_t position = 0;
    while (position < size) {
      const off_t data = ::lseek(source, position, SEEK_DATA);
      if (data < 0 && errno == ENXIO) break;  // a hole up to the end
      if (data < 0 && errno != EINVAL) fail("read", from);
      position = data < 0 ? position : data;
      off_t end = data < 0 ? size : ::lseek(source, position, SEEK_HOLE);
      if (end < 0) end = size;
      end = std::min(end, size);
      if (end <= position) break;
      const off_t reached = copy_range(source, target, position, end, from, to);
      if (reached < end) break;  // the file became shorter
      position = reached;
    }
    struct stat now {};
    if (::fstat(source, &now) != 0) fail("stat", from);
    if (now.st_size < size && ::ftruncate(target, now.st_size) != 0) fail("write", to);
  }

  // Returns where it ended: at `end`, or before it where the file ends.
  off_t copy_range(int source, int target, off_t position, off_t end, const fs::path& from,
                   const fs::path& to) {
    while (position < end) {
      cancel_.check();
      const size_t piece = std::min(kPiece, static_cast<size_t>(end - position));
      off_t in = position, out = position;
      ssize_t count = kernel_copies_ ? ::copy_file_range(source, &in, target, &out, piece, 0) : -1;
      if (kernel_copies_ && count < 0) {
        if (errno == EINTR) continue;
        if (errno == ENOSPC || errno == EDQUOT || errno == EIO) fail("copy to", to);
        kernel_copies_ = false;  // between these file systems it cannot
      }
      if (count < 0) count = copy_piece(source, target, position, piece, from, to);
      if (count == 0) break;
      position += count;
    }
    return position;
  }

  ssize_t copy_piece(int source, int target, off_t position, size_t size, const fs::path& from,
                     const fs::path& to) {
    buffer_.resize(256 * 1024);
    ssize_t count;
    do {
      count = ::pread(source, buffer_.data(), std::min(size, buffer_.size()), position);
    } while (count < 0 && errno == EINTR);
    if (count < 0) fail("read", from);
    for (ssize_t done = 0; done < count;) {
      const ssize_t written =
          ::pwrite(target, buffer_.data() + done, static_cast<size_t>(count - done), position + done);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail("write", to);
      done += written;
    }
    return count;
  }

  void copy_symlink(int from_dir, int to_dir, const std::string& name, const struct stat& info,
                    const fs::path& from, const fs::path& to) {
    std::string link(4096, '\0');
    const ssize_t length = ::readlinkat(from_dir, name.c_str(), link.data(), link.size());
    if (length < 0) return vanished_or_fail("read link", from);
    link.resize(static_cast<size_t>(length));
    if (::symlinkat(link.c_str(), to_dir, name.c_str()) != 0) fail("create link", to);
    finish_special(to_dir, name, info, to);
  }

  void copy_special(int to_dir, const std::string& name, const struct stat& info, const fs::path& to) {
    if (::mknodat(to_dir, name.c_str(), info.st_mode, info.st_rdev) != 0) {
      if (errno != EPERM) fail("create", to);
      report.left_out.push_back(to.string());
      return;
    }
    finish_special(to_dir, name, info, to);
    if (::fchmodat(to_dir, name.c_str(), info.st_mode & 07777, 0) != 0) fail("change mode of", to);
  }

  void finish_special(int to_dir, const std::string& name, const struct stat& info, const fs::path& to) {
    if (::fchownat(to_dir, name.c_str(), info.st_uid, info.st_gid, AT_SYMLINK_NOFOLLOW) != 0 &&
        errno != EPERM) {
      fail("change owner of", to);
    }
    const timespec times[] = {info.st_atim, info.st_mtim};
    if (::utimensat(to_dir, name.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) fail("set times of", to);
    if (info.st_nlink > 1) links_.emplace(std::pair(info.st_dev, info.st_ino), to);
  }

  // Attributes that only root may set, or that this file system does not know, are left out.
  void copy_attributes(int source, int target, const fs::path& to) {
    const ssize_t size = ::flistxattr(source, nullptr, 0);
    if (size <= 0) return;
    std::string names(static_cast<size_t>(size), '\0');
    const ssize_t got = ::flistxattr(source, names.data(), names.size());
    if (got <= 0) return;
    names.resize(static_cast<size_t>(got));
    for (size_t begin = 0; begin < names.size();) {
      const std::string name = names.c_str() + begin;
      begin += name.size() + 1;
      const ssize_t length = ::fgetxattr(source, name.c_str(), nullptr, 0);
      if (length < 0) continue;
      std::string value(static_cast<size_t>(length), '\0');
      const ssize_t read = ::fgetxattr(source, name.c_str(), value.data(), value.size());
      if (read < 0) continue;
      if (::fsetxattr(target, name.c_str(), value.data(), static_cast<size_t>(read), 0) != 0 &&
          errno != EPERM && errno != EOPNOTSUPP && errno != EACCES && errno != EINVAL) {
        fail(fmt::format("set attribute {} of", name), to);
      }
    }
  }

  // The owner first: a change of owner clears set-user-id bits.
  void set_metadata(int target, const struct stat& info, const fs::path& to) {
    if (::fchown(target, info.st_uid, info.st_gid) != 0 && errno != EPERM) fail("change owner of", to);
    if (::fchmod(target, info.st_mode & 07777) != 0) fail("change mode of", to);
    const timespec times[] = {info.st_atim, info.st_mtim};
    if (::futimens(target, times) != 0) fail("set times of", to);
  }

  void vanished_or_fail(std::string_view verb, const fs::path& path) {
    if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP) fail(verb, path);
    report.left_out.push_back(path.string());
  }

  const base::CancelToken& cancel_;
  std::map<std::pair<dev_t, ino_t>, fs::path> links_;  // files with several names, and the first copy's
  std::string buffer_;
  bool kernel_copies_ = true;
};

}  // namespace

DirectoryCopy copy_directory(const fs::path& from, const fs::path& to, const base::CancelToken& cancel) {
  Copier copier(cancel);
  copier.copy_top(from, to);
  return std::move(copier.report);
}

void remove_directory(const fs::path& directory) {
  std::error_code error;
  fs::remove_all(directory, error);
  if (!error) return;
  // Without root, directories that are not writable keep what they hold.
  std::error_code ignored;
  fs::permissions(directory, fs::perms::owner_all, fs::perm_options::add, ignored);
  for (fs::recursive_directory_iterator position(directory, ignored), end; position != end;
       position.increment(ignored)) {
    if (position->is_directory(ignored) && !position->is_symlink(ignored)) {
      fs::permissions(position->path(), fs::perms::owner_all, fs::perm_options::add, ignored);
    }
  }
  fs::remove_all(directory, error);
  if (error) throw base::system_error(error.value(), fmt::format("remove \"{}\"", directory.string()));
}

}  // namespace salvor::volumes
