#include "archive/snapshot_folders.h"

#include <gtest/gtest.h>

namespace salvor::archive {
namespace {

using repository::Snapshot;

Snapshot make(const std::string& time, std::vector<std::string> tags = {}, const std::string& host = "web") {
  Snapshot snapshot;
  snapshot.time = time;
  snapshot.tags = std::move(tags);
  snapshot.hostname = host;
  snapshot.username = "root";
  static std::uint8_t number = 0;
  snapshot.id.bytes[0] = ++number;
  return snapshot;
}

std::vector<std::string> names(const SnapshotFolder& folder) {
  std::vector<std::string> all;
  for (const auto& [name, below] : folder.folders) all.push_back(name + "/");
  for (const auto& [name, snapshot] : folder.snapshots) all.push_back(name);
  for (const auto& [name, target] : folder.links) all.push_back(name + " -> " + target);
  return all;
}

using Names = std::vector<std::string>;

TEST(SnapshotFolders, TheUsualTemplatesGiveIdsSnapshotsHostsAndTags) {
  const auto root = make_snapshot_folders(
      {make("2026-01-01T10:00:00+01:00", {"a", "b"}), make("2026-01-02T10:00:00.5Z", {}, "db")}, {});
  EXPECT_EQ(names(*root), (Names{"hosts/", "ids/", "snapshots/", "tags/"}));
  EXPECT_EQ(root->folders.at("ids")->snapshots.size(), 2u);
  EXPECT_TRUE(root->folders.at("ids")->links.empty());
  EXPECT_EQ(names(*root->folders.at("snapshots")),
            (Names{"2026-01-01T10:00:00+01:00", "2026-01-02T10:00:00Z", "latest -> 2026-01-02T10:00:00Z"}));
  EXPECT_EQ(names(*root->folders.at("hosts")), (Names{"db/", "web/"}));
  EXPECT_EQ(names(*root->folders.at("hosts")->folders.at("web")),
            (Names{"2026-01-01T10:00:00+01:00", "latest -> 2026-01-01T10:00:00+01:00"}));
  EXPECT_EQ(names(*root->folders.at("tags")), (Names{"a/", "b/"}));
}

TEST(SnapshotFolders, WithoutSnapshotsTheFoldersAreThere) {
  EXPECT_EQ(names(*make_snapshot_folders({}, {})), (Names{"hosts/", "ids/", "snapshots/", "tags/"}));
}

TEST(SnapshotFolders, NamesThatCollideAreNumbered) {
  const auto root = make_snapshot_folders(
      {make("2026-01-01T10:00:00Z"), make("2026-01-01T10:00:00.3Z"), make("2026-01-01T10:00:00.9Z")},
      {{"by/%T"}, "2006-01-02"});
  EXPECT_EQ(names(*root->folders.at("by")),
            (Names{"2026-01-01", "2026-01-01-1", "2026-01-01-2", "latest -> 2026-01-01-2"}));
}

TEST(SnapshotFolders, ATagOrHostIsOneComponentWhateverItHolds) {
  const auto root = make_snapshot_folders({make("2026-01-01T10:00:00Z", {"../../etc", ".."}, "a/b")},
                                          {{"t/%t/%i", "h/%h/%%"}, "2006"});
  EXPECT_EQ(names(*root->folders.at("t")), (Names{".._.._etc/", "_/"}));
  EXPECT_EQ(names(*root->folders.at("h")), (Names{"a_b/"}));
  EXPECT_EQ(names(*root->folders.at("h")->folders.at("a_b")), (Names{"%"}));
}

TEST(SnapshotFolders, ASnapshotIsNoFolderForOthers) {
  const auto root = make_snapshot_folders({make("2026-01-01T10:00:00Z")}, {{"%h", "%h/%T"}, "2006"});
  EXPECT_EQ(names(*root), (Names{"web"}));
}

}  // namespace
}  // namespace salvor::archive
