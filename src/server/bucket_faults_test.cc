// The bucket goes away at each step of a backup's life: what cannot be done is said, nothing is lost for it,
// and it is done once the bucket is back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/backup_controller.h"
#include "server/backup_deletion.h"
#include "server/backup_sync.h"
#include "server/controllers_test_support.h"
#include "server/download_controller.h"
#include "server/garbage_collector.h"
#include "server/location_controller.h"
#include "server/restore_controller.h"

namespace salvor::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class BucketFaultsTest : public ControllersTest {
 protected:
  BucketFaultsTest() { create_location(); }
  void take_away() { std::filesystem::rename(dir_.path() / "bucket", dir_.path() / "away"); }
  void bring_back() { std::filesystem::rename(dir_.path() / "away", dir_.path() / "bucket"); }
  void validate() {
    clock_.advance(2min);
    LocationController(context_).reconcile("default", {});
  }
  BackupController backups_controller_{context_, volumes_};
};

TEST_F(BucketFaultsTest, ABackupIsNotStartedWhileItsLocationIsUnavailable) {
  take_away();
  validate();
  EXPECT_EQ(phase(resources::kBackupStorageLocations, "default"), "Unavailable");
  create(resources::kBackups, "Backup", "b", Json::object());
  backups_controller_.reconcile("b", {});
  EXPECT_EQ(phase(resources::kBackups, "b"), "FailedValidation");
  bring_back();
  validate();
  create(resources::kBackups, "Backup", "c", Json::object());
  backups_controller_.reconcile("c", {});
  EXPECT_EQ(phase(resources::kBackups, "c"), "Completed");
}

TEST_F(BucketFaultsTest, ABackupWhoseBucketGoesBeforeItsFirstWriteFailsWithTheReason) {
  take_away();
  create(resources::kBackups, "Backup", "b", Json::object());
  backups_controller_.reconcile("b", {});
  const auto backup = get(resources::kBackups, "b");
  EXPECT_EQ(text(backup, {"status", "phase"}), "Failed");
  EXPECT_THAT(text(backup, {"status", "failureReason"}), HasSubstr("bucket"));
  EXPECT_EQ(metrics_.value("velero_backup_failure_total", {{"schedule", ""}}), 1);
}

TEST_F(BucketFaultsTest, ABackupWhoseBucketGoesInTheMiddleFailsAndLeavesNothingThatLooksLikeOne) {
  create(resources::kBackups, "Backup", "b", Json::object());
  bool gone = false;
  api_.on_request([&](const net::ServerRequest& request) {
    if (gone || !context_.backups.is_running("b") || request.path != "/apis") return;
    gone = true;
    take_away();
  });
  backups_controller_.reconcile("b", {});
  EXPECT_EQ(phase(resources::kBackups, "b"), "Failed");
  bring_back();
  velero::BackupStore store(stores_.open(stores_.location("default")));
  EXPECT_THAT(store.list_backups(), IsEmpty());
}

TEST_F(BucketFaultsTest, ABucketThatIsAwayTakesNoBackupOutOfTheCluster) {
  put_backup("b");
  BackupSync sync(context_);
  sync.reconcile("default", {});
  ASSERT_THAT(names(resources::kBackups), ElementsAre("b"));
  take_away();
  clock_.advance(2min);
  sync.reconcile("default", {});
  EXPECT_THAT(names(resources::kBackups), ElementsAre("b"));
  bring_back();
  clock_.advance(2min);
  sync.reconcile("default", {});
  EXPECT_THAT(names(resources::kBackups), ElementsAre("b"));
}

TEST_F(BucketFaultsTest, ADeletionWithoutTheBucketKeepsTheBackupAndSucceedsLater) {
  put_backup("b");
  create(resources::kBackups, "Backup", "b", {{"storageLocation", "default"}}, {{"phase", "Completed"}});
  create(resources::kDeleteBackupRequests, "DeleteBackupRequest", "d1", {{"backupName", "b"}});
  volumes_.forget = [](const velero::PodVolumeBackup&, const base::CancelToken&) {};
  BackupDeletion deletion(context_, volumes_);
  take_away();
  deletion.reconcile("d1", {});
  EXPECT_THAT(names(resources::kBackups), ElementsAre("b"));
  EXPECT_FALSE(get(resources::kDeleteBackupRequests, "d1")["status"]["errors"].empty());
  bring_back();
  create(resources::kDeleteBackupRequests, "DeleteBackupRequest", "d2", {{"backupName", "b"}});
  deletion.reconcile("d2", {});
  EXPECT_THAT(names(resources::kBackups), IsEmpty());
}

TEST_F(BucketFaultsTest, ARestoreWithoutTheBucketFailsWithTheReason) {
  put_backup("b");
  create(resources::kBackups, "Backup", "b", {{"storageLocation", "default"}}, {{"phase", "Completed"}});
  create(resources::kRestores, "Restore", "r", {{"backupName", "b"}});
  take_away();
  RestoreController restores(context_, volumes_);
  restores.reconcile("r", {});
  const auto restore = get(resources::kRestores, "r");
  EXPECT_EQ(text(restore, {"status", "phase"}), "Failed");
  EXPECT_THAT(text(restore, {"status", "failureReason"}), HasSubstr("bucket"));
}

TEST_F(BucketFaultsTest, ABackupOfADeadServerWaitsForItsBucketBeforeItBeginsAnew) {
  create(resources::kBackups, "Backup", "b", {{"storageLocation", "default"}}, {{"phase", "InProgress"}});
  take_away();
  // Whether it lies there whole cannot be known now.
  EXPECT_THROW(backups_controller_.reconcile("b", {}), base::Error);
  EXPECT_EQ(phase(resources::kBackups, "b"), "InProgress");
  bring_back();
  backups_controller_.reconcile("b", {});
  backups_controller_.reconcile("b", {});
  EXPECT_EQ(phase(resources::kBackups, "b"), "Completed");
}

}  // namespace
}  // namespace salvor::server
