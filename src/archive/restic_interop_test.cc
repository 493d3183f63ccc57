// Side by side with restic: who reads, checks, restores and continues whose repositories.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "archive/archive_test_support.h"
#include "codec/json.h"

namespace salvor::archive {
namespace {

namespace fs = std::filesystem;
using ::testing::IsEmpty;
using testing::restic;

class ResticInteropTest : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    if (!testing::restic_installed()) GTEST_SKIP() << "restic is not installed";
    testing::make_odd_directory(source_);
    fs::create_directories(target_);
  }
  // The last line of `restic backup --json .`.
  codec::Json restic_backup() {
    const auto result = restic(repository_path_, source_, {"backup", "--json", "."});
    EXPECT_EQ(result.exit_code, 0) << result.output << result.error_output;
    std::string last;
    for (std::size_t at = 0; at < result.output.size();) {
      const std::size_t end = std::min(result.output.find('\n', at), result.output.size());
      if (end > at) last = result.output.substr(at, end - at);
      at = end + 1;
    }
    return codec::parse_json(last, "restic's summary");
  }
  void restic_init() {
    const auto version = std::to_string(GetParam());
    const auto result = restic(repository_path_, source_, {"init", "--repository-version", version});
    ASSERT_EQ(result.exit_code, 0) << result.error_output;
  }

  testing::World world_;
  base::TempDir directory_;
  const fs::path source_ = directory_.path() / "source";
  const fs::path target_ = directory_.path() / "target";
  const fs::path repository_path_ = directory_.path() / "repository";
};

TEST_P(ResticInteropTest, ResticChecksAndRestoresWhatWeSave) {
  const auto repository = world_.create(world_.directory_store(repository_path_), GetParam());
  EXPECT_THAT(world_.backup(*repository, source_).errors, IsEmpty());
  const auto check = restic(repository_path_, source_, {"check", "--read-data"});
  EXPECT_EQ(check.exit_code, 0) << check.output << check.error_output;
  const auto restored =
      restic(repository_path_, source_, {"restore", "latest", "--target", target_.string()});
  EXPECT_EQ(restored.exit_code, 0) << restored.output << restored.error_output;
  EXPECT_EQ(testing::difference(source_, target_), "");
}

TEST_P(ResticInteropTest, ResticFindsNothingChangedAfterOurBackup) {
  const auto repository = world_.create(world_.directory_store(repository_path_), GetParam());
  const auto ours = world_.backup(*repository, source_);
  const auto summary = restic_backup();
  for (const char* field :
       {"files_new", "files_changed", "dirs_new", "dirs_changed", "data_blobs", "tree_blobs", "data_added"}) {
    EXPECT_EQ(summary.value(field, -1), 0) << field << ": " << summary.dump();
  }
  EXPECT_EQ(summary.value("files_unmodified", 0U), ours.summary.files_new);
  EXPECT_EQ(summary.value("dirs_unmodified", 0U), ours.summary.dirs_new);
  EXPECT_EQ(repository->find_snapshot("latest").tree, repository->find_snapshot(ours.snapshot->hex()).tree);
}

TEST_P(ResticInteropTest, WeFindNothingChangedAfterRestic) {
  restic_init();
  restic_backup();
  const auto repository = world_.open(world_.directory_store(repository_path_));
  const auto ours = world_.backup(*repository, source_);
  EXPECT_TRUE(ours.parent);
  EXPECT_EQ(
      ours.summary.files_new + ours.summary.files_changed + ours.summary.dirs_new + ours.summary.dirs_changed,
      0U);
  EXPECT_EQ(ours.summary.data_added, 0U);
  EXPECT_EQ(ours.parent->tree, repository->find_snapshot(ours.snapshot->hex()).tree);
}

TEST_P(ResticInteropTest, WeRestoreWhatResticSaved) {
  restic_init();
  restic_backup();
  const auto repository = world_.open(world_.directory_store(repository_path_));
  RestoreRequest request;
  request.verify = true;
  EXPECT_THAT(world_.restore(*repository, target_, request).errors, IsEmpty());
  EXPECT_EQ(testing::difference(source_, target_), "");
}

TEST_P(ResticInteropTest, AbsoluteTargetsGiveTheSameTree) {
  const auto repository = world_.create(world_.directory_store(repository_path_), GetParam());
  BackupRequest request;
  request.targets = {source_.string()};
  const auto ours = world_.backup(*repository, source_, request);
  ASSERT_EQ(restic(repository_path_, "/", {"backup", "--force", source_.string()}).exit_code, 0);
  repository->load_index();
  // The directories above change while tests run.
  EXPECT_EQ(
      find_subtree(*repository, repository->find_snapshot(ours.snapshot->hex()).tree, source_.string(), {}),
      find_subtree(*repository, repository->find_snapshot("latest").tree, source_.string(), {}));
}

INSTANTIATE_TEST_SUITE_P(RepositoryVersions, ResticInteropTest, ::testing::Values(1, 2),
                         [](const auto& info) { return "Version" + std::to_string(info.param); });

}  // namespace
}  // namespace salvor::archive
