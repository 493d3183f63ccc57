#include "archive/directory_restore.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <set>
#include <thread>

#include "archive/archive_test_support.h"
#include "archive/restore_verifier.h"
#include "archive/tree.h"
#include "storage/memory_object_store.h"

namespace salvor::archive {
namespace {

namespace fs = std::filesystem;
using repository::BlobType;
using testing::describe;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::write;

// With the directories above it.
void put(const fs::path& path, std::string_view data) {
  fs::create_directories(path.parent_path());
  write(path, data);
}

class DirectoryRestoreTest : public ::testing::Test {
 protected:
  DirectoryRestoreTest()
      : store_(storage::make_memory_object_store(world_.clock)), repository_(world_.create(store_)) {
    fs::create_directories(source_);
  }
  Node file(const std::string& name, const std::string& content) {
    Node node;
    node.name = name;
    node.mode = 0644;
    node.size = content.size();
    node.content = {repository_->save_blob(BlobType::kData, content).id};
    return node;
  }
  void save(const std::vector<std::string>& nodes) {
    std::string json = "{\"nodes\":[";
    for (std::size_t i = 0; i < nodes.size(); ++i) json += (i == 0 ? "" : ",") + nodes[i];
    repository::Snapshot snapshot;
    snapshot.tree = repository_->save_blob(BlobType::kTree, json + "]}\n").id;
    repository_->flush();
    snapshot.time = "2026-11-22T12:00:00Z";
    snapshot.paths = {"/"};
    snapshot.hostname = "host";
    repository_->save_snapshot(snapshot);
  }
  static std::string encode(const Node& node) {
    LocalZone zone;
    std::string json;
    encode_node(json, node, zone);
    return json;
  }

  testing::World world_;
  base::TempDir directory_;
  const fs::path source_ = directory_.path() / "source";
  const fs::path target_ = directory_.path() / "target";
  std::shared_ptr<storage::ObjectStore> store_;
  std::unique_ptr<repository::Repository> repository_;
};

TEST_F(DirectoryRestoreTest, NoMoreThreadsWriteThanWereAskedFor) {
  std::vector<std::string> nodes;
  for (int i = 0; i < 64; ++i) {
    nodes.push_back(encode(file("f" + std::to_string(i), "content " + std::to_string(i))));
    repository_->flush();  // so that each is in a pack of its own
  }
  save(nodes);
  const auto threads_of = [&](unsigned wanted, const fs::path& target) {
    RestoreRequest request;
    request.target = target;
    request.threads = wanted;
    std::set<std::thread::id> threads;
    request.on_item = [&](const RestoredItem& item) {
      if (!item.path.ends_with('/')) threads.insert(std::this_thread::get_id());
    };
    const auto report =
        restore_snapshot(*repository_, repository_->find_snapshot("latest"), request, nullptr, {}, {});
    EXPECT_THAT(report.errors, IsEmpty());
    EXPECT_EQ(report.files, 64U);
    return threads.size();
  };
  EXPECT_EQ(threads_of(1, target_ / "one"), 1U);
  EXPECT_LE(threads_of(3, target_ / "three"), 3U);
}

TEST_F(DirectoryRestoreTest, NamesThatLeadOutsideAreRefusedAndTheRestIsRestored) {
  fs::create_directories(target_);
  Node evil = file("..", "x");
  std::vector<std::string> nodes;
  for (const char* name : {"..", ".", "", "a/../../evil", "/etc/evil"}) {
    evil.name = name;
    nodes.push_back(encode(evil));
  }
  nodes.push_back(encode(file("good", "1")));
  save(nodes);
  const auto report = world_.restore(*repository_, target_);
  EXPECT_EQ(report.errors.size(), 5U);
  EXPECT_EQ(describe(target_).size(), 1U);
  EXPECT_EQ(base::read_file(target_ / "good"), "1");
  EXPECT_FALSE(fs::exists(directory_.path() / "evil"));
}

TEST_F(DirectoryRestoreTest, ALinkThatTakesADirectorysPlaceIsNotFollowed) {
  fs::create_directories(directory_.path() / "outside");
  Node link;
  link.name = "d";
  link.type = NodeType::kSymlink;
  link.link_target = (directory_.path() / "outside").string();
  TreeBuilder below;
  LocalZone zone;
  below.add(file("planted", "x"), zone);
  Node folder;
  folder.name = "d";
  folder.type = NodeType::kDirectory;
  folder.mode = to_go_mode(S_IFDIR | 0755);
  folder.subtree = repository_->save_blob(BlobType::kTree, below.finish()).id;
  save({encode(link), encode(folder), encode(link), encode(file("e", "y"))});
  world_.restore(*repository_, target_);
  EXPECT_TRUE(fs::is_empty(directory_.path() / "outside"));
  EXPECT_EQ(base::read_file(target_ / "e"), "y");
}

TEST_F(DirectoryRestoreTest, ALinkThatIsThereAlreadyIsReplacedByTheDirectory) {
  fs::create_directories(source_ / "d");
  write(source_ / "d" / "x", "1");
  world_.backup(*repository_, source_);
  fs::create_directories(directory_.path() / "outside");
  fs::create_directories(target_);
  fs::create_directory_symlink(directory_.path() / "outside", target_ / "d");
  EXPECT_THAT(world_.restore(*repository_, target_).errors, IsEmpty());
  EXPECT_EQ(testing::difference(source_, target_), "");
  EXPECT_TRUE(fs::is_empty(directory_.path() / "outside"));
}

TEST_F(DirectoryRestoreTest, ATruncatedPackIsNamedAndTheRestIsRestored) {
  write(source_ / "a", testing::noise(1, 300'000));
  world_.backup(*repository_, source_);
  write(source_ / "b", testing::noise(2, 300'000));
  world_.backup(*repository_, source_);
  // The pack that holds b's only blob.
  TreeReader tree(repository_->load_blob({BlobType::kTree, repository_->find_snapshot("latest").tree}),
                  "tree");
  Node node;
  while (tree.next(node) && node.name != "b") {
  }
  const std::string pack = repository_->locate({BlobType::kData, node.content.at(0)}).at(0).pack.hex();
  const std::string key = "data/" + pack.substr(0, 2) + "/" + pack;
  store_->put(key, store_->get(key).substr(0, 1000));
  const auto report = world_.restore(*repository_, target_);
  ASSERT_EQ(report.errors.size(), 1U);
  EXPECT_THAT(report.errors[0], HasSubstr(pack.substr(0, 8)));
  EXPECT_THAT(report.errors[0], HasSubstr("/b"));
  EXPECT_EQ(base::read_file(target_ / "a"), testing::noise(1, 300'000));
}

TEST_F(DirectoryRestoreTest, IncludesAndExcludesChoose) {
  testing::make_odd_directory(source_);
  world_.backup(*repository_, source_);
  RestoreRequest request;
  request.includes = {"/deep/er"};
  request.excludes = {"copy"};
  world_.restore(*repository_, target_, request);
  std::vector<std::string> names;
  for (const auto& [name, text] : describe(target_)) names.push_back(name);
  EXPECT_THAT(names, ::testing::ElementsAre("deep", "deep/er", "deep/er/est", "deep/er/est/leaf"));
  EXPECT_EQ(describe(target_)["deep/er"], describe(source_)["deep/er"]);
}

TEST_F(DirectoryRestoreTest, ASubfolderIsRestoredByItself) {
  testing::make_odd_directory(source_);
  world_.backup(*repository_, source_);
  RestoreRequest request;
  request.subfolder = "/deep/er";
  EXPECT_THAT(world_.restore(*repository_, target_, request).errors, IsEmpty());
  EXPECT_EQ(testing::difference(target_, source_ / "deep" / "er"), "");
  request.subfolder = "nowhere";
  EXPECT_THROW(world_.restore(*repository_, target_, request), base::Error);
}

TEST_F(DirectoryRestoreTest, WhatIsThereIsRepairedAndForeignFilesStay) {
  testing::make_odd_directory(source_);
  world_.backup(*repository_, source_);
  world_.restore(*repository_, target_);
  fs::create_directory(target_ / "lost+found");
  const base::Fd large(open((target_ / "large").c_str(), O_WRONLY));
  ASSERT_EQ(pwrite(large.get(), "damage", 6, 5'000'000), 6);
  fs::remove(target_ / "empty");
  const auto report = world_.restore(*repository_, target_);
  EXPECT_THAT(report.errors, IsEmpty());
  EXPECT_LT(report.bytes, 9'000'000U) << "only the damaged blob of the large file is fetched";
  EXPECT_TRUE(fs::remove(target_ / "lost+found"));
  EXPECT_EQ(testing::difference(source_, target_), "");
}

TEST_F(DirectoryRestoreTest, OverwriteModesAreHonoured) {
  write(source_ / "a", "from the snapshot");
  world_.backup(*repository_, source_);
  fs::create_directories(target_);
  RestoreRequest request;
  write(target_ / "a", "mine");
  request.overwrite = RestoreRequest::Overwrite::kNever;
  EXPECT_EQ(world_.restore(*repository_, target_, request).files_skipped, 1U);
  EXPECT_EQ(base::read_file(target_ / "a"), "mine");
  request.overwrite = RestoreRequest::Overwrite::kIfNewer;
  world_.restore(*repository_, target_, request);
  EXPECT_EQ(base::read_file(target_ / "a"), "mine") << "the snapshot's is older";
  request.overwrite = RestoreRequest::Overwrite::kIfChanged;
  world_.restore(*repository_, target_, request);
  EXPECT_EQ(base::read_file(target_ / "a"), "from the snapshot");
}

TEST_F(DirectoryRestoreTest, SparseLeavesHoles) {
  write(source_ / "holes", std::string(4 * 1024 * 1024, '\0') + "end");
  world_.backup(*repository_, source_);
  RestoreRequest request;
  request.sparse = true;
  request.verify = true;
  EXPECT_THAT(world_.restore(*repository_, target_, request).errors, IsEmpty());
  struct stat status {};
  stat((target_ / "holes").c_str(), &status);
  EXPECT_LT(status.st_blocks * 512, 1024 * 1024);
  EXPECT_EQ(testing::difference(source_, target_), "");
}

TEST_F(DirectoryRestoreTest, MoreFilesThanABatchHoldsComeBackWithTheirLinksAndFolders) {
  for (int i = 0; i < 10'000; ++i) {
    const fs::path folder = source_ / std::to_string(i % 50) / std::to_string(i % 7);
    if (i < 350) fs::create_directories(folder);
    write(folder / ("f" + std::to_string(i)), i % 3 == 0 ? std::string() : "content " + std::to_string(i));
  }
  write(source_ / "large", testing::noise(3, 9'000'000));
  // The names of one file are far from each other, and so in different batches.
  fs::create_hard_link(source_ / "0" / "0" / "f0", source_ / "zz");
  fs::create_hard_link(source_ / "0" / "0" / "f350", source_ / "9" / "first");
  fs::permissions(source_ / "1" / "1", fs::perms::owner_read | fs::perms::owner_exec);
  fs::permissions(source_ / "1", fs::perms::owner_read | fs::perms::owner_exec);
  world_.backup(*repository_, source_);
  const auto report = world_.restore(*repository_, target_);
  EXPECT_THAT(report.errors, IsEmpty());
  EXPECT_EQ(report.files, 10'003U);
  EXPECT_EQ(testing::difference(source_, target_), "");
  fs::permissions(source_ / "1", fs::perms::owner_all);
  fs::permissions(target_ / "1", fs::perms::owner_all);
}

TEST_F(DirectoryRestoreTest, ABlobThatIsUsedInManyPlacesIsWrittenToAllOfThem) {
  const std::string part = testing::noise(5, 600'000);
  Node twice = file("twice", part);
  twice.content.push_back(twice.content.front());
  twice.content.push_back(repository_->save_blob(BlobType::kData, "end").id);
  Node other = file("zother", part);
  save({encode(twice), encode(other)});
  const auto report = world_.restore(*repository_, target_);
  EXPECT_THAT(report.errors, IsEmpty());
  EXPECT_TRUE(base::read_file(target_ / "twice") == part + part + "end");
  EXPECT_TRUE(base::read_file(target_ / "zother") == part);
}

TEST_F(DirectoryRestoreTest, VerifyingNamesEveryFileThatDiffers) {
  std::vector<Node> nodes;
  std::vector<std::string> encoded;
  for (const char* name : {"right", "changed", "short", "long", "gone", "empty"}) {
    nodes.push_back(file(name, testing::noise(nodes.size(), 5'000'000)));
    nodes.back().content.push_back(repository_->save_blob(BlobType::kData, "end").id);
    if (nodes.size() == 6) nodes.back().content.clear();
    encoded.push_back(encode(nodes.back()));
  }
  save(encoded);
  EXPECT_THAT(world_.restore(*repository_, target_).errors, IsEmpty());
  fs::resize_file(target_ / "short", 5'000'002);
  write(target_ / "long", base::read_file(target_ / "long") + "x");
  std::string changed = base::read_file(target_ / "changed");
  changed[5'000'001] = 'x';
  write(target_ / "changed", changed);
  fs::remove(target_ / "gone");
  const RestoreTarget target(target_);
  std::vector<std::string> reported;
  const base::CancelToken cancel;
  RestoreVerifier verifier(*repository_, target, cancel,
                           [&](const std::string& item, const base::Error& error) {
                             reported.push_back(item + ": " + error.message());
                           });
  for (const Node& node : nodes) verifier.add("", node);
  EXPECT_EQ(verifier.finish(), 2U);
  EXPECT_THAT(reported,
              ::testing::UnorderedElementsAre(
                  HasSubstr("/changed: the restored file differs from the snapshot at offset 5000000"),
                  HasSubstr("/short: the restored file is too short"),
                  HasSubstr("/long: the restored file is too long"), HasSubstr("/gone: ")));
}

TEST_F(DirectoryRestoreTest, ADryRunWritesNothing) {
  testing::make_odd_directory(source_);
  const auto saved = world_.backup(*repository_, source_);
  RestoreRequest request;
  request.dry_run = true;
  EXPECT_EQ(world_.restore(*repository_, target_, request).files, saved.summary.total_files_processed);
  EXPECT_FALSE(fs::exists(target_));
}

TEST_F(DirectoryRestoreTest, DeleteRemovesWhatTheSnapshotHasNotAndFollowsNoLink) {
  put(source_ / "sub" / "kept", "1");
  put(source_ / "file", "2");
  world_.backup(*repository_, source_);
  const fs::path outside = directory_.path() / "outside";
  put(outside / "precious", "3");
  put(target_ / "sub" / "extra", "4");
  put(target_ / "extra" / "deep" / "file", "5");
  fs::create_directory_symlink(outside, target_ / "extra" / "link");
  fs::create_directory_symlink(outside, target_ / "link");
  std::vector<std::string> removed;
  RestoreRequest request;
  request.delete_extra = true;
  request.on_item = [&](const RestoredItem& item) {
    if (item.action == RestoredItem::Action::kDeleted)
      removed.push_back(fs::path(item.path).lexically_relative(target_));
  };
  request.dry_run = true;
  const auto planned = world_.restore(*repository_, target_, request);
  const std::vector<std::string> expected{"extra/deep", "extra/deep/file", "extra", "extra/link",
                                          "link",       "sub/extra"};
  EXPECT_THAT(removed, ::testing::UnorderedElementsAreArray(expected));
  EXPECT_TRUE(fs::exists(target_ / "extra" / "deep" / "file"));
  removed.clear();
  request.dry_run = false;
  const auto report = world_.restore(*repository_, target_, request);
  EXPECT_THAT(report.errors, IsEmpty());
  EXPECT_THAT(removed, ::testing::UnorderedElementsAreArray(expected));
  EXPECT_EQ(report.files_deleted, expected.size());
  EXPECT_EQ(planned.files_deleted, expected.size());
  EXPECT_EQ(testing::difference(source_, target_), "");
  EXPECT_EQ(base::read_file(outside / "precious"), "3");
}

TEST_F(DirectoryRestoreTest, DeleteRespectsIncludesAndKeepsWhatADamagedTreeMayHaveHeld) {
  put(source_ / "a.txt", "1");
  put(source_ / "sub" / "b.txt", "2");
  world_.backup(*repository_, source_);
  put(target_ / "old.txt", "3");
  put(target_ / "old.bin", "4");
  RestoreRequest request;
  request.delete_extra = true;
  request.includes = {"*.txt"};
  EXPECT_THAT(world_.restore(*repository_, target_, request).errors, IsEmpty());
  EXPECT_FALSE(fs::exists(target_ / "old.txt"));
  EXPECT_TRUE(fs::exists(target_ / "old.bin"));

  repository::Snapshot snapshot = repository_->find_snapshot("latest");
  const std::string json = repository_->load_blob({BlobType::kTree, snapshot.tree});
  snapshot.tree = repository_->save_blob(BlobType::kTree, json.substr(0, json.find("\"sub\"")) + "broken").id;
  repository_->flush();
  snapshot.time = "2099-01-01T00:00:00Z";
  repository_->save_snapshot(snapshot);
  put(target_ / "sub" / "b.txt", "2");
  request.includes.clear();
  EXPECT_FALSE(world_.restore(*repository_, target_, request).errors.empty());
  EXPECT_TRUE(fs::exists(target_ / "sub" / "b.txt")) << "the damaged tree may have named it";
}

TEST_F(DirectoryRestoreTest, ExtendedAttributesAreChosenByTheirNames) {
  put(source_ / "f", "1");
  const auto set = [](const fs::path& file, const char* name) {
    ASSERT_EQ(lsetxattr(file.c_str(), name, "v", 1, 0), 0);
  };
  const auto has = [](const fs::path& file, const char* name) {
    return lgetxattr(file.c_str(), name, nullptr, 0) >= 0;
  };
  set(source_ / "f", "user.one");
  set(source_ / "f", "user.two");
  world_.backup(*repository_, source_);
  RestoreRequest request;
  request.attribute_excludes = {"user.o*"};
  world_.restore(*repository_, target_, request);
  EXPECT_FALSE(has(target_ / "f", "user.one"));
  EXPECT_TRUE(has(target_ / "f", "user.two"));
  set(target_ / "f", "user.one");
  set(target_ / "f", "user.three");
  request.attribute_excludes.clear();
  request.attribute_includes = {"user.t*"};
  world_.restore(*repository_, target_, request);
  EXPECT_TRUE(has(target_ / "f", "user.one")) << "what is not included is left alone";
  EXPECT_TRUE(has(target_ / "f", "user.two"));
  EXPECT_FALSE(has(target_ / "f", "user.three")) << "the snapshot has none of that name";
  request.attribute_excludes = {"x"};
  EXPECT_THROW(world_.restore(*repository_, target_, request), base::Error);
}

TEST_F(DirectoryRestoreTest, OwnersByNameAreThisMachinesAndUnknownOnesRoot) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to give files away";
  Node known = file("known", "1"), unknown = file("unknown", "2");
  known.uid = known.gid = unknown.uid = unknown.gid = 4711;
  known.user = "daemon";
  known.group = "daemon";
  unknown.user = "nobody-has-this-name";
  save({encode(known), encode(unknown)});
  RestoreRequest request;
  request.ownership_by_name = true;
  world_.restore(*repository_, target_, request);
  struct stat status {};
  ASSERT_EQ(lstat((target_ / "known").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 1u);
  EXPECT_EQ(status.st_gid, 1u);
  ASSERT_EQ(lstat((target_ / "unknown").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 0u);
  world_.restore(*repository_, target_, {});
  ASSERT_EQ(lstat((target_ / "known").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 4711u);
}

}  // namespace
}  // namespace salvor::archive
