#include "archive/snapshot_rewrite.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "archive/archive_test_support.h"
#include "archive/recover.h"
#include "archive/tree.h"
#include "archive/tree_visit.h"
#include "repository/blob_index.h"
#include "repository/check.h"
#include "repository/repair_index.h"
#include "repository/repair_packs.h"

namespace salvor::archive {
namespace {

namespace fs = std::filesystem;
using repository::BlobType;
using repository::Snapshot;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Repositories of both versions in a directory, so that restic can look at them too.
class SnapshotRewriteTest : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    fs::create_directories(source_ / "deep" / "er");
    fs::create_directories(source_ / "empty");
    testing::write(source_ / "a.txt", "one\n");
    testing::write(source_ / "b.TMP", "two\n");
    testing::write(source_ / "deep" / "c.tmp", "three\n");
    testing::write(source_ / "deep" / "er" / "large", testing::noise(1, 3'000'000));
    fs::create_hard_link(source_ / "a.txt", source_ / "deep" / "hard");
    store_ = world_.directory_store(directory_.path() / "repository");
    repository_ = world_.create(store_, GetParam());
    world_.backup(*repository_, source_);
  }
  Snapshot latest() { return repository_->list_snapshots().back(); }
  std::vector<std::string> paths(const Snapshot& snapshot) {
    std::vector<std::string> all;
    visit_tree(*repository_, snapshot.tree,
               [&](const std::string& path, const Node&) {
                 all.push_back(path);
                 return true;
               },
               {});
    return all;
  }
  // The new snapshot, which must have been made.
  Snapshot rewrite(const RewriteRequest& request) {
    SnapshotRewriter rewriter(*repository_, request);
    const SnapshotChange change = rewriter.rewrite(latest(), {});
    EXPECT_TRUE(change.saved);
    return change.saved ? repository_->find_snapshot(change.saved->hex()) : Snapshot{};
  }
  void expect_sound() {
    const auto fresh = world_.open(store_);
    const auto report = repository::check_repository(*fresh, {.read_data = true, .read_data_subset = ""}, {});
    EXPECT_THAT(report.errors, IsEmpty());
    if (!testing::restic_installed()) return;
    const auto check =
        testing::restic(directory_.path() / "repository", directory_.path(), {"check", "--read-data"});
    EXPECT_EQ(check.exit_code, 0) << check.output << check.error_output;
    EXPECT_THAT(check.output, HasSubstr("no errors were found"));
  }
  // Of the n-th blob of the file "large".
  repository::PackId pack_of_large(std::size_t n) {
    std::optional<repository::BlobId> blob;
    visit_tree(*repository_, latest().tree,
               [&](const std::string&, const Node& node) {
                 if (node.name == "large") blob = node.content.at(n);
                 return true;
               },
               {});
    return repository_->locate({BlobType::kData, blob.value()}).front().pack;
  }
  fs::path file_of(const repository::PackId& pack) {
    return directory_.path() / "repository" / "data" / pack.hex().substr(0, 2) / pack.hex();
  }
  void save_snapshot_of(const std::string& tree_json) {
    Snapshot snapshot;
    snapshot.tree = repository_->save_blob(BlobType::kTree, tree_json).id;
    repository_->flush();
    snapshot.time = "2030-01-01T00:00:00Z";
    snapshot.paths = {"/x"};
    snapshot.hostname = "elsewhere";
    repository_->save_snapshot(snapshot);
  }

  testing::World world_;
  base::TempDir directory_;
  const fs::path source_ = directory_.path() / "source";
  std::shared_ptr<storage::ObjectStore> store_;
  std::unique_ptr<repository::Repository> repository_;
};

TEST_P(SnapshotRewriteTest, LeavesOutWhatIsExcluded) {
  const Snapshot before = latest();
  RewriteRequest request;
  request.case_insensitive_excludes.add("*.tmp", true);
  std::vector<std::string> left_out;
  request.on_left_out = [&](const std::string& path) { left_out.push_back(path); };
  const Snapshot after = rewrite(request);
  EXPECT_THAT(left_out, ElementsAre("/b.TMP", "/deep/c.tmp"));
  EXPECT_THAT(paths(after),
              ElementsAre("/a.txt", "/deep", "/deep/er", "/deep/er/large", "/deep/hard", "/empty"));
  EXPECT_EQ(after.original, before.id);
  EXPECT_THAT(after.tags, ElementsAre("rewrite"));
  EXPECT_EQ(after.time, before.time);
  EXPECT_EQ(after.summary->total_files_processed, 3U);
  EXPECT_EQ(after.summary->total_bytes_processed, 3'000'008U);
  EXPECT_THAT(repository_->list_snapshots(), SizeIs(2));
  expect_sound();
}

TEST_P(SnapshotRewriteTest, ExcludingMakesTheTreesThatABackupWithoutThemWouldHave) {
  RewriteRequest request;
  request.excludes.add("deep");
  const Snapshot after = rewrite(request);
  BackupRequest backup;
  backup.excludes = {"deep"};
  world_.backup(*repository_, source_, backup);
  EXPECT_EQ(after.tree, latest().tree);
}

TEST_P(SnapshotRewriteTest, IncludingKeepsTheWayToWhatIsIncluded) {
  RewriteRequest request;
  request.includes.add("er");
  request.forget = true;
  const Snapshot before = latest(), after = rewrite(request);
  EXPECT_THAT(paths(after), ElementsAre("/deep", "/deep/er", "/deep/er/large"));
  EXPECT_THAT(after.tags, IsEmpty());
  EXPECT_EQ(after.original, before.id);
  EXPECT_THAT(repository_->list_snapshots(), SizeIs(1));
  expect_sound();
}

TEST_P(SnapshotRewriteTest, NothingIncludedOrExcludedChangesNothing) {
  RewriteRequest request;
  request.excludes.add("no such file");
  EXPECT_FALSE(SnapshotRewriter(*repository_, request).rewrite(latest(), {}).changed);
  RewriteRequest none;
  none.includes.add("no such file");
  const auto change = SnapshotRewriter(*repository_, none).rewrite(latest(), {});
  EXPECT_FALSE(change.changed);
  EXPECT_TRUE(change.nothing_left);
  EXPECT_THAT(repository_->list_snapshots(), SizeIs(1));
}

TEST_P(SnapshotRewriteTest, DryRunWritesNothing) {
  const auto count = [&] {
    std::size_t objects = 0;
    storage::for_each_object(*store_, "", {}, [&](const storage::ObjectInfo&) { ++objects; });
    return objects;
  };
  const std::size_t before = count();
  RewriteRequest request;
  request.excludes.add("deep");
  request.dry_run = true;
  request.forget = true;
  EXPECT_TRUE(SnapshotRewriter(*repository_, request).rewrite(latest(), {}).changed);
  RepairRequest repair;
  repair.dry_run = true;
  EXPECT_FALSE(SnapshotRepairer(*repository_, repair).repair(latest(), {}).changed);
  repository_->flush();
  EXPECT_EQ(count(), before);
}

TEST_P(SnapshotRewriteTest, ChangesHostTimeAndSummary) {
  Snapshot bare = latest();
  bare.summary.reset();
  bare.time = "2030-01-01T00:00:00Z";
  repository_->save_snapshot(bare);
  RewriteRequest request;
  request.new_host = "new";
  request.new_time = "2031-02-03T04:05:06+01:00";
  request.add_summary = true;
  const Snapshot after = rewrite(request);
  EXPECT_EQ(after.hostname, "new");
  EXPECT_EQ(after.time, "2031-02-03T04:05:06+01:00");
  EXPECT_EQ(after.tree, bare.tree);
  EXPECT_EQ(after.summary->backup_start, "0001-01-01T00:00:00Z");
  EXPECT_EQ(after.summary->total_files_processed, 5U);
  EXPECT_EQ(after.summary->data_added, 0U);
  expect_sound();
}

constexpr const char* kForeignTree =
    R"({"nodes":[{"name":"x","type":"file","mode":420,"mtime":"2020-06-01T12:00:00.5+05:30","atime":"2020-06-01T12:00:00+02:00","ctime":"2020-01-01T12:00:00Z","uid":1,"gid":2,"user":"u\u0026","content":[]UNKNOWN},)"
    R"({"name":"y","type":"symlink","mtime":"2020-06-01T12:00:00Z","atime":"2020-06-01T12:00:00Z","ctime":"2020-06-01T12:00:00Z","uid":1,"gid":2,"linktarget":"z","content":null}]})"
    "\n";

std::string foreign_tree(const std::string& unknown) {
  std::string tree = kForeignTree;
  tree.replace(tree.find("UNKNOWN"), 7, unknown);
  return tree;
}

TEST_P(SnapshotRewriteTest, KeepsTheBytesOfNodesFromOtherZones) {
  save_snapshot_of(foreign_tree(""));
  RewriteRequest request;
  request.excludes.add("y");
  const Snapshot after = rewrite(request);
  const std::string tree = foreign_tree("");
  EXPECT_EQ(repository_->load_blob({BlobType::kTree, after.tree}),
            tree.substr(0, tree.find(",{\"name\":\"y\"")) + "]}\n");
}

TEST_P(SnapshotRewriteTest, RefusesATreeThatItCannotWriteAsItWas) {
  for (const char* unknown : {R"(,"future":1)", R"( )", R"(,"links":0)"}) {
    save_snapshot_of(foreign_tree(unknown));
    RewriteRequest request;
    request.excludes.add("y");
    try {
      SnapshotRewriter(*repository_, request).rewrite(latest(), {});
      ADD_FAILURE() << unknown;
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::ErrorCode::kUnsupported);
      EXPECT_THAT(error.message(), HasSubstr(latest().tree.hex()));
    }
    // What does not have to be written anew is no obstacle.
    RewriteRequest host;
    host.new_host = "other";
    host.forget = true;
    rewrite(host);
    repository_->remove_snapshot(latest().id);
  }
}

TEST_P(SnapshotRewriteTest, RepairCutsOutWhatIsLost) {
  const auto whole = paths(latest());
  const Snapshot before = latest();
  const auto pack = pack_of_large(0);
  fs::remove(file_of(pack));
  repository_ = world_.open(store_);
  repository::repair_index(*repository_, {}, {});
  RepairRequest request;
  std::vector<std::string> findings;
  request.on_finding = [&](const std::string& finding) { findings.push_back(finding); };
  const auto change = SnapshotRepairer(*repository_, request).repair(before, {});
  ASSERT_TRUE(change.saved);
  EXPECT_FALSE(change.removed);
  EXPECT_THAT(findings, ::testing::Contains(HasSubstr("file \"/deep/er/large\": removed missing content")));
  const Snapshot after = repository_->find_snapshot(change.saved->hex());
  EXPECT_THAT(after.tags, ElementsAre("repaired"));
  EXPECT_EQ(paths(after), whole);
  repository_->remove_snapshot(before.id);
  expect_sound();
  // A second time there is nothing to do.
  EXPECT_FALSE(SnapshotRepairer(*repository_, request).repair(after, {}).changed);
  const auto restored = world_.restore(*repository_, directory_.path() / "target");
  EXPECT_THAT(restored.errors, IsEmpty());
}

TEST_P(SnapshotRewriteTest, RepairPutsEmptyDirectoriesInPlaceOfUnreadableOnes) {
  const Snapshot before = latest();
  // The trees of a second backup lie in a pack of their own.
  testing::write(source_ / "deep" / "er" / "more", "more\n");
  world_.backup(*repository_, source_);
  std::optional<repository::BlobId> deep;
  visit_tree(*repository_, latest().tree,
             [&](const std::string& path, const Node& node) {
               if (path == "/deep") deep = node.subtree;
               return path.empty();
             },
             {});
  const auto location = repository_->locate({BlobType::kTree, deep.value()}).front();
  {
    std::string data = base::read_file(file_of(location.pack));
    data.at(location.offset + 20) = static_cast<char>(data.at(location.offset + 20) ^ 1);
    fs::remove(file_of(location.pack));
    base::write_file_atomic(file_of(location.pack), data);
  }
  repository_ = world_.open(store_);
  const auto packs = repository::repair_packs(*repository_, {location.pack}, {});
  EXPECT_THAT(packs.lost, ElementsAre(repository::BlobHandle{BlobType::kTree, *deep}));
  RepairRequest request;
  request.forget = true;
  std::vector<std::string> findings;
  request.on_finding = [&](const std::string& finding) { findings.push_back(finding); };
  SnapshotRepairer repairer(*repository_, request);
  EXPECT_FALSE(repairer.repair(before, {}).changed);
  EXPECT_TRUE(repairer.repair(latest(), {}).removed);
  EXPECT_THAT(findings, ElementsAre(HasSubstr("dir \"/deep\": replaced with empty directory")));
  EXPECT_THAT(paths(latest()), ElementsAre("/a.txt", "/b.TMP", "/deep", "/empty"));
  expect_sound();
}

TEST_P(SnapshotRewriteTest, RepairDropsASnapshotWithoutARoot) {
  Snapshot lost = latest();
  lost.tree.bytes[0] ^= 1;
  lost.time = "2030-01-01T00:00:00Z";
  repository_->save_snapshot(lost);
  const RepairRequest request;
  const auto change = SnapshotRepairer(*repository_, request).repair(latest(), {});
  EXPECT_TRUE(change.nothing_left);
  EXPECT_TRUE(change.removed);
  EXPECT_THAT(repository_->list_snapshots(), SizeIs(1));
  expect_sound();
}

TEST_P(SnapshotRewriteTest, RecoverFindsTreesThatNoSnapshotHas) {
  const Snapshot lost = latest();
  testing::write(source_ / "a.txt", "changed\n");
  world_.backup(*repository_, source_);
  repository_ = world_.open(store_);
  repository_->load_index();
  EXPECT_THAT(recover_roots(*repository_, {}).roots, IsEmpty());
  repository_->remove_snapshot(lost.id);
  const auto report = recover_roots(*repository_, {});
  EXPECT_THAT(report.roots, ElementsAre(lost.tree));
  const Snapshot recovered = repository_->find_snapshot(report.saved->hex());
  EXPECT_THAT(recovered.paths, ElementsAre("/recover"));
  EXPECT_THAT(recovered.tags, ElementsAre("recovered"));
  const std::string below = "/" + lost.tree.short_hex();
  EXPECT_THAT(paths(recovered), ::testing::Contains(below + "/deep/er/large"));
  EXPECT_THAT(recover_roots(*repository_, {}).roots, IsEmpty());
  expect_sound();
}

INSTANTIATE_TEST_SUITE_P(Versions, SnapshotRewriteTest, ::testing::Values(1, 2),
                         [](const auto& info) { return "V" + std::to_string(info.param); });

}  // namespace
}  // namespace salvor::archive
