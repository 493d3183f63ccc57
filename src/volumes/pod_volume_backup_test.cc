#include "volumes/pod_volume_backup.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "repository/snapshot.h"
#include "velero/location_types.h"

namespace salvor::volumes {
namespace {

namespace fs = std::filesystem;
using base::ErrorCode;

const base::SystemClock kClock;

base::Error error_of(const std::function<void()>& function) {
  try {
    function();
  } catch (const base::Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return {ErrorCode::kInternal, ""};
}

velero::BackupStorageLocation location(const std::string& provider, std::map<std::string, std::string> config,
                                       const std::string& prefix) {
  velero::BackupStorageLocation found;
  found.spec.provider = provider;
  found.spec.config = std::move(config);
  found.spec.object_storage.emplace();
  found.spec.object_storage->bucket = "bucket";
  found.spec.object_storage->prefix = prefix;
  return found;
}

TEST(RepositoryUrls, AreVeleros) {
  EXPECT_EQ(repository_url(
                location("velero.io/aws", {{"s3Url", "http://minio:9000/"}, {"region", "minio"}}, "velero"),
                "shop"),
            "s3:http://minio:9000/bucket/velero/restic/shop");
  EXPECT_EQ(repository_url(location("aws", {{"region", "eu-west-1"}}, ""), "shop"),
            "s3:s3-eu-west-1.amazonaws.com/bucket/restic/shop");
  EXPECT_EQ(repository_url(location("aws", {}, "/a/b/"), "shop"),
            "s3:s3.amazonaws.com/bucket/a/b/restic/shop");
  EXPECT_EQ(repository_url(location("filesystem", {{"root", "/srv/buckets/"}}, "velero"), "shop"),
            "/srv/buckets/bucket/velero/restic/shop");
  EXPECT_EQ(
      repository_url(location("aws", {{"resticRepoPrefix", "s3:https://other/b/restic/"}}, "velero"), "shop"),
      "s3:https://other/b/restic/shop");
  EXPECT_EQ(error_of([] { repository_url(location("azure", {}, ""), "shop"); }).code(),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of([] { repository_url(location("aws", {}, ""), "a/../b"); }).code(),
            ErrorCode::kInvalidArgument);
}

class PodVolumeTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(buckets_ / "bucket");
    fs::create_directories(volume_path_);
    target_.bucket = {"filesystem", "bucket", {{"root", buckets_}}};
    target_.prefix = "velero";
    target_.name_space = "shop";
    target_.password = "secret";
  }

  static PodVolume pod_volume(const std::string& uid) {
    return {{{"metadata", {{"name", "web"}, {"namespace", "shop"}, {"uid", uid}}}, {"spec", Json::object()}},
            "data",
            std::nullopt};
  }
  VolumeBackupResult back_up(const std::string& parent = "") {
    return back_up_volume(access_, target_, *paths_,
                          {.volume = pod_volume("uid-1"),
                           .tags = {{"volume", "data"}, {"backup", "b1"}, {"ns", "shop"}},
                           .parent_snapshot = parent},
                          nullptr, {}, {});
  }
  VolumeRestoreResult restore(const std::string& snapshot, const std::string& restore_uid = "") {
    fs::create_directories(restored_path_);
    return restore_volume(
        access_, target_, *paths_,
        {.volume = pod_volume("uid-2"), .snapshot_id = snapshot, .restore_uid = restore_uid}, nullptr, {},
        {});
  }
  void write(const fs::path& name, std::string_view content) {
    fs::create_directories((volume_path_ / name).parent_path());
    base::write_file_atomic(volume_path_ / name, content);
  }
  base::ProcessResult restic(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"restic", "--no-cache", "-r", target_.url()});
    base::ProcessOptions options;
    options.environment = {{"RESTIC_PASSWORD", "secret"}, {"HOME", directory_.path()}};
    return base::run_process(arguments, options, std::chrono::minutes(2));
  }

  base::TempDir directory_;
  const fs::path buckets_ = directory_.path() / "buckets", pods_ = directory_.path() / "pods";
  const fs::path volume_path_ = pods_ / "uid-1/volumes/kubernetes.io~empty-dir/data";
  const fs::path restored_path_ = pods_ / "uid-2/volumes/kubernetes.io~empty-dir/data";
  base::SeededRandom random_{3};
  // A key derivation of one millisecond: these tests open many repositories.
  const repository::Environment environment_{
      .clock = kClock, .random = random_, .key_derivation = {{.n = 1024, .r = 8, .p = 1}}};
  RepositoryAccess access_{
      {kClock, std::make_shared<base::SeededRandom>(4)}, environment_, std::chrono::seconds(0)};
  const std::unique_ptr<VolumePathResolver> paths_ = node_volume_paths(pods_);
  RepositoryTarget target_;
};

TEST_F(PodVolumeTest, ComesBackAsItWas) {
  write("a/b/file", std::string(3'000'000, 'x'));
  write("top", "content");
  fs::create_symlink("a/b/file", volume_path_ / "link");
  const VolumeBackupResult backup = back_up();
  EXPECT_EQ(backup.snapshot_id.size(), 64u);
  EXPECT_EQ(backup.path, volume_path_.string());
  EXPECT_EQ(backup.bytes, 3'000'007u);
  EXPECT_GT(backup.bytes_added, 0u);
  const VolumeRestoreResult restored = restore(backup.snapshot_id);
  EXPECT_EQ(restored.path, restored_path_.string());
  EXPECT_EQ(restored.bytes, 3'000'007u);
  EXPECT_EQ(base::read_file(restored_path_ / "a/b/file"), std::string(3'000'000, 'x'));
  EXPECT_EQ(base::read_file(restored_path_ / "top"), "content");
  EXPECT_EQ(fs::read_symlink(restored_path_ / "link"), "a/b/file");
}

TEST_F(PodVolumeTest, TheSecondBackupAddsNearlyNothing) {
  write("file", std::string(1'000'000, 'x'));
  const VolumeBackupResult first = back_up();
  const VolumeBackupResult second = back_up(first.snapshot_id);
  EXPECT_NE(second.snapshot_id, first.snapshot_id);
  EXPECT_LT(second.bytes_added, 2000u);
  auto lease = access_.open(target_);
  const auto snapshot = lease.repository().find_snapshot(second.snapshot_id);
  EXPECT_EQ(snapshot.parent->hex(), first.snapshot_id);
  EXPECT_EQ(snapshot.tree, lease.repository().find_snapshot(first.snapshot_id).tree);
}

TEST_F(PodVolumeTest, AParentThatIsGoneIsNoObstacle) {
  write("file", "x");
  EXPECT_NE(back_up(std::string(64, 'a')).snapshot_id, "");
}

TEST_F(PodVolumeTest, SnapshotsAreThoseOfVelerosRestic) {
  write("file", "x");
  const VolumeBackupResult backup = back_up();
  const auto snapshot = access_.open(target_).repository().find_snapshot(backup.snapshot_id);
  EXPECT_EQ(snapshot.hostname, "velero");
  EXPECT_EQ(snapshot.paths, std::vector<std::string>{volume_path_.string()});
  EXPECT_EQ(snapshot.tags, (std::vector<std::string>{"backup=b1", "ns=shop", "volume=data"}));
}

TEST_F(PodVolumeTest, ResticReadsTheRepository) {
  try {
    base::run_process({"restic", "version"});
  } catch (const base::Error&) {
    GTEST_SKIP() << "restic is not installed";
  }
  write("dir/file", "content");
  const VolumeBackupResult backup = back_up();
  const auto check = restic({"check", "--read-data"});
  EXPECT_EQ(check.exit_code, 0) << check.output << check.error_output;
  const auto dump = restic({"dump", backup.snapshot_id, "/dir/file"});
  EXPECT_EQ(dump.output, "content") << dump.error_output;
}

TEST_F(PodVolumeTest, AnEmptyVolumeNeedsNoSnapshot) {
  const VolumeBackupResult backup = back_up();
  EXPECT_EQ(backup.snapshot_id, "");
  EXPECT_EQ(backup.message, kEmptyVolumeMessage);
}

TEST_F(PodVolumeTest, AVolumeThatIsNotOnThisNodeIsNotFound) {
  fs::remove_all(volume_path_);
  const base::Error error = error_of([&] { back_up(); });
  EXPECT_EQ(error.code(), ErrorCode::kNotFound);
  EXPECT_NE(error.message().find("volume \"data\" of pod \"shop/web\""), std::string::npos)
      << error.message();
}

TEST_F(PodVolumeTest, TheMarkerTellsThatTheRestoreIsComplete) {
  write("file", "x");
  write(".velero/old", "a marker that was backed up");
  const VolumeBackupResult backup = back_up();
  fs::create_directories(restored_path_ / ".velero");
  base::write_file_atomic(restored_path_ / ".velero/earlier", "");
  restore(backup.snapshot_id, "restore-uid");
  EXPECT_EQ(base::read_file(restored_path_ / ".velero/restore-uid"), "");
  EXPECT_FALSE(fs::exists(restored_path_ / ".velero/earlier"));
  EXPECT_FALSE(fs::exists(restored_path_ / ".velero/old"));
  EXPECT_EQ(error_of([&] { restore(backup.snapshot_id, "../x"); }).code(), ErrorCode::kInvalidArgument);
}

TEST_F(PodVolumeTest, RestoringWhatIsNotThereIsNotFound) {
  EXPECT_EQ(error_of([&] { restore(std::string(64, 'a')); }).code(), ErrorCode::kNotFound);
  write("file", "x");
  back_up();
  EXPECT_EQ(error_of([&] { restore(std::string(64, 'a')); }).code(), ErrorCode::kNotFound);
}

TEST_F(PodVolumeTest, AWrongPasswordIsNamed) {
  write("file", "x");
  back_up();
  target_.password = "wrong";
  const base::Error error = error_of([&] { back_up(); });
  EXPECT_EQ(error.code(), ErrorCode::kUnauthenticated);
  EXPECT_NE(error.message().find(fmt::format("cannot open repository \"{}\"", target_.url())),
            std::string::npos)
      << error.message();
  EXPECT_EQ(error_of([&] { access_.ensure(target_); }).code(), ErrorCode::kUnauthenticated);
}

TEST_F(PodVolumeTest, AMissingBucketIsNotMade) {
  fs::remove_all(buckets_ / "bucket");
  write("file", "x");
  EXPECT_EQ(error_of([&] { back_up(); }).code(), ErrorCode::kNotFound);
  EXPECT_FALSE(fs::exists(buckets_ / "bucket"));
}

TEST_F(PodVolumeTest, ConcurrentBackupsMakeOneRepository) {
  write("file", std::string(100'000, 'x'));
  std::vector<std::future<std::string>> backups;
  for (int i = 0; i < 4; ++i) {
    backups.push_back(std::async(std::launch::async, [&] { return back_up().snapshot_id; }));
  }
  std::set<std::string> ids;
  for (auto& backup : backups) ids.insert(backup.get());
  EXPECT_EQ(ids.size(), 4u);
  EXPECT_EQ(access_.open(target_).repository().list_snapshots().size(), 4u);
}

// Waits until all have come; false if they do not come in time.
class Meeting {
 public:
  explicit Meeting(int guests) : missing_(guests) {}
  bool come() {
    std::unique_lock lock(mutex_);
    --missing_;
    changed_.notify_all();
    return changed_.wait_for(lock, std::chrono::seconds(30), [&] { return missing_ <= 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int missing_;
};

TEST_F(PodVolumeTest, TwoVolumesOfANamespaceAreSavedAtTheSameTime) {
  write("file", "one");
  const auto other = pods_ / "uid-3/volumes/kubernetes.io~empty-dir/data";
  fs::create_directories(other);
  base::write_file_atomic(other / "file", "two");
  // Each is in the middle of its work, with its lease, until the other is there too.
  Meeting meeting(2);
  std::atomic<int> met = 0;
  const auto save = [&](const std::string& uid) {
    std::once_flag once;
    return back_up_volume(access_, target_, *paths_, {.volume = pod_volume(uid)},
                          [&](std::uint64_t, std::uint64_t) {
                            std::call_once(once, [&] { met += meeting.come() ? 1 : 0; });
                          },
                          {}, {})
        .snapshot_id;
  };
  auto first = std::async(std::launch::async, [&] { return save("uid-1"); });
  auto second = std::async(std::launch::async, [&] { return save("uid-3"); });
  const auto one = first.get(), two = second.get();
  EXPECT_EQ(met, 2);
  EXPECT_NE(one, two);
  EXPECT_EQ(access_.open(target_).repository().list_snapshots().size(), 2U);
  restore(two);
  EXPECT_EQ(base::read_file(restored_path_ / "file"), "two");
}

TEST_F(PodVolumeTest, APruneIsAloneAndWritersThatComeLaterWaitForIt) {
  auto first = std::make_unique<RepositoryAccess::Lease>(access_.open_or_init(target_));
  std::atomic<bool> pruned = false;
  auto prune = std::async(std::launch::async, [&] {
    access_.prune(target_);
    pruned = true;
  });
  // Writers get in beside the first one until the prune waits.
  const auto gets_in = [&] {
    base::CancelSource source;
    const std::jthread impatience([&](std::stop_token over) {
      std::mutex mutex;
      std::unique_lock lock(mutex);
      std::condition_variable_any().wait_for(lock, over, std::chrono::seconds(1), [] { return false; });
      source.cancel();
    });
    try {
      access_.open_or_init(target_, source.token());
      return true;
    } catch (const base::Error&) {
      return false;
    }
  };
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (gets_in() && std::chrono::steady_clock::now() < deadline) {
  }
  EXPECT_FALSE(pruned);
  auto later = std::async(std::launch::async, [&] {
    const auto lease = access_.open_or_init(target_);
    return pruned.load();
  });
  first.reset();
  prune.get();
  EXPECT_TRUE(later.get());
}

TEST_F(PodVolumeTest, WaitingForATurnHonoursTheToken) {
  const auto busy = access_.open_or_init(target_);
  base::CancelSource source;
  const std::jthread canceller([&] { source.cancel(); });
  EXPECT_EQ(error_of([&] { access_.prune(target_, source.token()); }).code(), ErrorCode::kCancelled);
}

TEST_F(PodVolumeTest, ForgettingIsRepeatable) {
  access_.forget(target_, std::string(64, 'a'));  // no repository yet
  write("file", "x");
  const VolumeBackupResult first = back_up();
  const VolumeBackupResult second = back_up();
  access_.forget(target_, first.snapshot_id);
  access_.forget(target_, first.snapshot_id);
  const auto left = access_.open(target_).repository().list_snapshots();
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].id.hex(), second.snapshot_id);
  EXPECT_EQ(error_of([&] { access_.forget(target_, "latest"); }).code(), ErrorCode::kInvalidArgument);
}

TEST_F(PodVolumeTest, ASnapshotIsForgottenByTheEightDigitsThatOldBackupsRecorded) {
  write("file", "x");
  const std::string id = back_up().snapshot_id;
  access_.forget(target_, id.substr(0, 8));
  EXPECT_TRUE(access_.open(target_).repository().list_snapshots().empty());
  access_.forget(target_, id.substr(0, 8));
  EXPECT_EQ(error_of([&] { access_.forget(target_, id.substr(0, 7)); }).code(), ErrorCode::kInvalidArgument);
}

TEST_F(PodVolumeTest, ResticRepoPrefixMovesTheRepository) {
  const fs::path elsewhere = directory_.path() / "restic";
  target_.bucket.config["resticRepoPrefix"] = elsewhere;
  write("file", "x");
  const VolumeBackupResult backup = back_up();
  EXPECT_TRUE(fs::exists(elsewhere / "shop/config"));
  restore(backup.snapshot_id);
  EXPECT_EQ(base::read_file(restored_path_ / "file"), "x");
}

TEST_F(PodVolumeTest, FilesThatComeAndGoDoNotFailIt) {
  write("stays", "x");
  for (int i = 0; i < 200; ++i) write(fmt::format("d/{}", i), "x");
  std::jthread churn([&](std::stop_token stop) {
    for (int round = 0; !stop.stop_requested(); ++round) {
      const fs::path name = volume_path_ / "d" / std::to_string(round % 200);
      std::error_code ignored;
      fs::remove(name, ignored);
      base::write_file_atomic(name, std::to_string(round));
    }
  });
  for (int i = 0; i < 5; ++i) EXPECT_NE(back_up().snapshot_id, "");
}

}  // namespace
}  // namespace salvor::volumes
