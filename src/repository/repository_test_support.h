// What the tests of this layer share: a repository in memory with cheap keys, and restic beside it.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/process.h"
#include "base/random.h"
#include "repository/repository.h"

namespace salvor::repository::testing {

inline constexpr const char* kPassword = "geheim";

class Fixture {
 public:
  explicit Fixture(std::uint64_t seed = 1);

  // Keys that cost milliseconds.
  Environment environment();
  // Initialises `store` and opens it.
  std::unique_ptr<Repository> create(std::shared_ptr<storage::ObjectStore> store, int version = 2,
                                     OpenOptions options = {});
  std::unique_ptr<Repository> open(std::shared_ptr<storage::ObjectStore> store, OpenOptions options = {});
  // Without its index: for what loads the index itself.
  std::unique_ptr<Repository> open_unindexed(std::shared_ptr<storage::ObjectStore> store,
                                             OpenOptions options = {});
  std::shared_ptr<storage::ObjectStore> memory_store();
  // A directory that restic takes for a repository; not synced.
  std::shared_ptr<storage::ObjectStore> directory_store(const std::filesystem::path& directory);

  base::ManualClock clock;
  base::SeededRandom random;
};

// A tree with one file of this content (blobs) per name; saved, not flushed.
struct TestFile {
  std::string name;
  std::vector<BlobId> content;
  std::uint64_t size = 0;
};
std::string tree_json(const std::vector<TestFile>& files,
                      const std::vector<std::pair<std::string, BlobId>>& dirs = {});
BlobId save_data(Repository& repository, std::string_view data);
BlobId save_tree(Repository& repository, const std::vector<TestFile>& files,
                 const std::vector<std::pair<std::string, BlobId>>& dirs = {});
// A snapshot of a tree with one file of `data`, flushed.
SnapshotId save_simple_snapshot(Repository& repository, const std::string& data, const std::string& time,
                                const std::string& file = "file");

bool restic_installed();
// Runs restic on a repository directory; the exit code and output are the result.
base::ProcessResult restic(const std::filesystem::path& repository, std::vector<std::string> arguments);
// Flips the lowest bit of a byte of a stored object.
void flip_bit(storage::ObjectStore& store, const std::string& key, size_t at);
std::vector<std::string> keys_below(storage::ObjectStore& store, const std::string& prefix);
// Every object, and a store made to hold just those.
std::map<std::string, std::string> snapshot_of(storage::ObjectStore& store);
void reset_to(storage::ObjectStore& store, const std::map<std::string, std::string>& objects);
// All content below a tree: the data of its files in order, directories after their files' names.
std::string content_of(Repository& repository, const BlobId& tree);

}  // namespace salvor::repository::testing
