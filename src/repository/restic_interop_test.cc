// Against Debian's restic: it reads, checks and prunes what we write, and we what it writes.
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "codec/json.h"
#include "repository/check.h"
#include "repository/chunker.h"
#include "repository/lock.h"
#include "repository/prune.h"
#include "repository/repository_test_support.h"
#include "repository/statistics.h"
#include "repository/tree_references.h"

namespace salvor::repository {
namespace {

using testing::Fixture;
using testing::restic;

class ResticInterop : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    if (!testing::restic_installed()) GTEST_SKIP() << "restic is not installed";
  }
  void expect_restic_clean() {
    const auto result = restic(directory_.path() / "repo", {"check", "--read-data"});
    EXPECT_EQ(result.exit_code, 0) << result.output << result.error_output;
    EXPECT_EQ(result.error_output.find("rror"), std::string::npos) << result.error_output;
  }
  void expect_we_find_it_clean(Repository& repository) {
    const auto report = check_repository(repository, {.read_data = true, .read_data_subset = ""}, {});
    EXPECT_TRUE(report.clean()) << fmt::format("{}", fmt::join(report.errors, "\n"));
    EXPECT_TRUE(report.hints.empty()) << fmt::format("{}", fmt::join(report.hints, "\n"));
  }
  void run_restic(std::vector<std::string> arguments) {
    const auto result = restic(directory_.path() / "repo", std::move(arguments));
    ASSERT_EQ(result.exit_code, 0) << result.output << result.error_output;
  }
  // Some files: text, noise that is cut into chunks, nothing.
  void write_source(int variant) {
    const auto source = directory_.path() / "source";
    std::filesystem::create_directories(source / "sub");
    base::write_file_atomic(source / "text", std::string(100'000, 'a') + std::to_string(variant));
    base::write_file_atomic(source / "empty", "");
    base::write_file_atomic(source / "sub" / ("noise" + std::to_string(variant)),
                            fixture_.random.bytes(3'000'000));
  }

  base::TempDir directory_;
  Fixture fixture_;
  std::shared_ptr<storage::ObjectStore> store_ = fixture_.directory_store(directory_.path() / "repo");
};

TEST_P(ResticInterop, ReadsChecksAndPrunesWhatWeWrite) {
  auto repository = fixture_.create(store_, GetParam(), {.pack_size = 4 * 1024 * 1024});
  std::vector<std::string> data;
  for (int i = 1; i <= 4; ++i) {
    data.push_back(fixture_.random.bytes(3'000'000) + std::string(200'000, static_cast<char>('a' + i)));
    testing::save_simple_snapshot(*repository, data.back(), fmt::format("2026-11-0{}T12:00:00Z", i));
  }
  expect_restic_clean();
  const auto dumped = restic(directory_.path() / "repo", {"dump", "latest", "/home/file"});
  EXPECT_TRUE(dumped.output == data.back()) << dumped.error_output;
  const auto listed = codec::Json::parse(restic(directory_.path() / "repo", {"snapshots", "--json"}).output);
  ASSERT_EQ(listed.size(), 4U);
  EXPECT_EQ(listed[3]["hostname"], "host");

  // restic's statistics are ours.
  const auto stats = codec::Json::parse(
      restic(directory_.path() / "repo", {"stats", "--mode", "raw-data", "--json"}).output);
  const auto ours = raw_data_statistics(*repository, repository->list_snapshots(), {});
  EXPECT_EQ(stats["total_size"], ours.size);
  if (stats.contains("total_uncompressed_size")) {  // since restic 0.15
    EXPECT_EQ(stats["total_uncompressed_size"], ours.uncompressed_size);
  }

  run_restic({"forget", "--keep-last", "2", "--prune", "--max-unused", "0"});
  expect_restic_clean();
  repository = fixture_.open(store_);
  EXPECT_EQ(repository->list_snapshots().size(), 2U);
  expect_we_find_it_clean(*repository);
}

TEST_P(ResticInterop, WeReadCheckAndPruneWhatItWrites) {
  // Our keys, which cost restic less time; its own are opened below.
  Repository::init(*store_, testing::kPassword, fixture_.environment(), GetParam());
  for (int i = 1; i <= 4; ++i) {
    write_source(i);
    run_restic({"backup", (directory_.path() / "source").string()});
  }
  auto repository = fixture_.open(store_);
  EXPECT_EQ(repository->version(), GetParam());
  expect_we_find_it_clean(*repository);
  const auto snapshots = repository->list_snapshots();
  ASSERT_EQ(snapshots.size(), 4U);
  EXPECT_EQ(snapshots[0].paths.front(), (directory_.path() / "source").string());

  for (int i = 0; i < 3; ++i) repository->remove_snapshot(snapshots[static_cast<size_t>(i)].id);
  const auto plan = plan_prune(*repository, {.max_unused = "0"}, {});
  EXPECT_FALSE(plan.nothing_to_do());
  apply_prune(*repository, plan, {});
  expect_we_find_it_clean(*repository);
  expect_restic_clean();
  std::filesystem::create_directories(directory_.path() / "restored");
  run_restic({"restore", "latest", "--target", (directory_.path() / "restored").string()});
  const auto source = directory_.path() / "source";
  EXPECT_TRUE(base::read_file(source / "sub/noise4") ==
              base::read_file(directory_.path() / "restored" / source.relative_path() / "sub/noise4"));
  // And it goes on from there.
  write_source(5);
  run_restic({"backup", source.string()});
  expect_restic_clean();
  expect_we_find_it_clean(*fixture_.open(store_));
}

TEST_P(ResticInterop, CutsFilesAsWeDo) {
  run_restic({"init", "--repository-version", std::to_string(GetParam())});
  write_source(1);
  run_restic({"backup", (directory_.path() / "source").string()});
  const auto repository = fixture_.open(store_);
  const std::string noise = base::read_file(directory_.path() / "source/sub/noise1");
  const Chunker chunker(repository->chunker_polynomial());
  for (std::string_view rest = noise; !rest.empty();) {
    const size_t size = chunker.next_cut(rest);
    EXPECT_TRUE(repository->save_blob(BlobType::kData, rest.substr(0, size)).known);
    rest.remove_prefix(size);
  }
}

TEST_P(ResticInterop, HonoursLocksBothWays) {
  const auto repository = fixture_.create(store_, GetParam());
  testing::save_simple_snapshot(*repository, "data", "2026-11-01T12:00:00Z");
  {
    const LockGuard guard(*repository, {.mode = LockMode::kExclusive, .settle = base::Duration{0}});
    const auto refused = restic(directory_.path() / "repo", {"check"});
    EXPECT_NE(refused.exit_code, 0);
    EXPECT_NE(refused.error_output.find("already locked"), std::string::npos) << refused.error_output;
  }
  expect_restic_clean();
}

TEST_P(ResticInterop, OpensItsKeysWithTheRightPasswordOnly) {
  run_restic({"init", "--repository-version", std::to_string(GetParam())});
  EXPECT_EQ(fixture_.open(store_)->version(), GetParam());
  try {
    Repository::open(store_, "falsch", fixture_.environment());
    FAIL() << "nothing was thrown";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kUnauthenticated);
  }
}

INSTANTIATE_TEST_SUITE_P(Versions, ResticInterop, ::testing::Values(1, 2),
                         [](const auto& info) { return "V" + std::to_string(info.param); });

}  // namespace
}  // namespace salvor::repository
