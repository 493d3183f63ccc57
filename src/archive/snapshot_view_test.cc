#include "archive/snapshot_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>

#include "archive/archive_test_support.h"
#include "base/error.h"
#include "storage/decorators.h"
#include "storage/memory_object_store.h"

namespace salvor::archive {
namespace {

namespace fs = std::filesystem;
using base::ErrorCode;
using ::testing::ElementsAre;
using testing::noise;
using testing::write;

class SnapshotViewTest : public ::testing::Test {
 protected:
  SnapshotViewTest() : store_(storage::with_counting(storage::make_memory_object_store(clock_), counters_)) {
    fs::create_directories(source_ / "sub");
    write(source_ / "a", "hello\n");
    write(source_ / "sub" / "large", noise(1, 5'000'000));
    fs::create_symlink("sub/large", source_ / "link");
    fs::create_hard_link(source_ / "a", source_ / "b");
    write(source_ / "odd\nname\xff", "odd");
    repository::Environment environment{.clock = clock_, .random = random_, .logger = {}};
    environment.key_derivation = codec::ScryptParameters{2, 8, 1};
    repository::Repository::init(*store_, "x", environment);
    repository_ = repository::Repository::open(store_, "x", environment);
    backup("first");
  }
  void backup(const std::string& tag) {
    repository::Environment environment{.clock = clock_, .random = random_, .logger = {}};
    const auto writer = repository::Repository::open(store_, "x", environment);
    BackupRequest request;
    request.relative_root = source_;
    request.hostname = "web";
    request.tags = {tag};
    backup_directories(*writer, request, nullptr, {}, {});
  }
  ErrorCode code_of(const std::function<void()>& function) {
    try {
      function();
    } catch (const base::Error& error) {
      return error.code();
    }
    ADD_FAILURE() << "nothing was thrown";
    return ErrorCode::kInternal;
  }
  static std::vector<std::string> names(SnapshotView& view, const std::string& path) {
    std::vector<std::string> all;
    for (const auto& [name, status] : view.list(path)) all.push_back(name);
    return all;
  }
  std::string content(SnapshotView& view, const std::string& path, std::size_t step) {
    const auto file = view.open(path);
    std::string all, part(step, '\0');
    while (const std::size_t got = view.read(*file, all.size(), part.data(), step)) all.append(part, 0, got);
    return all;
  }

  base::ManualClock clock_{*base::parse_rfc3339("2026-01-01T10:00:00Z")};
  base::SeededRandom random_{1};
  base::TempDir directory_;
  const fs::path source_ = directory_.path() / "source";
  storage::Counters counters_;
  std::shared_ptr<storage::ObjectStore> store_;
  std::unique_ptr<repository::Repository> repository_;
};

TEST_F(SnapshotViewTest, ShowsFilesAsTheyWere) {
  SnapshotView view(*repository_, {.uid = 7, .gid = 8}, {});
  const std::string root = "/tags/first/2026-01-01T10:00:00Z";
  EXPECT_THAT(names(view, "/"), ElementsAre("hosts", "ids", "snapshots", "tags"));
  EXPECT_THAT(names(view, "/snapshots"), ElementsAre("2026-01-01T10:00:00Z", "latest"));
  EXPECT_EQ(view.link_target("/snapshots/latest"), "2026-01-01T10:00:00Z");
  EXPECT_THAT(names(view, root), ElementsAre("a", "b", "link", "odd\nname\xff", "sub"));
  EXPECT_EQ(content(view, root + "/a", 100), "hello\n");
  EXPECT_EQ(content(view, root + "/odd\nname\xff", 100), "odd");
  EXPECT_EQ(view.link_target(root + "/link"), "sub/large");

  struct stat real {};
  ASSERT_EQ(lstat((source_ / "a").c_str(), &real), 0);
  const ViewStatus status = view.status(root + "/a");
  EXPECT_EQ(status.mode, real.st_mode);
  EXPECT_EQ(status.links, 2u);
  EXPECT_EQ(status.size, 6u);
  EXPECT_EQ(status.uid, real.st_uid);
  EXPECT_EQ(status.mtime.seconds, real.st_mtim.tv_sec);
  EXPECT_EQ(status.inode, view.status(root + "/b").inode);
  EXPECT_NE(status.inode, view.status(root + "/link").inode);
  EXPECT_EQ(view.status(root).mode, static_cast<std::uint32_t>(S_IFDIR) | 0555U);
  EXPECT_EQ(view.status("/hosts").uid, 7u);
}

TEST_F(SnapshotViewTest, ReadsAnyRangeOfALargeFile) {
  SnapshotView view(*repository_, {}, {});
  const std::string path = "/hosts/web/2026-01-01T10:00:00Z/sub/large", expected = noise(1, 5'000'000);
  EXPECT_TRUE(content(view, path, 131'072) == expected);
  EXPECT_TRUE(content(view, path, 5'000'001) == expected);
  const auto file = view.open(path);
  ASSERT_GT(file->ends.size(), 1u) << "the test needs a file of several blobs";
  std::string part(3000, '\0');
  EXPECT_EQ(view.read(*file, file->ends[0] - 1000, part.data(), 3000), 3000u);
  EXPECT_TRUE(part == expected.substr(file->ends[0] - 1000, 3000));
  EXPECT_EQ(view.read(*file, 4'999'999, part.data(), 3000), 1u);
  EXPECT_EQ(view.read(*file, 5'000'000, part.data(), 3000), 0u);
  EXPECT_EQ(view.read(*file, UINT64_MAX / 2, part.data(), 3000), 0u);
}

TEST_F(SnapshotViewTest, WhatIsNotThereIsNotFound) {
  SnapshotView view(*repository_, {}, {});
  for (const char* path :
       {"/nope", "/ids/nope", "/snapshots/latest/a", "/snapshots/2026-01-01T10:00:00Z/nope",
        "/snapshots/2026-01-01T10:00:00Z/a/below"}) {
    EXPECT_EQ(code_of([&] { view.status(path); }), ErrorCode::kNotFound) << path;
  }
  EXPECT_EQ(code_of([&] { view.open("/snapshots/2026-01-01T10:00:00Z/sub"); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([&] { view.list("/snapshots/2026-01-01T10:00:00Z/a"); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([&] { view.link_target("/snapshots/2026-01-01T10:00:00Z/a"); }),
            ErrorCode::kInvalidArgument);
}

TEST_F(SnapshotViewTest, NewSnapshotsAreSeenAMinuteLaterWithTheirBlobs) {
  SnapshotView view(*repository_, {}, {});
  EXPECT_EQ(view.list("/ids").size(), 1u);
  clock_.advance(std::chrono::seconds(30));
  write(source_ / "new", noise(2, 10'000));
  backup("second");
  EXPECT_EQ(view.list("/ids").size(), 1u) << "asked less than a minute ago";
  clock_.advance(std::chrono::seconds(31));
  EXPECT_EQ(view.list("/ids").size(), 2u);
  EXPECT_TRUE(content(view, "/tags/second/2026-01-01T10:00:30Z/new", 4096) == noise(2, 10'000));
  EXPECT_EQ(view.link_target("/snapshots/latest"), "2026-01-01T10:00:30Z");
}

TEST_F(SnapshotViewTest, AClockThatIsSetBackDoesNotFreezeTheList) {
  SnapshotView view(*repository_, {}, {});
  EXPECT_EQ(view.list("/ids").size(), 1u);
  clock_.advance(-std::chrono::hours(5));
  backup("earlier");
  EXPECT_EQ(view.list("/ids").size(), 2u);
}

TEST_F(SnapshotViewTest, OnlySnapshotsThatPassTheFilterAreShown) {
  backup("other");
  SnapshotView view(
      *repository_,
      {.filter = [](const repository::Snapshot& snapshot) { return snapshot.tags.front() == "other"; }}, {});
  EXPECT_EQ(view.list("/ids").size(), 1u);
  EXPECT_THAT(names(view, "/tags"), ElementsAre("other"));
}

TEST_F(SnapshotViewTest, BlobsAreKeptUpToTheLimitAndNotReadTwice) {
  SnapshotView view(*repository_, {.cache_bytes = 8'000'000}, {});
  const std::string path = "/hosts/web/2026-01-01T10:00:00Z/sub/large";
  content(view, path, 100'000);
  const std::uint64_t before = counters_.bytes_read;
  content(view, path, 100'000);
  EXPECT_EQ(counters_.bytes_read, before) << "everything fits into the cache";

  BlobCache cache(*repository_, 1'000'000);
  const auto file = view.open(path);
  for (const auto& id : file->content) cache.get({repository::BlobType::kData, id}, {});
  EXPECT_LE(cache.bytes(), 8u * 1024 * 1024) << "one blob stays, however large";
  const auto last = repository_->blob_size({repository::BlobType::kData, file->content.back()});
  EXPECT_GE(cache.bytes(), *last);
}

TEST_F(SnapshotViewTest, NamesThatNoFileCanHaveAreNotShown) {
  repository_->load_index();
  LocalZone zone;
  std::string json = "{\"nodes\":[";
  for (const char* name : {"..", "../evil", "/etc/evil", "good"}) {
    Node node;
    node.name = name;
    if (json.back() == '}') json += ',';
    encode_node(json, node, zone);
  }
  repository::Snapshot snapshot = repository_->find_snapshot("latest");
  snapshot.tree = repository_->save_blob(repository::BlobType::kTree, json + "]}\n").id;
  repository_->flush();
  snapshot.tags = {"evil"};
  repository_->save_snapshot(snapshot);
  SnapshotView view(*repository_, {}, {});
  EXPECT_THAT(names(view, "/tags/evil/2026-01-01T10:00:00Z"), ElementsAre("good"));
  EXPECT_EQ(code_of([&] { view.status("/tags/evil/2026-01-01T10:00:00Z/.."); }), ErrorCode::kNotFound);
}

TEST_F(SnapshotViewTest, ManyThreadsReadAtOnce) {
  SnapshotView view(*repository_, {.cache_bytes = 2'000'000}, {});
  const std::string path = "/hosts/web/2026-01-01T10:00:00Z/sub/large", expected = noise(1, 5'000'000);
  std::atomic<int> wrong = 0;
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      const auto file = view.open(path);
      std::string part(50'000, '\0');
      for (std::size_t at = i * 10'000; at + part.size() < expected.size(); at += 500'000) {
        if (view.read(*file, at, part.data(), part.size()) != part.size() ||
            part != expected.substr(at, part.size())) {
          ++wrong;
        }
      }
    });
  }
  threads.clear();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace salvor::archive
