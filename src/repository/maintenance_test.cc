#include <gtest/gtest.h>

#include "base/error.h"
#include "codec/hash.h"
#include "repository/blob_index.h"
#include "repository/check.h"
#include "repository/index_file.h"
#include "repository/layout.h"
#include "repository/pack_contents.h"
#include "repository/prune.h"
#include "repository/repair_index.h"
#include "repository/repository_test_support.h"
#include "repository/size_text.h"
#include "repository/statistics.h"
#include "repository/tree_references.h"
#include "storage/faults.h"

namespace salvor::repository {
namespace {

using base::ErrorCode;
using testing::Fixture;

std::string joined(const std::vector<std::string>& lines) {
  return fmt::format("{}", fmt::join(lines, "\n"));
}

CheckReport check(Repository& repository, bool read_data = true) {
  return check_repository(repository, {.read_data = read_data, .read_data_subset = ""}, {});
}

PrunePlan prune(Repository& repository, const std::string& max_unused = "0") {
  PrunePlan plan = plan_prune(repository, {.max_unused = max_unused}, {});
  apply_prune(repository, plan, {});
  return plan;
}

// The blobs that a snapshot's data must still have.
void expect_loadable(Repository& repository, const Snapshot& snapshot, const std::string& data) {
  EXPECT_TRUE(testing::content_of(repository, snapshot.tree) == data) << snapshot.time;
}

class Maintenance : public ::testing::Test {
 protected:
  void save(int number, size_t size = 20'000) {
    data_.push_back(fixture_.random.bytes(size));
    ids_.push_back(testing::save_simple_snapshot(*repository_, data_.back(),
                                                 fmt::format("2026-11-{:02}T12:00:00Z", number)));
  }

  Fixture fixture_;
  std::shared_ptr<storage::ObjectStore> memory_ = fixture_.memory_store();
  std::shared_ptr<storage::FaultStore> store_ = std::make_shared<storage::FaultStore>(memory_);
  std::unique_ptr<Repository> repository_ = fixture_.create(store_);
  std::vector<std::string> data_;
  std::vector<SnapshotId> ids_;
};

TEST_F(Maintenance, CheckFindsNothingInASoundRepository) {
  save(1);
  save(2);
  const auto report = check(*repository_);
  EXPECT_TRUE(report.clean()) << joined(report.errors);
  EXPECT_TRUE(report.hints.empty()) << joined(report.hints);
  EXPECT_EQ(report.snapshots, 2U);
  EXPECT_EQ(report.packs_read, report.packs);
  EXPECT_GT(report.bytes_read, 40'000U);
}

TEST_F(Maintenance, CheckNamesEveryKindOfDamage) {
  save(1);
  save(2);
  const auto location =
      repository_->locate({BlobType::kTree, repository_->find_snapshot("latest").tree}).front();
  const std::string tree_pack = object_key(FileKind::kPack, location.pack.hex());
  const std::string whole = store_->get(tree_pack);
  const auto expect_error = [&](std::string_view what, std::string_view name, bool read_data) {
    const auto report = check(*repository_, read_data);
    EXPECT_NE(joined(report.errors).find(what), std::string::npos) << what << "\n" << joined(report.errors);
    EXPECT_NE(joined(report.errors).find(name), std::string::npos) << what << "\n" << joined(report.errors);
  };
  store_->put(tree_pack, whole.substr(0, whole.size() - 1));
  expect_error("truncated or damaged", location.pack.hex(), false);
  testing::flip_bit(*store_, tree_pack, 40);
  store_->remove(tree_pack);
  expect_error("does not exist", location.pack.hex(), false);
  store_->put(tree_pack, whole);
  testing::flip_bit(*store_, tree_pack, whole.size() - 30);  // the header, which only reading finds
  EXPECT_TRUE(check(*repository_, false).clean());
  expect_error("content does not match its name", location.pack.hex(), true);
  expect_error("the header does not pass its authentication", location.pack.hex(), true);
  store_->put(tree_pack, whole);
  EXPECT_TRUE(check(*repository_).clean());

  const std::string index = testing::keys_below(*store_, "index/").front();
  const std::string index_file = store_->get(index);
  testing::flip_bit(*store_, index, 50);
  expect_error("does not match its name", index.substr(6), false);
  store_->remove(index);
  expect_error("is in no index", "tree", false);
  store_->put(index, index_file);
  testing::flip_bit(*store_, "snapshots/" + ids_[0].hex(), 50);
  expect_error("does not match its name", ids_[0].hex(), false);
  const std::string another(64, 'a');
  store_->put("keys/" + another, store_->get(testing::keys_below(*store_, "keys/").front()));
  expect_error("does not match its name", another, false);
}

TEST_F(Maintenance, CheckReadsTheSubsetThatIsAskedFor) {
  for (int i = 1; i <= 9; ++i) save(i);
  const auto read = [&](const std::string& subset) {
    return check_repository(*repository_, {.read_data = false, .read_data_subset = subset}, {}).packs_read;
  };
  const auto packs = repository_->list_files(FileKind::kPack).size();
  EXPECT_EQ(read("1/3") + read("2/3") + read("3/3"), packs);
  EXPECT_EQ(read("100%"), packs);
  EXPECT_EQ(read("50%"), packs / 2);
  EXPECT_EQ(read("0.1%"), 1U);
  EXPECT_EQ(read("100G"), packs);
  EXPECT_LT(read("40K"), packs);
  for (const char* wrong : {"0/3", "4/3", "1/300", "x", "101%", "%", "-5%", "1/"}) {
    EXPECT_THROW(read(wrong), base::Error) << wrong;
  }
}

TEST_F(Maintenance, CheckOfSomeSnapshotsReadsWhatTheyNeed) {
  for (int i = 1; i <= 4; ++i) save(i);
  const auto first = [&](const Snapshot& snapshot) { return snapshot.id == ids_[0]; };
  const auto check_first = [&](std::string subset) {
    return check_repository(*repository_, {subset.empty(), std::move(subset), first}, {});
  };
  auto report = check_first("");
  EXPECT_EQ(report.snapshots, 1U);
  EXPECT_EQ(report.packs_read, 2U);
  EXPECT_EQ(check_first("100%").packs_read, 2U);
  // Damage elsewhere is not looked for.
  const auto location =
      repository_->locate({BlobType::kTree, repository_->find_snapshot("latest").tree}).front();
  testing::flip_bit(*store_, object_key(FileKind::kPack, location.pack.hex()), 40);
  EXPECT_TRUE(check_first("").clean());
  EXPECT_FALSE(check(*repository_).clean());
}

TEST_F(Maintenance, CheckReportsOrphansAsHints) {
  save(1);
  testing::save_data(*repository_, "left behind");
  repository_->flush();
  const auto index = repository_->list_files(FileKind::kIndex);
  for (const auto& file : index) repository_->remove_file(FileKind::kIndex, file.name);
  std::vector<std::pair<PackId, std::vector<PackEntry>>> none;
  const auto report = check(*repository_);
  EXPECT_EQ(report.orphaned_packs, 3U);
  EXPECT_TRUE(report.suggest_prune);
}

TEST_F(Maintenance, PruneRemovesWhatNoSnapshotNeeds) {
  save(1);
  save(2);
  EXPECT_TRUE(plan_prune(*repository_, {}, {}).nothing_to_do());
  repository_->remove_snapshot(ids_[0]);
  const auto plan = prune(*repository_);
  EXPECT_EQ(plan.remove.size(), 2U);
  EXPECT_EQ(plan.unused.blobs, 3U);
  EXPECT_EQ(repository_->list_files(FileKind::kPack).size(), 2U);
  expect_loadable(*repository_, repository_->find_snapshot("latest"), data_[1]);
  const auto report = check(*fixture_.open(store_));
  EXPECT_TRUE(report.clean()) << joined(report.errors);
  EXPECT_TRUE(report.hints.empty()) << joined(report.hints);
  repository_->remove_snapshot(ids_[1]);
  prune(*repository_);
  EXPECT_TRUE(repository_->list_files(FileKind::kPack).empty());
  EXPECT_EQ(repository_->index().count(), 0U);
}

TEST_F(Maintenance, PruneMovesNeededBlobsOutOfPacksThatAreMostlyUnused) {
  // Ten snapshots whose data share packs.
  std::vector<BlobId> blobs;
  std::vector<std::string> contents;
  for (int i = 0; i < 10; ++i) {
    contents.push_back(fixture_.random.bytes(30'000));
    blobs.push_back(testing::save_data(*repository_, contents.back()));
  }
  repository_->flush();
  Snapshot snapshot;
  snapshot.tree = testing::save_tree(*repository_, {{"kept", {blobs[3], blobs[7]}, 60'000}});
  repository_->flush();
  snapshot.time = "2026-11-22T12:00:00Z";
  snapshot.paths = {"/"};
  repository_->save_snapshot(snapshot);
  const auto within = plan_prune(*repository_, {.max_unused = "unlimited"}, {});
  EXPECT_TRUE(within.repack.empty());
  const auto plan = prune(*repository_);
  EXPECT_EQ(plan.repack.size(), 1U);
  EXPECT_EQ(plan.repack_removed.blobs, 8U);
  EXPECT_EQ(repository_->index().count(), 3U);
  expect_loadable(*repository_, repository_->find_snapshot("latest"), contents[3] + contents[7]);
  const auto report = check(*fixture_.open(store_));
  EXPECT_TRUE(report.clean()) << joined(report.errors);
  EXPECT_TRUE(report.hints.empty()) << joined(report.hints);
  EXPECT_TRUE(plan_prune(*repository_, {.max_unused = "0"}, {}).nothing_to_do());
}

TEST_F(Maintenance, PruneKeepsOneCopyOfADuplicate) {
  save(1);
  const auto snapshot = repository_->find_snapshot("latest");
  const BlobHandle tree{BlobType::kTree, snapshot.tree};
  repository_->save_blob_again(tree, repository_->load_blob(tree));
  repository_->flush();
  EXPECT_EQ(repository_->locate(tree).size(), 2U);
  const auto plan = prune(*repository_);
  EXPECT_EQ(plan.duplicate.blobs, 1U);
  EXPECT_EQ(repository_->locate(tree).size(), 1U);
  EXPECT_TRUE(check(*repository_).clean());
}

TEST_F(Maintenance, PruneWithoutFreeSpaceRemovesBeforeItWrites) {
  save(1);
  save(2);
  repository_->remove_snapshot(ids_[0]);
  const auto plan = plan_prune(*repository_, {.max_unused = "0", .without_free_space = true}, {});
  EXPECT_EQ(plan.remove.size(), 2U);
  EXPECT_TRUE(plan.repack.empty());
  // As if the store were full: the first write fails, and by then there is room.
  store_->freeze_after_writes(4);
  EXPECT_THROW(apply_prune(*repository_, plan, {}), base::Error);
  EXPECT_TRUE(testing::keys_below(*memory_, "index/").empty());
  EXPECT_EQ(testing::keys_below(*memory_, "data/").size(), 2U);
  store_ = std::make_shared<storage::FaultStore>(memory_);
  repository_ = fixture_.open(store_);
  repair_index(*repository_, {}, {});
  EXPECT_TRUE(check(*repository_).clean());
  expect_loadable(*repository_, repository_->find_snapshot("latest"), data_[1]);
}

TEST_F(Maintenance, PruneWithoutFreeSpaceLeavesASoundRepository) {
  save(1);
  save(2);
  repository_->remove_snapshot(ids_[0]);
  apply_prune(*repository_, plan_prune(*repository_, {.without_free_space = true}, {}), {});
  EXPECT_EQ(repository_->list_files(FileKind::kPack).size(), 2U);
  const auto report = check(*fixture_.open(store_));
  EXPECT_TRUE(report.clean()) << joined(report.errors);
  expect_loadable(*repository_, repository_->find_snapshot("latest"), data_[1]);
}

TEST_F(Maintenance, PruneRefusesADamagedRepository) {
  save(1);
  save(2);
  repository_->remove_snapshot(ids_[0]);
  const auto latest = repository_->find_snapshot("latest");
  const auto location = repository_->locate({BlobType::kTree, latest.tree}).front();
  store_->remove(object_key(FileKind::kPack, location.pack.hex()));
  try {
    plan_prune(*repository_, {}, {});
    FAIL() << "nothing was thrown";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNotFound);
    EXPECT_NE(error.message().find(location.pack.hex()), std::string::npos) << error.message();
  }
}

TEST_F(Maintenance, PruneRefusesToGuessWhenASnapshotIsUnreadable) {
  save(1);
  save(2);
  testing::flip_bit(*store_, "snapshots/" + ids_[0].hex(), 50);
  EXPECT_THROW(plan_prune(*repository_, {}, {}), base::Error);
}

TEST_F(Maintenance, PruneRefusesANonsensicalLimit) {
  for (const char* wrong : {"", "100%", "x", "-1%", "5%%"}) {
    EXPECT_THROW(plan_prune(*repository_, {.max_unused = wrong}, {}), base::Error) << wrong;
  }
}

// Stops a backup after its n-th write, for every n: what was there before stays whole.
TEST_F(Maintenance, ABackupThatDiesAfterAnyWriteHarmsNothing) {
  save(1);
  const std::string before = data_[0], added = fixture_.random.bytes(50'000);
  for (std::uint64_t n = 0;; ++n) {
    bool finished = false;
    {
      const auto repository = fixture_.open(store_, {.pack_size = 20'000});
      store_->freeze_after_writes(n);
      try {
        for (size_t i = 0; i < 5; ++i)
          testing::save_data(*repository, added.substr(i * 10'000, 10'000) + std::to_string(n));
        testing::save_simple_snapshot(*repository, added + std::to_string(n), "2026-11-20T12:00:00Z");
        finished = true;
      } catch (const base::Error&) {
      }
    }
    store_ = std::make_shared<storage::FaultStore>(memory_);
    repository_ = fixture_.open(store_);
    const auto report = check(*repository_);
    EXPECT_TRUE(report.clean()) << n << "\n" << joined(report.errors);
    const auto snapshots = repository_->list_snapshots();
    ASSERT_EQ(snapshots.size(), finished ? 2U : 1U) << n;
    expect_loadable(*repository_, snapshots[0], before);
    if (finished) {
      expect_loadable(*repository_, snapshots[1], added + std::to_string(n));
      EXPECT_GE(n, 6U);
      break;
    }
  }
  repository_->remove_snapshot(repository_->find_snapshot("latest").id);
  prune(*repository_);
  const auto report = check(*repository_);
  EXPECT_TRUE(report.clean()) << joined(report.errors);
  EXPECT_TRUE(report.hints.empty()) << joined(report.hints);
}

// Copies all objects of one store to another.
void copy_objects(storage::ObjectStore& from, storage::ObjectStore& to) {
  for (const std::string& key : testing::keys_below(from, "")) to.put(key, from.get(key));
}

TEST_F(Maintenance, AForgetAndPruneThatDiesAfterAnyWriteHarmsNothing) {
  // Snapshots 1 to 3 share packs, so that forgetting the second makes prune move blobs.
  std::vector<BlobId> trees;
  for (int i = 0; i < 3; ++i) {
    data_.push_back(fixture_.random.bytes(30'000));
    const BlobId blob = testing::save_data(*repository_, data_.back());
    trees.push_back(testing::save_tree(*repository_, {{"f" + std::to_string(i), {blob}, 30'000}}));
  }
  repository_->flush();
  for (int i = 0; i < 3; ++i) {
    Snapshot snapshot;
    snapshot.tree = trees[static_cast<size_t>(i)];
    snapshot.time = fmt::format("2026-11-1{}T12:00:00Z", i);
    snapshot.paths = {"/"};
    ids_.push_back(repository_->save_snapshot(snapshot));
  }
  save(20);  // in packs of its own, which stay
  for (std::uint64_t n = 0;; ++n) {
    ASSERT_LT(n, 40U);
    const auto scratch = fixture_.memory_store();
    copy_objects(*memory_, *scratch);
    bool finished = false;
    {
      const auto faults = std::make_shared<storage::FaultStore>(scratch);
      const auto repository = fixture_.open(faults);
      faults->freeze_after_writes(n);
      try {
        repository->remove_snapshot(ids_[1]);
        prune(*repository);
        finished = faults->writes() < n;
      } catch (const base::Error&) {
      }
    }
    const auto repository = fixture_.open(scratch);
    const auto report = check(*repository);
    EXPECT_TRUE(report.clean()) << n << "\n" << joined(report.errors);
    const auto snapshots = repository->list_snapshots();
    ASSERT_GE(snapshots.size(), 3U) << n;
    expect_loadable(*repository, snapshots.front(), data_[0]);
    expect_loadable(*repository, snapshots[snapshots.size() - 2], data_[2]);
    expect_loadable(*repository, snapshots.back(), data_[3]);
    // The next prune leaves it as one that had not died.
    prune(*repository);
    const auto after = check(*fixture_.open(scratch));
    EXPECT_TRUE(after.clean()) << n << "\n" << joined(after.errors);
    EXPECT_TRUE(after.hints.empty()) << n << "\n" << joined(after.hints);
    if (finished) {
      EXPECT_GE(n, 9U);
      break;
    }
  }
}

// What rustic's prune leaves: an index in which packs are marked for deletion.
class MarkedPacks : public Maintenance {
 protected:
  // Marks all packs that only `number` needs.
  void mark(size_t number, const std::string& since) {
    const Snapshot snapshot = repository_->find_snapshot(ids_[number].hex());
    const PackId tree_pack = repository_->locate({BlobType::kTree, snapshot.tree}).front().pack;
    const BlobId data{codec::sha256(data_[number])};
    const PackId data_pack = repository_->locate({BlobType::kData, data}).front().pack;
    repository_->mutable_index().settle();
    const PackContents contents(repository_->index());
    std::vector<std::pair<PackId, std::vector<PackEntry>>> live;
    std::vector<PackToDelete> marked;
    const auto& packs = repository_->index().packs();
    for (std::uint32_t pack = 0; pack < packs.size(); ++pack) {
      if (packs[pack] == tree_pack || packs[pack] == data_pack) {
        marked.push_back({packs[pack], since, contents.entries_of(pack)});
      } else {
        live.emplace_back(packs[pack], contents.entries_of(pack));
      }
    }
    ASSERT_EQ(marked.size(), 2U);
    const auto old = repository_->list_files(FileKind::kIndex);
    repository_->save_document(FileKind::kIndex, encode_index(live, marked));
    for (const StoredFile& file : old) repository_->remove_file(FileKind::kIndex, file.name);
    repository_ = fixture_.open(store_);
  }
  bool marked(const BlobHandle& blob) {
    const auto at = repository_->index().find(blob);
    return at &&
           repository_->index().marked_since(repository_->index().entries(blob.type)[*at].pack) != nullptr;
  }
  const std::string recently_ = "2026-11-22T01:00:00+02:00", long_ago_ = "2026-11-20T12:00:00Z";
};

TEST_F(MarkedPacks, AreNotReferredToAnewButStillRead) {
  save(1);
  save(2);
  mark(0, recently_);
  const auto report = check(*repository_);
  EXPECT_TRUE(report.clean()) << joined(report.errors);
  EXPECT_EQ(report.orphaned_packs, 0U);
  expect_loadable(*repository_, repository_->find_snapshot(ids_[0].hex()), data_[0]);
  EXPECT_FALSE(repository_->has_blob({BlobType::kData, BlobId{codec::sha256(data_[0])}}));
  EXPECT_FALSE(repository_->save_blob(BlobType::kData, data_[0]).known);
  EXPECT_TRUE(repository_->save_blob(BlobType::kData, data_[1]).known);
}

TEST_F(MarkedPacks, StayForADayAndAreDeletedThen) {
  save(1);
  save(2);
  save(3);
  mark(0, recently_);
  repository_->remove_snapshot(ids_[0]);
  repository_->remove_snapshot(ids_[2]);
  const BlobHandle blob{BlobType::kData, BlobId{codec::sha256(data_[0])}};
  auto plan = prune(*repository_);
  EXPECT_EQ(plan.remove.size(), 2U);  // of the third snapshot
  EXPECT_TRUE(plan.unreferenced.empty());
  EXPECT_EQ(repository_->list_files(FileKind::kPack).size(), 4U);
  EXPECT_TRUE(marked(blob)) << "the mark is lost";
  fixture_.clock.advance(std::chrono::hours(13));
  plan = prune(*repository_);
  EXPECT_EQ(plan.remove.size(), 2U);
  EXPECT_EQ(repository_->list_files(FileKind::kPack).size(), 2U);
  EXPECT_FALSE(repository_->index().find(blob));
  EXPECT_TRUE(check(*repository_).clean());
}

TEST_F(MarkedPacks, ComeBackWhenASnapshotNeedsThem) {
  save(1);
  save(2);
  mark(0, long_ago_);
  const auto plan = prune(*repository_);
  EXPECT_EQ(plan.revived.size(), 2U);
  EXPECT_TRUE(plan.remove.empty());
  EXPECT_FALSE(marked({BlobType::kData, BlobId{codec::sha256(data_[0])}}));
  EXPECT_TRUE(repository_->has_blob({BlobType::kData, BlobId{codec::sha256(data_[0])}}));
  expect_loadable(*repository_, repository_->find_snapshot(ids_[0].hex()), data_[0]);
  EXPECT_TRUE(check(*repository_).clean());
}

TEST_F(Maintenance, CountsRawData) {
  save(1);
  save(2);
  const auto all = raw_data_statistics(*repository_, repository_->list_snapshots(), {});
  EXPECT_EQ(all.snapshots, 2U);
  EXPECT_EQ(all.blobs, 6U);
  EXPECT_GT(all.size, 40'000U);
  EXPECT_GT(all.uncompressed_size, all.size);
  EXPECT_EQ(raw_data_statistics(*repository_, {repository_->find_snapshot("latest")}, {}).blobs, 3U);
}

TEST(TreeReferences, AcceptsAnyOrderSpacesAndUnknownMembers) {
  const std::string id(64, 'a'), tree(64, 'b');
  std::vector<std::string> seen, problems;
  const TreeVisitor visitor{
      .on_content = [&](const BlobId& blob) { seen.push_back("data " + blob.short_hex()); },
      .on_subtree = [&](const BlobId& blob) { seen.push_back("tree " + blob.short_hex()); },
      .on_problem = [&](std::string_view node,
                        std::string_view what) { problems.push_back(fmt::format("{}: {}", node, what)); }};
  scan_tree(
      fmt::format(
          R"( {{ "x": 1, "nodes" : [ {{"content":["{}" , "{}"], "type":"file", "new":{{"a":[]}}, "name":"f"}},
      {{"subtree":"{}","content":null,"type":"dir","name":"d"}} ] }} )",
          id, id, tree),
      visitor);
  EXPECT_EQ(seen, (std::vector<std::string>{"data aaaaaaaa", "data aaaaaaaa", "tree bbbbbbbb"}));
  EXPECT_TRUE(problems.empty());
  scan_tree(
      R"({"nodes":[{"name":"d","type":"dir"},{"name":"f","type":"file"},{"type":"file","content":[]},{"name":"x","type":"y"}]})",
      visitor);
  EXPECT_EQ(problems.size(), 4U);
  scan_tree("{\"nodes\":[]}\n", visitor);
  EXPECT_THROW(scan_tree("", visitor), base::Error);
  EXPECT_THROW(scan_tree("[]", visitor), base::Error);
  EXPECT_THROW(scan_tree(R"({"nodes":[{"content":["xyz"]}]})", visitor), base::Error);
}

TEST(SizeText, ReadsResticsSizes) {
  EXPECT_EQ(parse_size("500"), 500U);
  EXPECT_EQ(parse_size("64k"), 65536U);
  EXPECT_EQ(parse_size("1.5G"), 1610612736U);
  EXPECT_EQ(parse_size("2T"), std::uint64_t{2} << 40);
  for (const char* wrong : {"", "k", "1x", "-1", "1e30T"}) EXPECT_FALSE(parse_size(wrong)) << wrong;
}

}  // namespace
}  // namespace salvor::repository
