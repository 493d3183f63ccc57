// What the tests of this layer share: a directory with everything odd, a description of directories to
// compare them by, repositories with cheap keys, and restic beside them.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "archive/directory_backup.h"
#include "archive/directory_restore.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/process.h"
#include "base/random.h"
#include "repository/repository.h"

namespace salvor::archive::testing {

inline constexpr const char* kPassword = "geheim";

// Pseudo-random bytes.
std::string noise(std::uint64_t seed, std::size_t size);
void write(const std::filesystem::path& path, std::string_view data, int mode = 0644);

// Files small, empty, large and sparse, odd names, links, a fifo, attributes, special modes, nested
// directories.
void make_odd_directory(const std::filesystem::path& directory);

// Path below `root` -> type, mode, owner, mtime, size, content hash, link target, attributes, hard-link
// group.
std::map<std::string, std::string> describe(const std::filesystem::path& root);

// What describe says differently of the two; "" when they are equal.
std::string difference(const std::filesystem::path& left, const std::filesystem::path& right);

class World {
 public:
  World();
  repository::Environment environment();
  std::shared_ptr<storage::ObjectStore> directory_store(const std::filesystem::path& directory);
  std::unique_ptr<repository::Repository> create(std::shared_ptr<storage::ObjectStore> store,
                                                 int version = 2);
  std::unique_ptr<repository::Repository> open(std::shared_ptr<storage::ObjectStore> store);
  // Of everything in `source`, as `cd source && restic backup .` would.
  BackupReport backup(repository::Repository& repository, const std::filesystem::path& source,
                      BackupRequest request = {});
  RestoreReport restore(repository::Repository& repository, const std::filesystem::path& target,
                        RestoreRequest request = {});

  base::SystemClock clock;
  base::SeededRandom random{1};
};

bool restic_installed();
// In `directory` as working directory.
base::ProcessResult restic(const std::filesystem::path& repository, const std::filesystem::path& directory,
                           std::vector<std::string> arguments);

}  // namespace salvor::archive::testing
