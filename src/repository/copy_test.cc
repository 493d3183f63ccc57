#include "repository/copy.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "codec/hash.h"
#include "repository/check.h"
#include "repository/layout.h"
#include "repository/migrate.h"
#include "repository/repository_test_support.h"
#include "storage/faults.h"

namespace salvor::repository {
namespace {

using base::ErrorCode;
using testing::Fixture;

struct Versions {
  int source, destination;
};

class Copy : public ::testing::TestWithParam<Versions> {
 protected:
  void SetUp() override {
    for (int i = 0; i < 3; ++i) {
      data_.push_back(fixture_.random.bytes(20'000) + std::string(20'000, 'x'));
      testing::save_simple_snapshot(*source_, data_.back(), fmt::format("2026-11-1{}T12:00:00Z", i));
    }
    // Shares everything with the last, and descends from it.
    Snapshot shared = source_->list_snapshots().back();
    shared.parent = shared.id;
    shared.time = "2026-11-20T12:00:00Z";
    source_->save_snapshot(shared);
    data_.push_back(data_.back());
  }
  CopyReport copy(const CopyObserver& observer = {}) {
    const auto source = fixture_.open_unindexed(from_), destination = fixture_.open_unindexed(to_);
    return copy_snapshots(*source, *destination, source->list_snapshots(), {}, observer);
  }
  void expect_whole(storage::ObjectStore&) {
    const auto repository = fixture_.open(to_);
    const auto report = check_repository(*repository, {.read_data = true, .read_data_subset = ""}, {});
    EXPECT_TRUE(report.clean()) << fmt::format("{}", fmt::join(report.errors, "\n"));
    const auto snapshots = repository->list_snapshots();
    ASSERT_EQ(snapshots.size(), data_.size());
    for (size_t i = 0; i < snapshots.size(); ++i) {
      EXPECT_TRUE(testing::content_of(*repository, snapshots[i].tree) == data_[i]) << i;
    }
  }

  Fixture fixture_;
  std::shared_ptr<storage::ObjectStore> from_ = fixture_.memory_store(), to_ = fixture_.memory_store();
  std::unique_ptr<Repository> source_ = fixture_.create(from_, GetParam().source);
  std::unique_ptr<Repository> destination_ = fixture_.create(to_, GetParam().destination);
  std::vector<std::string> data_;
};

TEST_P(Copy, BringsSnapshotsWithAllTheyNeed) {
  const auto report = copy();
  EXPECT_EQ(report.copied, 4U);
  EXPECT_EQ(report.blobs, 9U);
  expect_whole(*to_);
  const auto sources = source_->list_snapshots(), copies = destination_->list_snapshots();
  for (size_t i = 0; i < copies.size(); ++i) {
    EXPECT_EQ(copies[i].original, sources[i].id);
    EXPECT_FALSE(copies[i].parent);
    EXPECT_EQ(copies[i].tree, sources[i].tree);
    EXPECT_TRUE(is_copy_of(copies[i], sources[i]));
  }
}

TEST_P(Copy, PassesOverWhatIsThere) {
  copy();
  const auto before = testing::snapshot_of(*to_);
  std::vector<SnapshotId> skipped;
  CopyObserver observer;
  observer.on_skip = [&](const Snapshot&, const SnapshotId& copy) { skipped.push_back(copy); };
  const auto report = copy(observer);
  EXPECT_EQ(report.copied, 0U);
  EXPECT_EQ(report.skipped, 4U);
  EXPECT_EQ(skipped.size(), 4U);
  EXPECT_TRUE(testing::snapshot_of(*to_) == before);
}

TEST_P(Copy, TakesASnapshotWhoseMetadataChangedForAnother) {
  copy();
  Snapshot changed = source_->list_snapshots().front();
  changed.original = changed.id;
  changed.tags = {"new"};
  source_->save_snapshot(changed);
  const auto report = copy();
  EXPECT_EQ(report.copied, 1U);
  EXPECT_EQ(report.blobs, 0U);
  EXPECT_EQ(destination_->list_snapshots().size(), 5U);
}

TEST_P(Copy, AddsOnlyBlobsThatAreMissing) {
  testing::save_data(*destination_, data_[0]);
  destination_->flush();
  EXPECT_EQ(copy().blobs, 8U);
  expect_whole(*to_);
}

TEST_P(Copy, SavesWhatIsWholeWhenTheSourceIsDamaged) {
  BlobHandle blob{BlobType::kData, {}};
  blob.id.bytes = codec::sha256(data_[1]);
  const PackId pack = source_->locate(blob).front().pack;
  testing::flip_bit(*from_, object_key(FileKind::kPack, pack.hex()), 100);
  try {
    copy();
    FAIL() << "nothing was thrown";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
    EXPECT_NE(error.message().find(pack.hex()), std::string::npos) << error.message();
  }
  const auto repository = fixture_.open(to_);
  const auto snapshots = repository->list_snapshots();
  ASSERT_EQ(snapshots.size(), 1U);
  EXPECT_TRUE(testing::content_of(*repository, snapshots[0].tree) == data_[0]);
  EXPECT_TRUE(check_repository(*repository, {.read_data = true, .read_data_subset = ""}, {}).clean());
}

// Stops a copy after its n-th write, for every n: the destination is sound, and the next copy ends it.
TEST_P(Copy, ThatDiesAfterAnyWriteIsEndedByTheNext) {
  const auto empty = testing::snapshot_of(*to_);
  for (std::uint64_t n = 0;; ++n) {
    ASSERT_LT(n, 40U);
    testing::reset_to(*to_, empty);
    bool finished = false;
    {
      const auto faults = std::make_shared<storage::FaultStore>(to_);
      const auto source = fixture_.open_unindexed(from_);
      const auto destination = fixture_.open_unindexed(faults, {.pack_size = 30'000});
      faults->freeze_after_writes(n);
      try {
        copy_snapshots(*source, *destination, source->list_snapshots(), {});
        finished = faults->writes() < n;
      } catch (const base::Error&) {
      }
    }
    const auto half = fixture_.open(to_);
    const auto report = check_repository(*half, {.read_data = true, .read_data_subset = ""}, {});
    EXPECT_TRUE(report.clean()) << n << fmt::format("{}", fmt::join(report.errors, "\n"));
    for (const Snapshot& snapshot : half->list_snapshots()) testing::content_of(*half, snapshot.tree);
    copy();
    expect_whole(*to_);
    if (finished) {
      EXPECT_GE(n, 8U);
      break;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Pairs, Copy,
                         ::testing::Values(Versions{1, 1}, Versions{1, 2}, Versions{2, 1}, Versions{2, 2}),
                         [](const auto& info) {
                           return fmt::format("V{}ToV{}", info.param.source, info.param.destination);
                         });

TEST(Migrate, UpgradesToVersionTwoAndNothingElse) {
  Fixture fixture;
  const auto store = fixture.memory_store();
  auto repository = fixture.create(store, 1);
  testing::save_simple_snapshot(*repository, std::string(50'000, 'a'), "2026-11-10T12:00:00Z");
  ASSERT_EQ(migrations(*repository).size(), 1U);
  EXPECT_EQ(migrations(*repository)[0].name, "upgrade_repo_v2");
  EXPECT_EQ(migrations(*repository)[0].obstacle, "");
  auto before = testing::snapshot_of(*store);
  upgrade_to_version_2(*repository, {});
  auto after = testing::snapshot_of(*store);
  EXPECT_NE(before["config"], after["config"]);
  before.erase("config");
  after.erase("config");
  EXPECT_TRUE(before == after);

  const std::string id = repository->id();
  const std::uint64_t polynomial = repository->chunker_polynomial();
  repository = fixture.open(store);
  EXPECT_EQ(repository->version(), 2);
  EXPECT_EQ(repository->id(), id);
  EXPECT_EQ(repository->chunker_polynomial(), polynomial);
  EXPECT_NE(migrations(*repository)[0].obstacle, "");
  EXPECT_THROW(upgrade_to_version_2(*repository, {}), base::Error);
  testing::save_simple_snapshot(*repository, std::string(50'000, 'b'), "2026-11-11T12:00:00Z");
  EXPECT_TRUE(check_repository(*repository, {.read_data = true, .read_data_subset = ""}, {}).clean());
}

TEST(Migrate, KeepsTheOldConfigWhenTheNewOneCannotBeWritten) {
  Fixture fixture;
  const auto memory = fixture.memory_store();
  const auto faults = std::make_shared<storage::FaultStore>(memory);
  fixture.create(faults, 1);
  const auto before = testing::snapshot_of(*memory);
  const auto repository = fixture.open(faults);
  faults->freeze_after_writes(0);
  EXPECT_THROW(upgrade_to_version_2(*repository, {}), base::Error);
  EXPECT_TRUE(testing::snapshot_of(*memory) == before);
  EXPECT_EQ(fixture.open(memory)->version(), 1);
}

}  // namespace
}  // namespace salvor::repository
