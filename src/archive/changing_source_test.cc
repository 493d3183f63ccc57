// Sources that change while they are saved, and clocks that do: nothing of it may fail the backup or make a
// snapshot that does not restore.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "archive/archive_test_support.h"
#include "archive/tree_visit.h"
#include "storage/decorators.h"
#include "storage/memory_object_store.h"

namespace salvor::archive {
namespace {

namespace fs = std::filesystem;
using repository::BlobType;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::noise;
using testing::write;

class ChangingSourceTest : public ::testing::Test {
 protected:
  ChangingSourceTest() { fs::create_directories(source_); }

  repository::Environment environment() {
    repository::Environment environment{.clock = clock_, .random = random_, .logger = {}};
    environment.key_derivation = codec::ScryptParameters{2, 8, 1};
    return environment;
  }
  std::unique_ptr<repository::Repository> create(std::shared_ptr<storage::ObjectStore> store) {
    repository::Repository::init(*store, "x", environment());
    return repository::Repository::open(std::move(store), "x", environment());
  }
  BackupReport backup(repository::Repository& repository, BackupRequest request,
                      const std::function<void(const BackupProgress&)>& progress = nullptr) {
    request.relative_root = source_;
    request.hostname = "host";
    return backup_directories(repository, request, progress, {}, {});
  }
  // "name" of a file with its size, "name/" of a directory; fails if a file's blobs are not its size.
  std::vector<std::string> saved(repository::Repository& repository) {
    std::vector<std::string> found;
    const auto visit = [&](const std::string& path, const Node& node) {
      std::uint64_t size = 0;
      for (const auto& id : node.content) size += repository.blob_size({BlobType::kData, id}).value_or(0);
      if (node.type == NodeType::kFile) {
        EXPECT_EQ(node.size, size) << path;
      }
      found.push_back(path.substr(1) +
                      (node.type == NodeType::kDirectory ? "/" : fmt::format(" {}", node.size)));
      return true;
    };
    visit_tree(repository, repository.find_snapshot("latest").tree, visit, {});
    return found;
  }

  // Saves a large file slowly, and changes it in the middle.
  void change_while_reading(const std::function<void(const fs::path&)>& change) {
    const fs::path file = source_ / "file";
    write(file, noise(1, kSize));
    // Uploads at 100 MB/s keep the reader waiting for about a second.
    const auto repository =
        create(storage::with_throttle(storage::make_memory_object_store(clock_), 100'000'000, 0));
    bool changed = false;
    const auto report = backup(*repository, {.scan = false}, [&](const BackupProgress& progress) {
      if (changed || progress.bytes_done == 0 || progress.bytes_done >= kSize) return;
      changed = true;
      change(file);
    });
    ASSERT_TRUE(changed) << "the backup was too fast to be disturbed";
    EXPECT_THAT(report.errors, IsEmpty());
    ASSERT_TRUE(report.snapshot);
    ASSERT_EQ(saved(*repository).size(), 1u);
    const fs::path target = directory_.path() / "target";
    RestoreRequest request;
    request.target = target;
    request.verify = true;
    const auto restored =
        restore_snapshot(*repository, repository->find_snapshot("latest"), request, nullptr, {}, {});
    EXPECT_THAT(restored.errors, IsEmpty());
    EXPECT_TRUE(noise(1, kSize).starts_with(base::read_file(target / "file").substr(0, kSize)));
  }

  static constexpr std::size_t kSize = 200'000'000;
  base::ManualClock clock_{*base::parse_rfc3339("2026-01-01T10:00:00Z")};
  base::SeededRandom random_{1};
  base::TempDir directory_;
  const fs::path source_ = directory_.path() / "source";
};

TEST_F(ChangingSourceTest, AFileThatShrinksWhileItIsReadIsSavedAsFarAsItWent) {
  change_while_reading([](const fs::path& file) { fs::resize_file(file, 1000); });
}

TEST_F(ChangingSourceTest, AFileThatGrowsWhileItIsReadIsSavedWithWhatWasReadOfIt) {
  change_while_reading([](const fs::path& file) {
    const base::Fd end(open(file.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
    base::write_all(end.get(), "more", file.string());
  });
}

TEST_F(ChangingSourceTest, AFileThatIsRemovedWhileItIsReadIsSaved) {
  change_while_reading([](const fs::path& file) { fs::remove(file); });
}

// Entries of one small directory are saved in the order of their names, after all names were read.
TEST_F(ChangingSourceTest, WhatVanishesOrChangesItsTypeAfterItsDirectoryWasReadIsNoError) {
  for (const char* name : {"1", "2", "3", "4", "5"}) write(source_ / name, name);
  fs::create_directories(source_ / "6" / "below");
  const auto repository = create(storage::make_memory_object_store(clock_));
  BackupRequest request;
  request.on_item = [&](const BackedUpItem& item) {
    if (item.path != "/1") return;
    fs::remove(source_ / "2");
    fs::remove(source_ / "3");
    fs::create_directory(source_ / "3");
    write(source_ / "3" / "new", "n");
    fs::remove(source_ / "4");
    fs::create_symlink("5", source_ / "4");
    fs::remove_all(source_ / "6");
    write(source_ / "6", "now a file");
  };
  const auto report = backup(*repository, request);
  EXPECT_THAT(report.errors, IsEmpty());
  EXPECT_THAT(saved(*repository), ElementsAre("1 1", "3/", "3/new 1", "4 0", "5 1", "6 10"));
}

TEST_F(ChangingSourceTest, AClockThatIsSetBackOnlyCostsTheParent) {
  write(source_ / "file", "data");
  const auto repository = create(storage::make_memory_object_store(clock_));
  const auto first = backup(*repository, {});
  clock_.advance(-std::chrono::hours(24));
  const auto second = backup(*repository, {});
  ASSERT_TRUE(first.snapshot && second.snapshot);
  EXPECT_FALSE(second.parent) << "a snapshot of the future is no parent";
  EXPECT_EQ(second.summary.data_blobs, 0u) << "and still nothing is stored twice";
  EXPECT_EQ(repository->list_snapshots().size(), 2u);
  EXPECT_EQ(repository->find_snapshot("latest").id, *first.snapshot) << "the latest by its time";
  clock_.advance(std::chrono::hours(48));
  const auto third = backup(*repository, {});
  ASSERT_TRUE(third.parent);
  EXPECT_EQ(third.parent->id, *first.snapshot);
  EXPECT_EQ(third.summary.files_unmodified, 1u);
}

}  // namespace
}  // namespace salvor::archive
