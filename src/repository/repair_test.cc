// Damaged repositories: what is damaged is named, and repaired as far as it can be.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "codec/hash.h"
#include "repository/blob_index.h"
#include "repository/check.h"
#include "repository/index_file.h"
#include "repository/layout.h"
#include "repository/repair_index.h"
#include "repository/repair_packs.h"
#include "repository/repository_test_support.h"
#include "storage/faults.h"

namespace salvor::repository {
namespace {

using testing::Fixture;

std::string joined(const std::vector<std::string>& lines) {
  return fmt::format("{}", fmt::join(lines, "\n"));
}

class Repair : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    for (int i = 0; i < 3; ++i) {
      data_.push_back(fixture_.random.bytes(30'000));
      testing::save_simple_snapshot(*repository_, data_.back(), fmt::format("2026-11-1{}T12:00:00Z", i));
    }
    everything_ = testing::snapshot_of(*memory_);
  }

  std::vector<std::string> check_errors(bool read_data = true) {
    const auto repository = fixture_.open_unindexed(memory_);
    return check_repository(*repository, {.read_data = read_data, .read_data_subset = ""}, {}).errors;
  }
  void expect_clean() {
    const auto repository = fixture_.open_unindexed(memory_);
    const auto report = check_repository(*repository, {.read_data = true, .read_data_subset = ""}, {});
    EXPECT_TRUE(report.clean()) << joined(report.errors);
    EXPECT_TRUE(report.hints.empty()) << joined(report.hints);
  }
  RepairIndexReport repair_index(bool read_all = false) {
    const auto repository = fixture_.open_unindexed(memory_);
    findings_.clear();
    return repository::repair_index(
        *repository, {.read_all_packs = read_all}, {},
        {.on_progress = {}, .on_finding = [&](const std::string& text) { findings_.push_back(text); }});
  }
  RepairPacksReport repair_packs(const std::vector<PackId>& packs) {
    const auto repository = fixture_.open_unindexed(memory_);
    findings_.clear();
    return repository::repair_packs(
        *repository, packs, {},
        {.on_pack = [&](const PackId&, std::string_view bytes) { copies_.emplace_back(bytes); },
         .on_finding = [&](const std::string& text) { findings_.push_back(text); },
         .on_progress = {}});
  }
  // The pack of the data of the n-th snapshot.
  PackId data_pack(size_t n) {
    BlobHandle blob{BlobType::kData, {}};
    blob.id.bytes = codec::sha256(data_[n]);
    return repository_->locate(blob).front().pack;
  }
  PackId tree_pack(size_t n) {
    const auto snapshots = repository_->list_snapshots();
    return repository_->locate({BlobType::kTree, snapshots[n].tree}).front().pack;
  }
  // An index file that does not name the pack.
  std::string index_without(const PackId& pack) {
    const auto repository = fixture_.open(memory_);
    const auto& packs = repository->index().packs();
    for (const IndexFile& file : repository->index().files()) {
      const auto names = [&](std::uint32_t number) { return packs[number] == pack; };
      if (std::none_of(file.packs.begin(), file.packs.end(), names)) return file.id.hex();
    }
    return {};
  }
  std::string key_of(const PackId& pack) { return object_key(FileKind::kPack, pack.hex()); }
  void restore_everything() { testing::reset_to(*memory_, everything_); }

  Fixture fixture_;
  std::shared_ptr<storage::ObjectStore> memory_ = fixture_.memory_store();
  std::unique_ptr<Repository> repository_ = fixture_.create(memory_, GetParam());
  std::vector<std::string> data_, findings_, copies_;
  std::map<std::string, std::string> everything_;
};

TEST_P(Repair, IndexIsMadeAnewFromThePacksWhenItIsLost) {
  for (const std::string& key : testing::keys_below(*memory_, "index/")) memory_->remove(key);
  EXPECT_FALSE(check_errors().empty());
  const auto report = repair_index();
  EXPECT_EQ(report.added.size(), testing::keys_below(*memory_, "data/").size());
  EXPECT_TRUE(report.unreadable.empty());
  expect_clean();
}

TEST_P(Repair, IndexOfASoundRepositoryIsOnlyMerged) {
  EXPECT_EQ(testing::keys_below(*memory_, "index/").size(), 3U);
  EXPECT_EQ(repair_index().replaced_files, 3U);
  EXPECT_EQ(testing::keys_below(*memory_, "index/").size(), 1U);
  const auto before = testing::keys_below(*memory_, "index/");
  EXPECT_FALSE(repair_index().changed());
  EXPECT_EQ(testing::keys_below(*memory_, "index/"), before);
  expect_clean();
}

TEST_P(Repair, IndexFilesThatCannotBeReadAreReplaced) {
  const std::string index = testing::keys_below(*memory_, "index/").front();
  for (const size_t at : {size_t{3}, size_t{50}}) {
    restore_everything();
    testing::flip_bit(*memory_, index, at);
    const auto errors = check_errors();
    EXPECT_NE(joined(errors).find(index.substr(6)), std::string::npos) << joined(errors);
    const auto report = repair_index();
    EXPECT_EQ(report.damaged_files, (std::vector<std::string>{index.substr(6)}));
    EXPECT_EQ(report.added.size(), 2U);
    expect_clean();
  }
  restore_everything();
  memory_->put(index, memory_->get(index).substr(0, 40));
  repair_index();
  expect_clean();
}

TEST_P(Repair, IndexForgetsPacksThatAreGone) {
  memory_->remove(key_of(data_pack(1)));
  EXPECT_NE(joined(check_errors()).find(data_pack(1).hex()), std::string::npos);
  const auto report = repair_index();
  EXPECT_EQ(report.removed, (std::vector<PackId>{data_pack(1)}));
  EXPECT_EQ(findings_, (std::vector<std::string>{"removing not found pack file " + data_pack(1).hex()}));
  const auto errors = check_errors();
  ASSERT_EQ(errors.size(), 1U) << joined(errors);
  EXPECT_NE(errors[0].find("is in no index"), std::string::npos) << errors[0];
}

TEST_P(Repair, IndexLeavesOutPacksWithoutASoundHeader) {
  const std::string key = key_of(data_pack(0)), whole = memory_->get(key);
  memory_->put(key, whole.substr(0, whole.size() - 1));
  auto report = repair_index();
  EXPECT_EQ(report.reread, (std::vector<PackId>{data_pack(0)}));
  ASSERT_EQ(report.unreadable.size(), 1U);
  EXPECT_NE(report.unreadable[0].find(data_pack(0).hex()), std::string::npos);
  // It comes back with the pack.
  memory_->put(key, whole);
  report = repair_index();
  EXPECT_EQ(report.added, (std::vector<PackId>{data_pack(0)}));
  expect_clean();
}

TEST_P(Repair, IndexThatTellsLiesIsCorrectedFromAllPacks) {
  // A file that claims other offsets for a pack, sizes being right.
  const auto repository = fixture_.open(memory_);
  const PackId pack = tree_pack(0);
  std::vector<PackEntry> entries;
  repository->mutable_index().settle();
  for (const auto& entry : repository->index().entries(BlobType::kTree)) {
    if (repository->index().packs()[entry.pack] != pack) continue;
    entries.push_back({.handle = {BlobType::kTree, entry.id},
                       .offset = entry.offset,
                       .length = entry.length,
                       .uncompressed_length = entry.uncompressed_length});
  }
  ASSERT_EQ(entries.size(), 2U);
  std::swap(entries[0].handle, entries[1].handle);
  for (const auto& file : repository->list_files(FileKind::kIndex)) {
    repository->remove_file(FileKind::kIndex, file.name);
  }
  repository->save_document(FileKind::kIndex, encode_index({{pack, entries}}));
  EXPECT_FALSE(check_errors().empty());
  repair_index(true);
  expect_clean();
}

TEST_P(Repair, PacksGiveWhatIsReadableOfThem) {
  // One pack with five blobs, of which the third is damaged.
  std::vector<BlobId> blobs;
  for (int i = 0; i < 5; ++i) {
    blobs.push_back(testing::save_data(*repository_, fixture_.random.bytes(5'000)));
  }
  repository_->flush();
  const BlobHandle third{BlobType::kData, blobs[2]};
  const BlobLocation location = repository_->locate(third).front();
  testing::flip_bit(*memory_, key_of(location.pack), location.offset + 100);
  const std::string damaged = memory_->get(key_of(location.pack));
  EXPECT_NE(joined(check_errors()).find(location.pack.hex()), std::string::npos);

  const auto report = repair_packs({location.pack});
  EXPECT_EQ(report.saved_blobs, 4U);
  EXPECT_EQ(report.lost, (std::vector<BlobHandle>{third}));
  EXPECT_EQ(copies_, (std::vector<std::string>{damaged}));
  EXPECT_NE(joined(findings_).find(blobs[2].hex()), std::string::npos) << joined(findings_);
  EXPECT_FALSE(memory_->stat(key_of(location.pack)));
  expect_clean();
  const auto repository = fixture_.open(memory_);
  for (const size_t i : {0U, 1U, 3U, 4U}) repository->load_blob({BlobType::kData, blobs[i]});
  EXPECT_FALSE(repository->has_blob(third));
}

TEST_P(Repair, PacksWithADamagedHeaderLoseNothing) {
  const PackId pack = data_pack(1);
  testing::flip_bit(*memory_, key_of(pack), memory_->get(key_of(pack)).size() - 20);
  EXPECT_FALSE(check_errors().empty());
  const auto report = repair_packs({pack});
  EXPECT_EQ(report.saved_blobs, 1U);
  EXPECT_TRUE(report.lost.empty());
  expect_clean();
}

TEST_P(Repair, PacksThatAreTruncatedGiveTheirBeginning) {
  const PackId pack = tree_pack(2);
  const std::string whole = memory_->get(key_of(pack));
  memory_->put(key_of(pack), whole.substr(0, whole.size() / 2));
  const auto report = repair_packs({pack});
  EXPECT_EQ(report.saved_blobs + report.lost.size(), 2U);
  EXPECT_GE(report.lost.size(), 1U);
  EXPECT_FALSE(memory_->stat(key_of(pack)));
}

TEST_P(Repair, PacksThatAreMissingAreTakenOutOfTheIndex) {
  memory_->remove(key_of(data_pack(2)));
  const auto report = repair_packs({data_pack(2)});
  EXPECT_EQ(report.missing, (std::vector<PackId>{data_pack(2)}));
  EXPECT_EQ(report.lost.size(), 1U);
  EXPECT_FALSE(fixture_.open(memory_)->has_blob(report.lost.front()));
  PackId unknown;
  unknown.bytes[0] = 1;
  EXPECT_THROW(repair_packs({unknown}), base::Error);
}

TEST_P(Repair, ABlobThatAnotherPackHasIsNotLost) {
  BlobHandle blob{BlobType::kData, {}};
  blob.id.bytes = codec::sha256(data_[0]);
  const PackId pack = data_pack(0);
  repository_->save_blob_again(blob, data_[0]);
  repository_->flush();
  testing::flip_bit(*memory_, key_of(pack), 50);
  EXPECT_NE(joined(check_errors()).find(pack.hex()), std::string::npos);
  EXPECT_TRUE(repair_packs({pack}).lost.empty());
  expect_clean();
  EXPECT_EQ(fixture_.open(memory_)->load_blob(blob), data_[0]);
}

// Stops a repair after its n-th write, for every n: nothing that was whole is lost, and the next one ends it.
TEST_P(Repair, ThatDiesAfterAnyWriteIsEndedByTheNext) {
  const PackId pack = data_pack(1);
  testing::flip_bit(*memory_, key_of(pack), memory_->get(key_of(pack)).size() - 20);
  memory_->remove(object_key(FileKind::kIndex, index_without(pack)));
  const auto damaged = testing::snapshot_of(*memory_);
  for (std::uint64_t n = 0;; ++n) {
    ASSERT_LT(n, 20U);
    testing::reset_to(*memory_, damaged);
    bool finished = false;
    {
      const auto faults = std::make_shared<storage::FaultStore>(memory_);
      const auto repository = fixture_.open_unindexed(faults);
      faults->freeze_after_writes(n);
      try {
        repository::repair_index(*repository, {}, {});
        repository::repair_packs(*repository, {pack}, {});
        finished = faults->writes() < n;
      } catch (const base::Error&) {
      }
    }
    repair_index();
    if (memory_->stat(key_of(pack))) {
      EXPECT_TRUE(repair_packs({pack}).lost.empty()) << n;
    }
    expect_clean();
    const auto repository = fixture_.open(memory_);
    for (const std::string& data : data_) {
      BlobHandle blob{BlobType::kData, {}};
      blob.id.bytes = codec::sha256(data);
      EXPECT_TRUE(repository->load_blob(blob) == data) << n;
    }
    if (finished) {
      EXPECT_GE(n, 6U);
      break;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Versions, Repair, ::testing::Values(1, 2),
                         [](const auto& info) { return "V" + std::to_string(info.param); });

}  // namespace
}  // namespace salvor::repository
