#include "archive/directory_backup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/archive_test_support.h"
#include "archive/tree.h"
#include "storage/faults.h"
#include "storage/memory_object_store.h"

namespace salvor::archive {
namespace {

namespace fs = std::filesystem;
using testing::write;

class DirectoryBackupTest : public ::testing::Test {
 protected:
  DirectoryBackupTest()
      : store_(storage::make_memory_object_store(world_.clock)), repository_(world_.create(store_)) {
    fs::create_directories(source_);
  }
  // Names in the newest snapshot's tree, directories with their content, depth first.
  std::vector<std::string> names() {
    std::vector<std::string> all;
    list(repository_->find_snapshot("latest").tree, "", all);
    return all;
  }
  void list(const repository::BlobId& tree, const std::string& prefix, std::vector<std::string>& all) {
    TreeReader reader(repository_->load_blob({repository::BlobType::kTree, tree}), "tree");
    Node node;
    while (reader.next(node)) {
      all.push_back(prefix + node.name);
      if (node.subtree) list(*node.subtree, prefix + node.name + "/", all);
    }
  }

  testing::World world_;
  base::TempDir directory_;
  const fs::path source_ = directory_.path() / "source";
  const fs::path target_ = directory_.path() / "target";
  std::shared_ptr<storage::ObjectStore> store_;
  std::unique_ptr<repository::Repository> repository_;
};

TEST_F(DirectoryBackupTest, WhatIsRestoredEqualsWhatWasSaved) {
  testing::make_odd_directory(source_);
  fs::create_symlink("bad\xfftarget", source_ / "bad link");
  const auto saved = world_.backup(*repository_, source_);
  EXPECT_THAT(saved.errors, ::testing::IsEmpty());
  RestoreRequest request;
  request.verify = true;
  const auto restored = world_.restore(*repository_, target_, request);
  EXPECT_THAT(restored.errors, ::testing::IsEmpty());
  EXPECT_EQ(restored.files, saved.summary.total_files_processed);
  EXPECT_EQ(restored.verified_files, saved.summary.total_files_processed);
  EXPECT_EQ(testing::difference(source_, target_), "");
}

TEST_F(DirectoryBackupTest, TheSecondBackupOfAnUnchangedDirectoryAddsNothing) {
  testing::make_odd_directory(source_);
  const auto first = world_.backup(*repository_, source_);
  EXPECT_EQ(first.summary.files_new, first.summary.total_files_processed);
  const auto second = world_.backup(*repository_, source_);
  EXPECT_EQ(second.parent->id, *first.snapshot);
  EXPECT_EQ(second.summary.files_unmodified, first.summary.files_new);
  EXPECT_EQ(second.summary.dirs_unmodified, first.summary.dirs_new);
  EXPECT_EQ(second.summary.files_new + second.summary.files_changed + second.summary.dirs_changed, 0U);
  EXPECT_EQ(second.summary.data_added, 0U);
  EXPECT_EQ(repository_->find_snapshot(second.snapshot->hex()).tree,
            repository_->find_snapshot(first.snapshot->hex()).tree);
  BackupRequest request;
  request.skip_if_unchanged = true;
  EXPECT_TRUE(world_.backup(*repository_, source_, request).skipped);
}

TEST_F(DirectoryBackupTest, AChangedFileIsReadAgain) {
  write(source_ / "a", "one");
  write(source_ / "b", "two");
  world_.backup(*repository_, source_);
  write(source_ / "a", "three");
  const auto report = world_.backup(*repository_, source_);
  EXPECT_EQ(report.summary.files_changed, 1U);
  EXPECT_EQ(report.summary.files_unmodified, 1U);
  EXPECT_EQ(report.summary.data_blobs, 1U);
}

TEST_F(DirectoryBackupTest, ManyEntriesInManyDirectoriesComeOutInOrder) {
  for (int i = 0; i < 300; ++i) {
    write(source_ / fmt::format("f{}", i), fmt::format("content {}", i));
    if (i % 3 != 0) continue;
    fs::create_directory(source_ / fmt::format("d{}", i));
    for (int j = 0; j < 5; ++j)
      write(source_ / fmt::format("d{}", i) / fmt::format("x{}", j), fmt::format("{} {}", i, j));
  }
  world_.backup(*repository_, source_);
  EXPECT_THAT(world_.restore(*repository_, target_).errors, ::testing::IsEmpty());
  EXPECT_EQ(testing::difference(source_, target_), "");
}

TEST_F(DirectoryBackupTest, LargeFilesThatSeveralThreadsSaveComeOutWhole) {
  const std::string data = testing::noise(5, 23'000'000);
  write(source_ / "a", data);
  write(source_ / "b", data.substr(0, 9'000'000) + testing::noise(6, 100));
  write(source_ / "c", std::string(12'000'000, '\0'));
  BackupRequest request;
  request.read_concurrency = 4;
  const auto report = world_.backup(*repository_, source_, request);
  EXPECT_THAT(world_.restore(*repository_, target_).errors, ::testing::IsEmpty());
  EXPECT_EQ(testing::difference(source_, target_), "");
  request.force = true;
  const auto again = world_.backup(*repository_, source_, request);
  EXPECT_EQ(again.summary.data_added, 0U);
  EXPECT_EQ(repository_->find_snapshot(again.snapshot->hex()).tree,
            repository_->find_snapshot(report.snapshot->hex()).tree);
}

TEST_F(DirectoryBackupTest, OneChangedAttributeAmongUnchangedFilesIsNoticed) {
  for (int i = 0; i < 50; ++i) write(source_ / fmt::format("f{}", i), fmt::format("content {}", i));
  world_.backup(*repository_, source_);
  ASSERT_EQ(chmod((source_ / "f20").c_str(), 0600), 0);
  const auto report = world_.backup(*repository_, source_);
  EXPECT_EQ(report.summary.files_changed, 1U);
  EXPECT_EQ(report.summary.files_unmodified, 49U);
  EXPECT_EQ(report.summary.data_blobs, 0U);
  EXPECT_GE(report.summary.tree_blobs, 1U);
  EXPECT_THAT(world_.restore(*repository_, target_).errors, ::testing::IsEmpty());
  EXPECT_EQ(testing::difference(source_, target_), "");
}

TEST_F(DirectoryBackupTest, AnUnreadableFileIsReportedAndTheRestIsSaved) {
  if (geteuid() == 0 && setegid(65534) == 0 && seteuid(65534) == 0) {
    // As root nothing is unreadable.
    ASSERT_EQ(seteuid(0), 0);
    ASSERT_EQ(setegid(0), 0);
    write(source_ / "good", "1");
    write(source_ / "bad", "2");
    chmod((source_ / "bad").c_str(), 0);
    chmod(directory_.path().c_str(), 0755);
    chmod(source_.c_str(), 0755);
    ASSERT_EQ(seteuid(65534), 0);
    BackupReport report;
    // Threads made from here on inherit the user.
    report = world_.backup(*repository_, source_);
    ASSERT_EQ(seteuid(0), 0);
    ASSERT_EQ(report.errors.size(), 1U);
    EXPECT_THAT(report.errors[0], ::testing::HasSubstr("bad"));
    EXPECT_THAT(names(), ::testing::ElementsAre("good"));
  } else {
    GTEST_SKIP() << "needs root to become another user";
  }
}

TEST_F(DirectoryBackupTest, AbsoluteTargetsBringTheirPath) {
  write(source_ / "a", "1");
  BackupRequest request;
  request.targets = {source_.string() + "/a"};
  world_.backup(*repository_, source_, request);
  const auto all = names();
  EXPECT_EQ(all.back(), source_.relative_path().string() + "/a");
  EXPECT_THAT(repository_->find_snapshot("latest").paths, ::testing::ElementsAre(source_.string() + "/a"));
}

TEST_F(DirectoryBackupTest, AMissingTargetIsReportedAndNoTargetAtAllIsAnError) {
  write(source_ / "a", "1");
  BackupRequest request;
  request.targets = {"a", "missing"};
  request.relative_root = source_;
  const auto report = world_.backup(*repository_, source_, request);
  EXPECT_EQ(report.errors.size(), 1U);
  EXPECT_THAT(names(), ::testing::ElementsAre("a"));
  request.targets = {"missing"};
  EXPECT_THROW(world_.backup(*repository_, source_, request), base::Error);
}

TEST_F(DirectoryBackupTest, ExcludesLeaveOut) {
  for (const char* name : {"keep", "drop.o", "BIG.ISO"}) write(source_ / name, "1");
  write(source_ / "large", std::string(5000, 'x'));
  for (const char* name : {"tagged", "cache", "sub"}) {
    fs::create_directory(source_ / name);
    write(source_ / name / "x", "1");
  }
  write(source_ / "tagged" / ".nobackup", "");
  write(source_ / "cache" / "CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n");
  BackupRequest request;
  request.excludes = {"*.o"};
  request.unrecorded_excludes = {"sub"};
  request.case_insensitive_excludes = {"*.iso"};
  request.exclude_if_present = {".nobackup"};
  request.exclude_caches = true;
  request.exclude_larger_than = 4096;
  world_.backup(*repository_, source_, request);
  EXPECT_THAT(names(),
              ::testing::ElementsAre("cache", "cache/CACHEDIR.TAG", "keep", "tagged", "tagged/.nobackup"));
  EXPECT_THAT(repository_->find_snapshot("latest").excludes, ::testing::ElementsAre("*.o"));
}

TEST_F(DirectoryBackupTest, ADryRunWritesNothing) {
  testing::make_odd_directory(source_);
  BackupRequest request;
  request.dry_run = true;
  const auto report = world_.backup(*repository_, source_, request);
  EXPECT_FALSE(report.snapshot);
  EXPECT_GT(report.summary.data_added, 9'000'000U);
  EXPECT_THAT(repository_->list_files(repository::FileKind::kPack), ::testing::IsEmpty());
}

TEST_F(DirectoryBackupTest, AStreamBecomesOneFile) {
  const std::string data = testing::noise(5, 3'000'000);
  base::ViewSource source(data);
  const auto report = backup_stream(*repository_, {}, source, "dump.sql", nullptr, {}, {});
  EXPECT_EQ(report.summary.total_bytes_processed, data.size());
  EXPECT_THAT(world_.restore(*repository_, target_).errors, ::testing::IsEmpty());
  EXPECT_EQ(base::read_file(target_ / "dump.sql"), data);
  EXPECT_THAT(repository_->find_snapshot("latest").paths, ::testing::ElementsAre("/dump.sql"));
}

TEST_F(DirectoryBackupTest, AStoreWithoutSpaceEndsTheBackupWithoutASnapshot) {
  auto faults = std::make_shared<storage::FaultStore>(store_);
  const auto repository = world_.open(faults);
  faults->add_rule({.operation = storage::Operation::kAny,
                    .key_glob = "data/*",
                    .first = 1,
                    .count = -1,
                    .code = base::ErrorCode::kNoSpace,
                    .retryable = false});
  testing::make_odd_directory(source_);
  try {
    world_.backup(*repository, source_);
    ADD_FAILURE() << "no error";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kNoSpace) << error.message();
  }
  EXPECT_THAT(repository_->list_files(repository::FileKind::kSnapshot), ::testing::IsEmpty());
}

TEST_F(DirectoryBackupTest, CancellationEndsItWithoutASnapshot) {
  testing::make_odd_directory(source_);
  base::CancelSource cancel;
  cancel.cancel();
  BackupRequest request;
  request.relative_root = source_;
  try {
    backup_directories(*repository_, request, nullptr, {}, cancel.token());
    ADD_FAILURE() << "no error";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kCancelled);
  }
}

}  // namespace
}  // namespace salvor::archive
