#include "archive/archive_test_support.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "archive/file_metadata.h"
#include "archive/go_text.h"
#include "codec/hash.h"
#include "storage/file_object_store.h"

namespace salvor::archive::testing {
namespace fs = std::filesystem;

std::string noise(std::uint64_t seed, std::size_t size) {
  return base::SeededRandom(seed).bytes(size);
}

void write(const fs::path& path, std::string_view data, int mode) {
  const base::Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd.valid()) throw base::system_error(errno, "create " + path.string());
  base::write_all(fd.get(), data, path.string());
  chmod(path.c_str(), static_cast<mode_t>(mode));
}

void make_odd_directory(const fs::path& directory) {
  fs::create_directories(directory / "deep" / "er" / "est");
  fs::create_directories(directory / "empty directory");
  write(directory / "small", "hello\n");
  write(directory / "empty", "");
  write(directory / "large", noise(2, 9 * 1024 * 1024), 0600);
  write(directory / "deep" / "er" / "est" / "leaf", noise(3, 700'000));
  write(directory / "deep" / "er" / "copy", noise(3, 700'000));
  write(directory / "setuid", "x", 04755);
  for (const char* name :
       {"line\nbreak", "quote\"d", "back\\slash", "bad\xff\xfeutf8", "caf\xc3\xa9", "<html>&", "nbsp\xc2\xa0",
        "tab\t", " leading", "-dash", "\x01", "emoji\xf0\x9f\x98\x80"}) {
    write(directory / name, name);
  }
  const base::Fd sparse(::open((directory / "sparse").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  (void)ftruncate(sparse.get(), 3 * 1024 * 1024);
  (void)pwrite(sparse.get(), "end", 3, 3 * 1024 * 1024 - 3);
  fs::create_hard_link(directory / "small", directory / "deep" / "hard link");
  fs::create_symlink("small", directory / "link");
  fs::create_symlink("../../outside/nowhere", directory / "deep" / "dangling");
  mkfifo((directory / "fifo").c_str(), 0640);
  setxattr((directory / "small").c_str(), "user.color", "b\0lue", 5, 0);
  setxattr((directory / "small").c_str(), "user.empty", "", 0, 0);
  setxattr((directory / "deep").c_str(), "user.dir", "1", 1, 0);
  chmod((directory / "deep").c_str(), 01777);
  const struct timespec times[2] = {{1600000000, 123456789}, {1650000000, 120000000}};
  utimensat(AT_FDCWD, (directory / "large").c_str(), times, 0);
  utimensat(AT_FDCWD, (directory / "link").c_str(), times, AT_SYMLINK_NOFOLLOW);
  utimensat(AT_FDCWD, (directory / "deep" / "er").c_str(), times, 0);
}

std::map<std::string, std::string> describe(const fs::path& root) {
  std::map<std::string, std::string> all;
  std::map<std::uint64_t, std::string> first_names;
  std::vector<fs::path> paths;
  for (const auto& entry : fs::recursive_directory_iterator(root)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  for (const fs::path& path : paths) {
    struct stat status {};
    lstat(path.c_str(), &status);
    std::string text = fmt::format("mode {:o} owner {}:{} mtime {}.{:09}", status.st_mode, status.st_uid,
                                   status.st_gid, status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
    if (S_ISREG(status.st_mode)) {
      const std::string first =
          first_names.try_emplace(status.st_ino, path.lexically_relative(root)).first->second;
      text += fmt::format(" size {} sha {} same as {}", status.st_size,
                          codec::to_hex(codec::sha256(base::read_file(path))), first);
    }
    if (S_ISLNK(status.st_mode)) text += " -> " + fs::read_symlink(path).string();
    std::string problem;
    auto attributes = read_extended_attributes(path.string(), problem);
    std::sort(attributes.begin(), attributes.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    for (const auto& [name, value] : attributes) text += " " + name + "=" + codec::to_hex(value);
    all[path.lexically_relative(root).string()] = text;
  }
  return all;
}

std::string difference(const fs::path& left, const fs::path& right) {
  const auto one = describe(left);
  const auto other = describe(right);
  std::string text;
  for (const auto& [name, description] : one) {
    const auto at = other.find(name);
    if (at == other.end()) text += "only left: " + go_quote(name) + "\n";
    if (at != other.end() && at->second != description) {
      text += go_quote(name) + "\n  left:  " + go_quote(description) + "\n  right: " + go_quote(at->second) +
              "\n";
    }
  }
  for (const auto& [name, description] : other) {
    if (!one.contains(name)) text += "only right: " + go_quote(name) + "\n";
  }
  return text;
}

World::World() = default;

repository::Environment World::environment() {
  return {.clock = clock,
          .random = random,
          .logger = {},
          .connections = 3,
          .threads = 2,
          .key_derivation = codec::ScryptParameters{.n = 1024, .r = 8, .p = 1}};
}

std::shared_ptr<storage::ObjectStore> World::directory_store(const fs::path& directory) {
  return storage::make_file_object_store(directory, {.sync = false, .create = true});
}

std::unique_ptr<repository::Repository> World::create(std::shared_ptr<storage::ObjectStore> store,
                                                      int version) {
  repository::Repository::init(*store, kPassword, environment(), version);
  return open(std::move(store));
}

std::unique_ptr<repository::Repository> World::open(std::shared_ptr<storage::ObjectStore> store) {
  return repository::Repository::open(std::move(store), kPassword, environment());
}

BackupReport World::backup(repository::Repository& repository, const fs::path& source,
                           BackupRequest request) {
  if (request.targets.empty()) request.relative_root = source;
  return backup_directories(repository, request, nullptr, {}, {});
}

RestoreReport World::restore(repository::Repository& repository, const fs::path& target,
                             RestoreRequest request) {
  request.target = target;
  return restore_snapshot(repository, repository.find_snapshot("latest"), request, nullptr, {}, {});
}

bool restic_installed() {
  try {
    return base::run_process({"restic", "version"}).exit_code == 0;
  } catch (const base::Error&) {
    return false;
  }
}

base::ProcessResult restic(const fs::path& repository, const fs::path& directory,
                           std::vector<std::string> arguments) {
  std::vector<std::string> argv{"restic", "--no-cache", "-r", repository.string()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return base::run_process(argv, {.environment = {{"RESTIC_PASSWORD", kPassword}, {"HOME", "/nonexistent"}},
                                  .directory = directory,
                                  .output = {},
                                  .input = {}});
}

}  // namespace salvor::archive::testing
