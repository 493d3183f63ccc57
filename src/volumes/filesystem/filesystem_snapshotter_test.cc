#include "volumes/filesystem/filesystem_snapshotter.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"

namespace salvor::volumes {
namespace {

namespace fs = std::filesystem;
using base::ErrorCode;

base::Error error_of(const std::function<void()>& function) {
  try {
    function();
  } catch (const base::Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return {ErrorCode::kInternal, ""};
}

const base::SystemClock kClock;

SnapshotterEnvironment test_environment(const base::Clock& clock = kClock) {
  return {clock, std::make_shared<base::SeededRandom>(7)};
}

Json local_volume(const std::string& path) {
  return {{"metadata", {{"name", "pv-1"}}}, {"spec", {{"local", {{"path", path}}}}}};
}

class FilesystemSnapshotterTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directory(volume_);
    base::write_file_atomic(volume_ / "file", "content");
  }
  std::vector<std::string> names_in(const fs::path& directory) {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(directory)) names.push_back(entry.path().filename());
    return names;
  }

  base::TempDir directory_;
  const fs::path volume_ = directory_.path() / "volume", root_ = directory_.path() / "snapshots";
  std::unique_ptr<VolumeSnapshotter> snapshotter_ =
      open_volume_snapshotter("salvor.io/filesystem", {{"root", root_}}, test_environment());
};

TEST_F(FilesystemSnapshotterTest, TakesLocalAndHostPathVolumesOnly) {
  EXPECT_EQ(snapshotter_->get_volume_id(local_volume("/data/x")), "/data/x");
  EXPECT_EQ(snapshotter_->get_volume_id({{"spec", {{"hostPath", {{"path", "/data/y"}}}}}}), "/data/y");
  EXPECT_EQ(snapshotter_->get_volume_id({{"spec", {{"csi", {{"driver", "ebs.csi.aws.com"}}}}}}), "");
}

TEST_F(FilesystemSnapshotterTest, WritesTheNewVolumeIntoThePersistentVolume) {
  EXPECT_EQ(snapshotter_->set_volume_id(local_volume("/a"), "/b"), local_volume("/b"));
  const Json host_path = {{"spec", {{"hostPath", {{"path", "/a"}, {"type", "Directory"}}}}}};
  EXPECT_EQ(snapshotter_->set_volume_id(host_path, "/b").dump(),
            R"({"spec":{"hostPath":{"path":"/b","type":"Directory"}}})");
  EXPECT_EQ(error_of([&] { snapshotter_->set_volume_id(Json::object(), "/b"); }).code(),
            ErrorCode::kInvalidArgument);
}

TEST_F(FilesystemSnapshotterTest, ASnapshotHasTheContentOfItsMoment) {
  const std::string id = snapshotter_->create_snapshot(volume_, "", {{"velero.io/backup", "b1"}});
  base::write_file_atomic(volume_ / "file", "changed");
  fs::remove_all(volume_ / "file");
  const std::string restored = snapshotter_->create_volume_from_snapshot(id, "directory", "", std::nullopt);
  EXPECT_EQ(fs::path(restored).parent_path(), directory_.path());
  EXPECT_TRUE(fs::path(restored).filename().string().starts_with("volume-"));
  EXPECT_EQ(base::read_file(fs::path(restored) / "file"), "content");
  const Json manifest = codec::parse_json(base::read_file(root_ / id / "manifest.json"), "manifest");
  EXPECT_EQ(manifest["source"], volume_.string());
  EXPECT_EQ(manifest["tags"]["velero.io/backup"], "b1");
  EXPECT_EQ(snapshotter_->get_volume_info(restored, "").type, "directory");
}

TEST_F(FilesystemSnapshotterTest, RestoredVolumesGoWhereTheConfigSays) {
  const fs::path volumes = directory_.path() / "restored/here";
  const auto snapshotter =
      open_volume_snapshotter("filesystem", {{"root", root_}, {"volumes", volumes}}, test_environment());
  const std::string id = snapshotter->create_snapshot(volume_.string() + "/", "", {});
  const std::string first = snapshotter->create_volume_from_snapshot(id, "", "", std::nullopt);
  const std::string second = snapshotter->create_volume_from_snapshot(id, "", "", std::nullopt);
  EXPECT_NE(first, second);
  EXPECT_EQ(fs::path(first).parent_path(), volumes);
  EXPECT_EQ(names_in(volumes).size(), 2u);
}

TEST_F(FilesystemSnapshotterTest, DeletingIsRepeatable) {
  const std::string id = snapshotter_->create_snapshot(volume_, "", {});
  snapshotter_->delete_snapshot(id);
  snapshotter_->delete_snapshot(id);
  EXPECT_TRUE(fs::is_empty(root_));
  EXPECT_EQ(error_of([&] { snapshotter_->create_volume_from_snapshot(id, "", "", std::nullopt); }).code(),
            ErrorCode::kNotFound);
  EXPECT_TRUE(fs::exists(volume_ / "file"));
}

TEST_F(FilesystemSnapshotterTest, IdsThatAreNoSnapshotsAreRefused) {
  for (const char* id : {"", "..", "snap-../../volume", "snap-0", "/etc", "snap-0123456789abcdeg"}) {
    EXPECT_EQ(error_of([&] { snapshotter_->delete_snapshot(id); }).code(), ErrorCode::kInvalidArgument) << id;
  }
}

TEST_F(FilesystemSnapshotterTest, AMissingVolumeIsNotFoundAndLeavesNothing) {
  EXPECT_EQ(error_of([&] { snapshotter_->create_snapshot(volume_ / "nowhere", "", {}); }).code(),
            ErrorCode::kNotFound);
  EXPECT_EQ(error_of([&] { snapshotter_->create_snapshot("relative", "", {}); }).code(),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of([&] { snapshotter_->get_volume_info("/nowhere/at/all", ""); }).code(),
            ErrorCode::kNotFound);
  EXPECT_FALSE(fs::exists(root_));
}

TEST_F(FilesystemSnapshotterTest, ACancelledSnapshotLeavesNothing) {
  base::CancelSource source;
  source.cancel();
  EXPECT_EQ(error_of([&] { snapshotter_->create_snapshot(volume_, "", {}, source.token()); }).code(),
            ErrorCode::kCancelled);
  EXPECT_TRUE(fs::is_empty(root_));
}

TEST_F(FilesystemSnapshotterTest, SnapshotsInsideTheVolumeAreRefused) {
  const auto inside =
      open_volume_snapshotter("filesystem", {{"root", volume_ / "snapshots"}}, test_environment());
  EXPECT_EQ(error_of([&] { inside->create_snapshot(volume_, "", {}); }).code(), ErrorCode::kInvalidArgument);
}

TEST_F(FilesystemSnapshotterTest, WhatAKilledProcessLeftGoesAfterADay) {
  snapshotter_->create_snapshot(volume_, "", {});
  fs::create_directories(root_ / ".salvor-snap-0/data");
  snapshotter_->create_snapshot(volume_, "", {});
  EXPECT_TRUE(fs::exists(root_ / ".salvor-snap-0"));
  const base::ManualClock later(kClock.now() + std::chrono::hours(25));
  open_volume_snapshotter("filesystem", {{"root", root_}}, {later, std::make_shared<base::SeededRandom>(8)})
      ->create_snapshot(volume_, "", {});
  EXPECT_FALSE(fs::exists(root_ / ".salvor-snap-0"));
}

TEST(SnapshotProviders, UnknownOnesAreNamed) {
  base::Error error = error_of([] { open_volume_snapshotter("azure", {}, test_environment()); });
  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(error.message().find("\"azure\""), std::string::npos);
  error = error_of([] { open_volume_snapshotter("velero.io/aws", {{"region", "x"}}, test_environment()); });
  EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
  EXPECT_NE(error.message().find("\"velero.io/aws\" is not supported by this version"), std::string::npos);
}

TEST(SnapshotProviders, SettingsAreChecked) {
  for (const std::map<std::string, std::string>& config :
       std::initializer_list<std::map<std::string, std::string>>{{},
                                                                 {{"root", "relative"}},
                                                                 {{"root", "/a"}, {"region", "b"}},
                                                                 {{"root", "/a"}, {"volumes", "b"}}}) {
    EXPECT_EQ(error_of([&] { open_volume_snapshotter("filesystem", config, test_environment()); }).code(),
              ErrorCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace salvor::volumes
