#include "cli/repo/fuse_mount.h"

#define FUSE_USE_VERSION 31
#include <fuse3/fuse.h>
#include <fuse3/fuse_lowlevel.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "base/error.h"
#include "base/file.h"

namespace salvor::cli {
namespace {

using archive::SnapshotView;
using archive::ViewStatus;
using base::ErrorCode;

struct Served {
  SnapshotView& view;
  const base::Logger& logger;
};

Served& served() {
  return *static_cast<Served*>(fuse_get_context()->private_data);
}

int errno_of(const base::Error& error) {
  switch (error.code()) {
    case ErrorCode::kNotFound:
      return ENOENT;
    case ErrorCode::kInvalidArgument:
      return EINVAL;
    case ErrorCode::kCancelled:
      return EINTR;
    case ErrorCode::kPermissionDenied:
      return EACCES;
    default:
      return EIO;
  }
}

// Runs what an operation does; what it throws becomes the negative errno that FUSE wants.
template <typename Function>
int answer(const char* path, Function&& function) {
  try {
    return function();
  } catch (const base::Error& error) {
    const int code = errno_of(error);
    if (code == EIO) served().logger.warning("\"{}\": {}", path == nullptr ? "" : path, error.message());
    return -code;
  } catch (const std::exception& error) {
    served().logger.warning("\"{}\": {}", path == nullptr ? "" : path, error.what());
    return -EIO;
  }
}

struct timespec to_timespec(const archive::Moment& moment) {
  struct timespec time {};
  time.tv_sec = moment.seconds;
  time.tv_nsec = moment.nanoseconds;
  return time;
}

struct stat to_stat(const ViewStatus& status) {
  constexpr blkcnt_t kBlock = 512;
  struct stat out {};
  out.st_ino = status.inode;
  out.st_mode = status.mode;
  out.st_nlink = status.links;
  out.st_uid = status.uid;
  out.st_gid = status.gid;
  out.st_rdev = status.device;
  out.st_size = static_cast<off_t>(status.size);
  out.st_blocks = (out.st_size + kBlock - 1) / kBlock;
  out.st_blksize = 128 * 1024;
  out.st_mtim = to_timespec(status.mtime);
  out.st_atim = to_timespec(status.atime);
  out.st_ctim = to_timespec(status.ctime);
  return out;
}

void* on_init(fuse_conn_info* connection, fuse_config* config) {
  (void)connection;
  config->use_ino = 1;
  config->nullpath_ok = 0;
  // Only the folders of snapshots ever change, and those once a minute.
  config->entry_timeout = config->attr_timeout = 5;
  return fuse_get_context()->private_data;
}

int on_getattr(const char* path, struct stat* out, fuse_file_info*) {
  return answer(path, [&] {
    *out = to_stat(served().view.status(path));
    return 0;
  });
}

int on_readlink(const char* path, char* buffer, size_t size) {
  return answer(path, [&] {
    const std::string target = served().view.link_target(path);
    if (size == 0) return -EINVAL;
    const size_t count = std::min(target.size(), size - 1);
    std::memcpy(buffer, target.data(), count);
    buffer[count] = '\0';
    return 0;
  });
}

int on_readdir(const char* path, void* buffer, fuse_fill_dir_t fill, off_t, fuse_file_info*,
               fuse_readdir_flags) {
  return answer(path, [&] {
    const auto none = static_cast<fuse_fill_dir_flags>(0);
    fill(buffer, ".", nullptr, 0, none);
    fill(buffer, "..", nullptr, 0, none);
    for (const auto& [name, status] : served().view.list(path)) {
      const struct stat entry = to_stat(status);
      if (fill(buffer, name.c_str(), &entry, 0, FUSE_FILL_DIR_PLUS) != 0) return -ENOMEM;
    }
    return 0;
  });
}

int on_open(const char* path, fuse_file_info* info) {
  return answer(path, [&] {
    if ((info->flags & O_ACCMODE) != O_RDONLY) return -EROFS;
    info->fh = reinterpret_cast<std::uint64_t>(served().view.open(path).release());
    info->keep_cache = 1;  // a file in a snapshot never changes
    return 0;
  });
}

int on_read(const char* path, char* buffer, size_t size, off_t offset, fuse_file_info* info) {
  return answer(path, [&] {
    const auto& file = *reinterpret_cast<const SnapshotView::OpenFile*>(info->fh);
    return static_cast<int>(served().view.read(file, static_cast<std::uint64_t>(offset), buffer, size));
  });
}

int on_release(const char*, fuse_file_info* info) {
  delete reinterpret_cast<const SnapshotView::OpenFile*>(info->fh);
  return 0;
}

// Copies if there is room; with size 0 only tells how much is needed.
int give(const std::string& value, char* buffer, size_t size) {
  if (size == 0) return static_cast<int>(value.size());
  if (value.size() > size) return -ERANGE;
  std::memcpy(buffer, value.data(), value.size());
  return static_cast<int>(value.size());
}

int on_getxattr(const char* path, const char* name, char* buffer, size_t size) {
  return answer(path, [&] {
    for (const auto& attribute : served().view.extended_attributes(path)) {
      if (attribute.name == name) return give(attribute.value, buffer, size);
    }
    return -ENODATA;
  });
}

int on_listxattr(const char* path, char* buffer, size_t size) {
  return answer(path, [&] {
    std::string names;
    for (const auto& attribute : served().view.extended_attributes(path)) names += attribute.name + '\0';
    return give(names, buffer, size);
  });
}

fuse_operations make_operations() {
  fuse_operations operations{};
  operations.init = on_init;
  operations.getattr = on_getattr;
  operations.readlink = on_readlink;
  operations.readdir = on_readdir;
  operations.open = on_open;
  operations.read = on_read;
  operations.release = on_release;
  operations.getxattr = on_getxattr;
  operations.listxattr = on_listxattr;
  return operations;
}

std::vector<std::string> fuse_arguments(const FuseMountOptions& options) {
  // "," separates options; libfuse knows a backslash before it.
  std::string name;
  for (const char c : options.name) {
    if (c == ',' || c == '\\') name += '\\';
    name += c;
  }
  std::vector<std::string> arguments{"salvor", "-o", "ro,subtype=restic,fsname=" + name};
  if (options.allow_other) arguments.insert(arguments.end(), {"-o", "allow_other"});
  if (options.default_permissions) arguments.insert(arguments.end(), {"-o", "default_permissions"});
  return arguments;
}

// One thread's share: waits for a request or the end, and answers.
void serve(fuse_session* session, int wake) {
  struct Buffer : fuse_buf {
    Buffer() : fuse_buf{} {}
    ~Buffer() { std::free(mem); }
  } buffer;
  while (fuse_session_exited(session) == 0) {
    pollfd ready[2] = {{fuse_session_fd(session), POLLIN, 0}, {wake, POLLIN, 0}};
    if (poll(ready, 2, -1) < 0 && errno != EINTR) break;
    if (ready[1].revents != 0) break;
    if (ready[0].revents == 0) continue;
    const int received = fuse_session_receive_buf(session, &buffer);
    if (received == -EINTR || received == -EAGAIN) continue;
    if (received <= 0) break;
    fuse_session_process_buf(session, &buffer);
  }
  fuse_session_exit(session);
}

struct Unmount {
  fuse* mounted;
  ~Unmount() { fuse_unmount(mounted); }
};

}  // namespace

void serve_fuse_mount(SnapshotView& view, const FuseMountOptions& options, const base::Logger& logger,
                      const base::CancelToken& cancel) {
  struct stat status {};
  if (stat(options.mountpoint.c_str(), &status) != 0) {
    throw base::system_error(errno, fmt::format("use mountpoint \"{}\"", options.mountpoint));
  }
  if (!S_ISDIR(status.st_mode)) {
    base::fail(ErrorCode::kInvalidArgument, "mountpoint \"{}\" is no directory", options.mountpoint);
  }
  Served served{view, logger};
  std::vector<std::string> words = fuse_arguments(options);
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  fuse_args arguments = FUSE_ARGS_INIT(static_cast<int>(argv.size()), argv.data());
  const fuse_operations operations = make_operations();
  const std::unique_ptr<fuse, void (*)(fuse*)> mounted(
      fuse_new(&arguments, &operations, sizeof operations, &served), fuse_destroy);
  fuse_opt_free_args(&arguments);
  if (!mounted) base::fail(ErrorCode::kInternal, "cannot set up FUSE");
  if (fuse_mount(mounted.get(), options.mountpoint.c_str()) != 0) {
    base::fail(
        ErrorCode::kUnavailable,
        "cannot mount at \"{}\"\nhint: FUSE needs /dev/fuse, and for users other than root fusermount3; "
        "allow_other must be allowed in /etc/fuse.conf",
        options.mountpoint);
  }
  const Unmount unmount{mounted.get()};
  fuse_session* const session = fuse_get_session(mounted.get());
  const int device = fuse_session_fd(session);
  // Several threads wait for it; whoever comes second must not block in read.
  if (fcntl(device, F_SETFL, fcntl(device, F_GETFL) | O_NONBLOCK) != 0) {
    throw base::system_error(errno, "set up /dev/fuse");
  }
  const base::Fd wake(eventfd(0, EFD_CLOEXEC));
  if (!wake.valid()) throw base::system_error(errno, "make an event");
  const auto stop = [&wake] {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t told = write(wake.get(), &one, sizeof one);
  };
  const std::stop_callback on_cancel(cancel.stop_token(), stop);
  {
    std::vector<std::jthread> threads;
    for (unsigned i = 1; i < std::max(options.threads, 1U); ++i) {
      threads.emplace_back([&] {
        serve(session, wake.get());
        stop();
      });
    }
    if (options.on_ready) options.on_ready();
    serve(session, wake.get());
    stop();
  }
}

}  // namespace salvor::cli
