#include "storage/file_object_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>

#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "net/url.h"

namespace salvor::storage {

namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;
using base::Fd;

constexpr std::string_view kTemporary = ".salvor-";
constexpr size_t kReadAheadFrom = size_t{1} << 20;
constexpr size_t kBuffer = 128 * 1024;
constexpr std::uint64_t kWriteBehind = 4 * 1024 * 1024;  // bytes that the disk is told of at once
constexpr std::chrono::hours kTemporaryLifetime{24};

base::Time modified_time(const struct stat& info) {
  return base::Time(std::chrono::seconds(info.st_mtim.tv_sec) +
                    std::chrono::nanoseconds(info.st_mtim.tv_nsec));
}

// Whether others see the directory through caches of their own.
bool is_on_network(const fs::path& path) {
  constexpr unsigned kCeph = 0x00c36400, kLustre = 0x0bd00bd0;  // not in the header
  struct statfs info {};
  if (statfs(path.c_str(), &info) != 0) return true;
  switch (static_cast<unsigned>(info.f_type)) {
    case NFS_SUPER_MAGIC:
    case SMB_SUPER_MAGIC:
    case SMB2_SUPER_MAGIC:
    case CIFS_SUPER_MAGIC:
    case FUSE_SUPER_MAGIC:
    case V9FS_MAGIC:
    case AFS_SUPER_MAGIC:
    case CODA_SUPER_MAGIC:
    case kCeph:
    case kLustre:
      return true;
    default:
      return false;
  }
}

// A name in a directory; folders carry a slash, which gives keys their byte order ("a.b" before "a/x").
struct Name {
  std::string text;
  bool folder = false;
};

class FileObjectStore final : public ObjectStore {
 public:
  FileObjectStore(fs::path root, FileStoreOptions options) : root_(std::move(root)), options_(options) {
    if (options_.create) make_directories(root_, {});
  }

  void put(const std::string& key, std::string_view data, const base::CancelToken& cancel) override {
    const auto upload = start_upload(key, cancel);
    upload->write(data);
    upload->commit();
  }

  void put_if_absent(const std::string& key, std::string_view data, const base::CancelToken& cancel) override;
  std::string get(const std::string& key, const base::CancelToken& cancel) override;
  std::string get_range(const std::string& key, std::uint64_t offset, std::uint64_t length,
                        const base::CancelToken& cancel) override;
  size_t read_range(const std::string& key, std::uint64_t offset, std::span<char> into,
                    const base::CancelToken& cancel) override;
  std::uint64_t get_stream(const std::string& key, base::Sink& into,
                           const base::CancelToken& cancel) override;
  std::optional<ObjectInfo> stat(const std::string& key, const base::CancelToken& cancel) override;
  ListPage list_page(const ListOptions& options, const base::CancelToken& cancel) override;
  void remove(const std::string& key, const base::CancelToken& cancel) override;
  std::unique_ptr<Upload> start_upload(const std::string& key, const base::CancelToken& cancel) override;

  std::unique_ptr<UnnamedUpload> start_unnamed_upload(const std::string& folder,
                                                      const base::CancelToken& cancel) override;

  std::optional<std::string> presigned_get(const std::string& key, base::Duration) override {
    return "file://" + net::percent_encode(fs::absolute(path_of(key)).string(), true);
  }
  bool lists_at_once() const override { return !is_on_network(root_); }
  bool has_cheap_requests() const override { return !is_on_network(root_); }
  std::string describe() const override { return root_.string(); }

  const FileStoreOptions& options() const { return options_; }
  fs::path path_of(const std::string& key) const;
  void make_directories(const fs::path& directory, const std::string& key) const;
  std::string name_of(const std::string& key) const {
    return fmt::format("object \"{}\" in {}", key, describe());
  }
  void sync_directory(const fs::path& directory) const;

 private:
  struct Temporary {
    fs::path path;
    Fd fd;
  };
  Temporary make_temporary(const fs::path& directory, const std::string& key) const;
  void check_root() const;
  Fd open_object(const std::string& key, struct stat& info) const;
  size_t read_at(const Fd& fd, const std::string& key, std::uint64_t offset, std::uint64_t size,
                 std::span<char> into) const;
  std::vector<Name> read_names(const fs::path& directory) const;
  bool has_object(const fs::path& directory) const;
  bool list_directory(const std::string& folder, const ListOptions& options, const base::CancelToken& cancel,
                      ListPage& page, std::string& last) const;
  void remove_if_stale(const fs::path& temporary) const;
  base::Time now() const {
    return options_.clock != nullptr ? options_.clock->now() : base::SystemClock().now();
  }

  const fs::path root_;
  const FileStoreOptions options_;
};

// The temporary file of an object that is being written; unlinked unless committed.
class FileUpload final : public Upload {
 public:
  FileUpload(const FileObjectStore& store, std::string key, fs::path target, fs::path temporary, Fd fd,
             base::CancelToken cancel)
      : store_(store),
        key_(std::move(key)),
        target_(std::move(target)),
        temporary_(std::move(temporary)),
        fd_(std::move(fd)),
        cancel_(std::move(cancel)) {}

  ~FileUpload() override {
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
  }

  void write(std::string_view data) override {
    cancel_.check();
    base::write_all(fd_.get(), data, target_.string());
  }

  void commit() override { finish(true); }

  void finish(bool replace) {
    cancel_.check();
    if (store_.options().sync && ::fsync(fd_.get()) != 0) fail("sync");
    if (replace ? ::rename(temporary_.c_str(), target_.c_str()) != 0 : !link_or_rename()) {
      if (errno == EEXIST && !replace) {
        throw Error(ErrorCode::kAlreadyExists, fmt::format("{} already exists", store_.name_of(key_)));
      }
      fail("rename to");
    }
    temporary_.clear();
    store_.sync_directory(target_.parent_path());
  }

 private:
  // Gives the object its name unless it is taken. File systems without hard links (vfat, some FUSE) can
  // mostly rename without replacing.
  bool link_or_rename() const {
    if (::link(temporary_.c_str(), target_.c_str()) == 0) {
      ::unlink(temporary_.c_str());
      return true;
    }
    if (errno != EPERM && errno != EOPNOTSUPP && errno != EMLINK) return false;
    return ::renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, target_.c_str(), RENAME_NOREPLACE) == 0;
  }

  [[noreturn]] void fail(std::string_view verb) const {
    const int number = errno;
    if (number == EISDIR || number == ENOTEMPTY) {
      base::fail(ErrorCode::kInvalidArgument, "cannot store {}: there are objects below that key",
                 store_.name_of(key_));
    }
    throw base::system_error(number, fmt::format("{} \"{}\"", verb, target_.string()));
  }

  const FileObjectStore& store_;
  const std::string key_;
  const fs::path target_;
  fs::path temporary_;  // empty once there is none
  const Fd fd_;
  const base::CancelToken cancel_;
};

// The temporary file of an object whose key comes last; unlinked unless committed.
class UnnamedFileUpload final : public UnnamedUpload {
 public:
  UnnamedFileUpload(const FileObjectStore& store, fs::path temporary, Fd fd, base::CancelToken cancel)
      : store_(store), temporary_(std::move(temporary)), fd_(std::move(fd)), cancel_(std::move(cancel)) {}

  ~UnnamedFileUpload() override {
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
  }

  void write(std::string_view data) override {
    cancel_.check();
    base::write_all(fd_.get(), data, temporary_.string());
    written_ += data.size();
    if (!store_.options().sync || written_ - started_ < kWriteBehind) return;
    // Lets the disk begin, so that the sync at the end does not wait for all of it.
    ::sync_file_range(fd_.get(), static_cast<off_t>(started_), static_cast<off_t>(written_ - started_),
                      SYNC_FILE_RANGE_WRITE);
    started_ = written_;
  }

  void commit(const std::string& key) override {
    cancel_.check();
    const fs::path target = store_.path_of(key);
    if (store_.options().sync && ::fsync(fd_.get()) != 0) {
      throw base::system_error(errno, fmt::format("sync \"{}\"", temporary_.string()));
    }
    // As for its making: a concurrent remove may take the emptied folder.
    for (int attempt = 0; ::rename(temporary_.c_str(), target.c_str()) != 0; ++attempt) {
      if (errno != ENOENT || attempt == 16) {
        throw base::system_error(errno, fmt::format("rename to \"{}\"", target.string()));
      }
      store_.make_directories(target.parent_path(), key);
    }
    temporary_.clear();
    store_.sync_directory(target.parent_path());
  }

 private:
  const FileObjectStore& store_;
  fs::path temporary_;  // empty once there is none
  const Fd fd_;
  const base::CancelToken cancel_;
  std::uint64_t written_ = 0, started_ = 0;
};

fs::path FileObjectStore::path_of(const std::string& key) const {
  bool valid = !key.empty() && key.back() != '/' && key.find('\0') == std::string::npos;
  for (size_t begin = 0; valid && begin < key.size();) {
    const size_t end = std::min(key.find('/', begin), key.size());
    const std::string_view part = std::string_view(key).substr(begin, end - begin);
    valid = !part.empty() && part != "." && part != ".." && !part.starts_with(kTemporary);
    begin = end + 1;
  }
  if (!valid) {
    base::fail(
        ErrorCode::kInvalidArgument,
        "invalid key \"{}\" for {}: empty, \".\", \"..\" and \".salvor-...\" components are not allowed", key,
        describe());
  }
  return root_ / key;
}

void FileObjectStore::check_root() const {
  struct stat info {};
  if (::stat(root_.c_str(), &info) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) {
      base::fail(ErrorCode::kNotFound, "bucket directory \"{}\" does not exist", root_.string());
    }
    throw base::system_error(errno, fmt::format("open bucket directory \"{}\"", root_.string()));
  }
  if (!S_ISDIR(info.st_mode)) {
    base::fail(ErrorCode::kInvalidArgument, "bucket \"{}\" is not a directory", root_.string());
  }
}

void FileObjectStore::sync_directory(const fs::path& directory) const {
  if (!options_.sync) return;
  const Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // A folder that is gone again was emptied by a concurrent remove: nothing of ours is left to make durable.
  if (!fd.valid() && errno == ENOENT) return;
  if (!fd.valid() || ::fsync(fd.get()) != 0) {
    throw base::system_error(errno, fmt::format("sync directory \"{}\"", directory.string()));
  }
}

void FileObjectStore::make_directories(const fs::path& directory, const std::string& key) const {
  if (::mkdir(directory.c_str(), static_cast<mode_t>(options_.directory_mode)) == 0) {
    sync_directory(directory.parent_path());
    return;
  }
  if (errno == ENOENT && directory != directory.parent_path()) {
    if (directory == root_ && !options_.create) check_root();
    make_directories(directory.has_parent_path() ? directory.parent_path() : fs::path("."), key);
    make_directories(directory, key);
    return;
  }
  const int number = errno;
  struct stat info {};
  if (number == EEXIST && ::stat(directory.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return;
  if ((number == EEXIST || number == ENOTDIR) && !key.empty()) {
    base::fail(ErrorCode::kInvalidArgument, "cannot store {}: a part of the key is an object itself",
               name_of(key));
  }
  throw base::system_error(number, fmt::format("create directory \"{}\"", directory.string()));
}

FileObjectStore::Temporary FileObjectStore::make_temporary(const fs::path& directory,
                                                           const std::string& key) const {
  base::SystemRandom random;
  // A concurrent remove may take an emptied folder away between its making and its use.
  for (int attempt = 0;; ++attempt) {
    fs::path path = directory / fmt::format("{}{:016x}", kTemporary, random.next());
    Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                 static_cast<mode_t>(options_.file_mode)));
    if (fd.valid()) return {std::move(path), std::move(fd)};
    if ((errno != ENOENT && errno != ENOTDIR && errno != EEXIST) || attempt == 16) {
      throw base::system_error(errno, fmt::format("create a file for {}", name_of(key)));
    }
    if (!options_.create) check_root();
    make_directories(directory, key);
  }
}

std::unique_ptr<Upload> FileObjectStore::start_upload(const std::string& key,
                                                      const base::CancelToken& cancel) {
  cancel.check();
  const fs::path target = path_of(key);
  Temporary temporary = make_temporary(target.parent_path(), key);
  return std::make_unique<FileUpload>(*this, key, target, std::move(temporary.path), std::move(temporary.fd),
                                      cancel);
}

std::unique_ptr<UnnamedUpload> FileObjectStore::start_unnamed_upload(const std::string& folder,
                                                                     const base::CancelToken& cancel) {
  cancel.check();
  // The folder's name plus any other is a key, if the folder is one.
  Temporary temporary = make_temporary(path_of(folder + "x").parent_path(), folder);
  return std::make_unique<UnnamedFileUpload>(*this, std::move(temporary.path), std::move(temporary.fd),
                                             cancel);
}

void FileObjectStore::put_if_absent(const std::string& key, std::string_view data,
                                    const base::CancelToken& cancel) {
  const auto upload = start_upload(key, cancel);
  upload->write(data);
  static_cast<FileUpload&>(*upload).finish(false);
}

Fd FileObjectStore::open_object(const std::string& key, struct stat& info) const {
  const fs::path path = path_of(key);
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));  // a FIFO must not block us
  if (!fd.valid() && errno != ENOENT && errno != ENOTDIR) {
    throw base::system_error(errno, fmt::format("open {}", name_of(key)));
  }
  if (!fd.valid()) {
    check_root();
    base::fail(ErrorCode::kNotFound, "{} not found", name_of(key));
  }
  if (::fstat(fd.get(), &info) != 0) throw base::system_error(errno, fmt::format("stat {}", name_of(key)));
  if (!S_ISREG(info.st_mode)) base::fail(ErrorCode::kNotFound, "{} not found", name_of(key));
  return fd;
}

std::string FileObjectStore::get(const std::string& key, const base::CancelToken& cancel) {
  base::StringSink sink;
  get_stream(key, sink, cancel);
  return sink.take();
}

std::string FileObjectStore::get_range(const std::string& key, std::uint64_t offset, std::uint64_t length,
                                       const base::CancelToken& cancel) {
  cancel.check();
  struct stat info {};
  const Fd fd = open_object(key, info);
  const auto size = static_cast<std::uint64_t>(info.st_size);
  // Past the end there is nothing, unless nothing was asked for: read_at tells.
  std::string data(std::min(length, offset < size ? size - offset : 1), '\0');
  data.resize(read_at(fd, key, offset, size, data));
  return data;
}

size_t FileObjectStore::read_range(const std::string& key, std::uint64_t offset, std::span<char> into,
                                   const base::CancelToken& cancel) {
  cancel.check();
  struct stat info {};
  const Fd fd = open_object(key, info);
  const size_t count = read_at(fd, key, offset, static_cast<std::uint64_t>(info.st_size), into);
  // Who reads that much mostly goes on: a disk may fetch it while this part is worked on.
  if (count >= kReadAheadFrom) {
    ::posix_fadvise(fd.get(), static_cast<off_t>(offset + count), static_cast<off_t>(count),
                    POSIX_FADV_WILLNEED);
  }
  return count;
}

size_t FileObjectStore::read_at(const Fd& fd, const std::string& key, std::uint64_t offset,
                                std::uint64_t size, std::span<char> into) const {
  if (into.empty()) return 0;
  if (offset >= size) {
    base::fail(ErrorCode::kInvalidArgument, "offset {} is past the end of {}", offset, name_of(key));
  }
  size_t done = 0;
  while (done < into.size()) {
    const ssize_t count =
        ::pread(fd.get(), into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw base::system_error(errno, fmt::format("read {}", name_of(key)));
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  return done;
}

std::uint64_t FileObjectStore::get_stream(const std::string& key, base::Sink& into,
                                          const base::CancelToken& cancel) {
  cancel.check();
  struct stat info {};
  const Fd fd = open_object(key, info);
  ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  const auto buffer = std::make_unique<char[]>(kBuffer);
  std::uint64_t total = 0;
  for (;;) {
    cancel.check();
    const ssize_t count = ::read(fd.get(), buffer.get(), kBuffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw base::system_error(errno, fmt::format("read {}", name_of(key)));
    if (count == 0) return total;
    into.write({buffer.get(), static_cast<size_t>(count)});
    total += static_cast<std::uint64_t>(count);
  }
}

std::optional<ObjectInfo> FileObjectStore::stat(const std::string& key, const base::CancelToken& cancel) {
  cancel.check();
  struct stat info {};
  if (::stat(path_of(key).c_str(), &info) != 0) {
    if (errno != ENOENT && errno != ENOTDIR)
      throw base::system_error(errno, fmt::format("stat {}", name_of(key)));
    check_root();
    return std::nullopt;
  }
  if (!S_ISREG(info.st_mode)) return std::nullopt;
  return ObjectInfo{key, static_cast<std::uint64_t>(info.st_size), modified_time(info)};
}

void FileObjectStore::remove(const std::string& key, const base::CancelToken& cancel) {
  cancel.check();
  const fs::path path = path_of(key);
  if (::unlink(path.c_str()) != 0) {
    if (errno == EISDIR || errno == ENOTDIR) return;  // no object has this key
    if (errno != ENOENT) throw base::system_error(errno, fmt::format("remove {}", name_of(key)));
    check_root();
    return;
  }
  fs::path directory = path.parent_path();
  sync_directory(directory);
  // rmdir takes empty folders only, so an object that is being written below keeps its folder.
  for (; directory != root_ && ::rmdir(directory.c_str()) == 0; directory = directory.parent_path()) {
  }
}

void FileObjectStore::remove_if_stale(const fs::path& temporary) const {
  struct stat info {};
  if (::lstat(temporary.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
      modified_time(info) + kTemporaryLifetime < now()) {
    ::unlink(temporary.c_str());
  }
}

// The names of a directory in key order. A directory that is not there has none.
std::vector<Name> FileObjectStore::read_names(const fs::path& directory) const {
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(directory.c_str()), ::closedir);
  if (!stream) {
    if (errno == ENOENT || errno == ENOTDIR) return {};
    throw base::system_error(errno, fmt::format("list \"{}\"", directory.string()));
  }
  std::vector<Name> names;
  for (errno = 0; const dirent* entry = ::readdir(stream.get()); errno = 0) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (name.starts_with(kTemporary)) {
      remove_if_stale(directory / name);
      continue;
    }
    unsigned char type = entry->d_type;
    if (type != DT_REG && type != DT_DIR) {  // unknown, or a link that the owner of the bucket has laid
      struct stat info {};
      if (::stat((directory / name).c_str(), &info) != 0) continue;
      if (S_ISREG(info.st_mode)) type = DT_REG;
      if (S_ISDIR(info.st_mode)) type = DT_DIR;
    }
    if (type == DT_REG) names.push_back({std::string(name), false});
    if (type == DT_DIR) names.push_back({std::string(name) + "/", true});
  }
  if (errno != 0) throw base::system_error(errno, fmt::format("list \"{}\"", directory.string()));
  std::sort(names.begin(), names.end(), [](const Name& a, const Name& b) { return a.text < b.text; });
  return names;
}

bool FileObjectStore::has_object(const fs::path& directory) const {
  const std::vector<Name> names = read_names(directory);
  return std::any_of(names.begin(), names.end(), [](const Name& name) { return !name.folder; }) ||
         std::any_of(names.begin(), names.end(),
                     [&](const Name& name) { return has_object(directory / name.text); });
}

// Adds what is in `folder` ("" or "a/b/") to the page; false when the page is full. A token is the last key
// or common prefix of the page before.
bool FileObjectStore::list_directory(const std::string& folder, const ListOptions& options,
                                     const base::CancelToken& cancel, ListPage& page,
                                     std::string& last) const {
  cancel.check();
  for (const Name& name : read_names(root_ / folder)) {
    const std::string key = folder + name.text;
    const bool leads_to_prefix = name.folder && options.prefix.starts_with(key);
    if (!key.starts_with(options.prefix) && !leads_to_prefix) continue;
    const bool whole_folder_listed = name.folder && key <= options.token && !options.token.starts_with(key);
    if (whole_folder_listed || (!name.folder && key <= options.token)) continue;
    const bool as_common_prefix = name.folder && !options.delimiter.empty() && !leads_to_prefix;
    if (name.folder && !as_common_prefix) {
      if (!list_directory(key, options, cancel, page, last)) return false;
      continue;
    }
    if (as_common_prefix && (key == options.token || !has_object(root_ / key))) continue;
    struct stat info {};
    if (!as_common_prefix && ::stat((root_ / key).c_str(), &info) != 0) continue;  // removed meanwhile
    if (page.objects.size() + page.common_prefixes.size() >= std::max<size_t>(options.page_size, 1)) {
      page.next = last;
      return false;
    }
    if (as_common_prefix) {
      page.common_prefixes.push_back(key);
    } else {
      page.objects.push_back({key, static_cast<std::uint64_t>(info.st_size), modified_time(info)});
    }
    last = key;
  }
  return true;
}

ListPage FileObjectStore::list_page(const ListOptions& options, const base::CancelToken& cancel) {
  if (!options.delimiter.empty() && options.delimiter != "/") {
    base::fail(ErrorCode::kInvalidArgument, "cannot list {}: delimiter \"{}\" is not \"/\"", describe(),
               options.delimiter);
  }
  check_root();
  ListPage page;
  std::string last;
  // A prefix such as "../x" names no key and must not leave the bucket: walking down from the root, it never
  // matches.
  list_directory("", options, cancel, page, last);
  return page;
}

}  // namespace

std::unique_ptr<ObjectStore> make_file_object_store(fs::path directory, FileStoreOptions options) {
  directory = directory.lexically_normal();
  if (!directory.has_filename()) directory = directory.parent_path();  // a trailing slash
  return std::make_unique<FileObjectStore>(std::move(directory), options);
}

}  // namespace salvor::storage
