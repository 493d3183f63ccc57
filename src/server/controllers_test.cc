// Each reconciler by itself, on a clock that stands still, against an API server in memory and a store in a
// directory.
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
#include "server/schedule_controller.h"
#include "velero/bucket_layout.h"

namespace salvor::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(ControllersTest, AScheduleMakesABackupWhenItIsDueAndNotBefore) {
  create_schedule("0 2 * * *");
  ScheduleController schedules(context_);
  EXPECT_EQ(schedules.reconcile("daily", {}), Controller::Requeue(30s));
  EXPECT_EQ(phase(resources::kSchedules, "daily"), "Enabled");
  EXPECT_THAT(names(resources::kBackups), IsEmpty());

  clock_.advance(31s);
  EXPECT_EQ(schedules.reconcile("daily", {}), Controller::Requeue(1min));
  ASSERT_THAT(names(resources::kBackups), ElementsAre("daily-20261122020001"));
  const auto backup = get(resources::kBackups, "daily-20261122020001");
  EXPECT_EQ(backup["metadata"]["labels"].dump(),
            R"({"backup-tier":"critical","velero.io/schedule-name":"daily"})");
  EXPECT_EQ(text(backup, {"spec", "ttl"}), "720h0m0s");
  EXPECT_EQ(text(get(resources::kSchedules, "daily"), {"status", "lastBackup"}), "2026-11-22T02:00:01Z");
  schedules.reconcile("daily", {});
  EXPECT_EQ(names(resources::kBackups).size(), 1u);
}

TEST_F(ControllersTest, MissedRunsCollapseIntoOneAndAnOpenBackupDelaysTheNext) {
  create_schedule("@every 1h");
  ScheduleController schedules(context_);
  clock_.advance(std::chrono::hours(50));
  schedules.reconcile("daily", {});
  ASSERT_EQ(names(resources::kBackups).size(), 1u);
  clock_.advance(std::chrono::hours(2));
  EXPECT_EQ(schedules.reconcile("daily", {}), Controller::Requeue(1min));
  EXPECT_EQ(names(resources::kBackups).size(), 1u);
  api_.client().patch(resources::kBackups, {"velero", names(resources::kBackups)[0]}, kube::PatchType::kMerge,
                      {{"status", {{"phase", "Completed"}}}});
  schedules.reconcile("daily", {});
  EXPECT_EQ(names(resources::kBackups).size(), 2u);
}

TEST_F(ControllersTest, PausedMalformedAndSkippedSchedulesMakeNoBackup) {
  ScheduleController schedules(context_);
  create_schedule("@every 1m", {{"paused", true}});
  clock_.advance(std::chrono::hours(1));
  EXPECT_EQ(schedules.reconcile("daily", {}), std::nullopt);
  api_.client().patch(resources::kSchedules, {"velero", "daily"}, kube::PatchType::kMerge,
                      {{"spec", {{"paused", false}, {"skipImmediately", true}}}});
  schedules.reconcile("daily", {});
  EXPECT_THAT(names(resources::kBackups), IsEmpty());
  EXPECT_EQ(get(resources::kSchedules, "daily")["spec"]["skipImmediately"], false);
  api_.client().patch(resources::kSchedules, {"velero", "daily"}, kube::PatchType::kMerge,
                      {{"spec", {{"schedule", "61 * * * *"}}}});
  EXPECT_EQ(schedules.reconcile("daily", {}), std::nullopt);
  const auto schedule = get(resources::kSchedules, "daily");
  EXPECT_EQ(text(schedule, {"status", "phase"}), "FailedValidation");
  EXPECT_THAT(schedule["status"]["validationErrors"][0].get<std::string>(), HasSubstr("invalid schedule: "));
}

TEST_F(ControllersTest, OwnerReferencesAreSetOnlyWhenAskedFor) {
  velero::Schedule schedule;
  schedule.metadata = velero::ObjectMeta("velero", "s");
  EXPECT_FALSE(backup_of_schedule(schedule, clock_.now()).metadata.fields().contains("ownerReferences"));
  schedule.spec.use_owner_references_in_backup = true;
  schedule.spec.template_spec.metadata.labels = {{"a", "b"}};
  const auto backup = backup_of_schedule(schedule, clock_.now());
  EXPECT_EQ(backup.metadata.fields()["ownerReferences"][0]["kind"], "Schedule");
  EXPECT_EQ(backup.metadata.label("a"), "b");
}

TEST_F(ControllersTest, ALocationIsValidatedOnceAMinuteAndWhenItsSpecChanges) {
  create_location();
  LocationController locations(context_);
  EXPECT_EQ(locations.reconcile("default", {}), Controller::Requeue(1min));
  EXPECT_EQ(phase(resources::kBackupStorageLocations, "default"), "Available");
  clock_.advance(20s);
  EXPECT_EQ(locations.reconcile("default", {}), Controller::Requeue(40s));
  api_.client().patch(resources::kBackupStorageLocations, {"velero", "default"}, kube::PatchType::kMerge,
                      {{"spec", {{"objectStorage", {{"bucket", "absent"}}}}}});
  locations.reconcile("default", {});
  const auto location = get(resources::kBackupStorageLocations, "default");
  EXPECT_EQ(text(location, {"status", "phase"}), "Unavailable");
  EXPECT_THAT(text(location, {"status", "message"}), HasSubstr("absent"));
  EXPECT_EQ(text(location, {"status", "lastValidationTime"}), "2026-11-22T01:59:50Z");
  EXPECT_EQ(metrics_.value("velero_backup_location_status_gauge", {{"backup_location_name", "default"}}), 0);
}

TEST_F(ControllersTest, OfSeveralDefaultLocationsTheNewestStays) {
  create_location("old", {{"default", true}});
  clock_.advance(1h);
  create_location("new", {{"default", true}});
  LocationController locations(context_);
  locations.reconcile("old", {});
  locations.reconcile("new", {});
  EXPECT_FALSE(get(resources::kBackupStorageLocations, "old")["spec"].value("default", false));
  EXPECT_TRUE(get(resources::kBackupStorageLocations, "new")["spec"].value("default", false));
}

TEST_F(ControllersTest, SyncTakesBackupsOfTheBucketIntoTheClusterAndDropsVanishedOnes) {
  create_location();
  put_backup("found");
  put_backup("unfinished", "Finalizing");
  create(resources::kBackups, "Backup", "vanished", {{"storageLocation", "default"}},
         {{"phase", "Completed"}});
  create(resources::kBackups, "Backup", "failed", {{"storageLocation", "default"}}, {{"phase", "Failed"}});
  create(resources::kBackups, "Backup", "of-another", {{"storageLocation", "far"}}, {{"phase", "Completed"}});
  BackupSync sync(context_);
  EXPECT_EQ(sync.reconcile("default", {}), Controller::Requeue(1min));
  EXPECT_THAT(names(resources::kBackups), ElementsAre("failed", "found", "of-another"));
  const auto found = get(resources::kBackups, "found");
  EXPECT_EQ(text(found, {"spec", "storageLocation"}), "default");
  EXPECT_EQ(text(found, {"status", "phase"}), "Completed");
  EXPECT_EQ(text(found, {"metadata", "namespace"}), "velero");
  EXPECT_NE(kube::uid_of(found), "foreign-uid");
  EXPECT_EQ(found["metadata"]["labels"]["velero.io/storage-location"], "default");
  const auto volume = get(resources::kPodVolumeBackups, "found-vol1");
  EXPECT_EQ(volume["metadata"]["labels"]["velero.io/backup-uid"], kube::uid_of(found));
  EXPECT_EQ(volume["metadata"]["ownerReferences"][0]["uid"], kube::uid_of(found));
  EXPECT_EQ(text(get(resources::kBackupStorageLocations, "default"), {"status", "lastSyncedTime"}),
            "2026-11-22T01:59:30Z");
}

TEST_F(ControllersTest, DeletionRemovesSnapshotsFilesRestoresAndAtLastTheBackup) {
  create_location();
  put_backup("b");
  create(resources::kBackups, "Backup", "b", {{"storageLocation", "default"}}, {{"phase", "Completed"}});
  create(resources::kRestores, "Restore", "r", {{"backupName", "b"}}, {{"phase", "Completed"}});
  create(resources::kRestores, "Restore", "other", {{"backupName", "c"}}, {{"phase", "Completed"}});
  create(resources::kDeleteBackupRequests, "DeleteBackupRequest", "b-1", {{"backupName", "b"}});
  std::vector<std::string> forgotten;
  volumes_.forget = [&](const velero::PodVolumeBackup& volume, const base::CancelToken&) {
    forgotten.push_back(volume.status.snapshot_id + "@" + volume.spec.backup_storage_location);
  };
  BackupDeletion deletion(context_, volumes_);
  deletion.reconcile("b-1", {});
  EXPECT_THAT(forgotten, ElementsAre("abc@default"));
  EXPECT_THAT(names(resources::kBackups), IsEmpty());
  EXPECT_THAT(names(resources::kRestores), ElementsAre("other"));
  EXPECT_THAT(names(resources::kDeleteBackupRequests), IsEmpty());
  velero::BackupStore store(stores_.open(stores_.location("default")));
  EXPECT_FALSE(store.backup_exists("b"));
  EXPECT_EQ(metrics_.value("velero_backup_deletion_success_total", {{"schedule", ""}}), 1);
}

TEST_F(ControllersTest, ADeletionThatFailsKeepsTheFilesAndSaysWhy) {
  create_location();
  put_backup("b");
  create(resources::kBackups, "Backup", "b", {{"storageLocation", "default"}}, {{"phase", "Completed"}});
  create(resources::kDeleteBackupRequests, "DeleteBackupRequest", "b-1", {{"backupName", "b"}});
  volumes_.forget = [](const velero::PodVolumeBackup&, const base::CancelToken&) {
    base::fail(base::ErrorCode::kUnavailable, "repository is away");
  };
  BackupDeletion deletion(context_, volumes_);
  deletion.reconcile("b-1", {});
  const auto request = get(resources::kDeleteBackupRequests, "b-1");
  EXPECT_EQ(text(request, {"status", "phase"}), "Processed");
  EXPECT_THAT(request["status"]["errors"][0].get<std::string>(), HasSubstr("repository is away"));
  EXPECT_EQ(phase(resources::kBackups, "b"), "Deleting");
  velero::BackupStore store(stores_.open(stores_.location("default")));
  EXPECT_TRUE(store.backup_exists("b"));
  EXPECT_EQ(deletion.reconcile("b-1", {}), Controller::Requeue(24h));
  clock_.advance(25h);
  deletion.reconcile("b-1", {});
  EXPECT_THAT(names(resources::kDeleteBackupRequests), IsEmpty());
}

TEST_F(ControllersTest, DeletionsThatCannotBeAreProcessedWithTheReason) {
  create_location("default", {{"accessMode", "ReadOnly"}});
  create(resources::kBackups, "Backup", "running", {{"storageLocation", "default"}},
         {{"phase", "InProgress"}});
  create(resources::kBackups, "Backup", "nowhere", {{"storageLocation", "gone"}}, {{"phase", "Completed"}});
  create(resources::kBackups, "Backup", "fixed", {{"storageLocation", "default"}}, {{"phase", "Completed"}});
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"running", "backup is still in progress"},
      {"nowhere", "backup storage location gone not found"},
      {"fixed", "read-only"},
      {"absent", "backup not found"},
      {"", "spec.backupName is required"}};
  BackupDeletion deletion(context_, volumes_);
  for (const auto& [backup, reason] : cases) {
    const auto name = "delete-" + backup;
    create(resources::kDeleteBackupRequests, "DeleteBackupRequest", name, {{"backupName", backup}});
    deletion.reconcile(name, {});
    EXPECT_THAT(get(resources::kDeleteBackupRequests, name)["status"]["errors"][0].get<std::string>(),
                HasSubstr(reason));
  }
}

TEST_F(ControllersTest, ExpiredBackupsAreDeletedByARequest) {
  create_location();
  create(resources::kBackups, "Backup", "b", {{"storageLocation", "default"}},
         {{"phase", "Completed"}, {"expiration", "2026-11-22T02:30:00Z"}});
  GarbageCollector collector(context_);
  EXPECT_EQ(collector.reconcile("b", {}), Controller::Requeue(30min + 30s));
  EXPECT_THAT(names(resources::kDeleteBackupRequests), IsEmpty());
  clock_.advance(31min);
  collector.reconcile("b", {});
  collector.reconcile("b", {});
  ASSERT_EQ(names(resources::kDeleteBackupRequests).size(), 1u);
  api_.client().remove(resources::kBackupStorageLocations, {"velero", "default"});
  collector.reconcile("b", {});
  EXPECT_EQ(get(resources::kBackups, "b")["metadata"]["labels"]["velero.io/gc-failure"], "BSLNotFound");
}

TEST_F(ControllersTest, DownloadRequestsGetAUrlAndGoWhenItExpires) {
  create_location();
  put_backup("b");
  create(resources::kBackups, "Backup", "b", {{"storageLocation", "default"}}, {{"phase", "Completed"}});
  create(resources::kRestores, "Restore", "r", {{"backupName", "b"}}, {{"phase", "Completed"}});
  create(resources::kDownloadRequests, "DownloadRequest", "d",
         {{"target", {{"kind", "RestoreLog"}, {"name", "r"}}}});
  DownloadController downloads(context_);
  EXPECT_EQ(downloads.reconcile("d", {}), Controller::Requeue(10min));
  const auto request = get(resources::kDownloadRequests, "d");
  EXPECT_EQ(text(request, {"status", "phase"}), "Processed");
  EXPECT_THAT(
      text(request, {"status", "downloadURL"}),
      testing::AllOf(testing::StartsWith("file://"), testing::EndsWith("/restores/r/restore-r-logs.gz")));
  clock_.advance(11min);
  downloads.reconcile("d", {});
  EXPECT_THAT(names(resources::kDownloadRequests), IsEmpty());
}

TEST_F(ControllersTest, RequestsThatAskForWhatIsNotKnownAreToldSo) {
  create(resources::kDownloadRequests, "DownloadRequest", "field",
         {{"target", {{"kind", "BackupLog"}, {"name", "b"}, {"part", 2}}}});
  create(resources::kDownloadRequests, "DownloadRequest", "kind",
         {{"target", {{"kind", "BackupSecrets"}, {"name", "b"}}}});
  create(resources::kDownloadRequests, "DownloadRequest", "malformed", {{"target", "b"}});
  create(resources::kServerStatusRequests, "ServerStatusRequest", "s", {{"verbose", true}});
  DownloadController downloads(context_);
  for (const auto* name : {"field", "kind", "malformed"}) downloads.reconcile(name, {});
  StatusRequestController requests(context_);
  requests.reconcile("s", {});
  const auto message = [&](const kube::GroupVersionResource& gvr, const char* name) {
    EXPECT_EQ(phase(gvr, name), "Processed") << name;
    return text(get(gvr, name), {"status", "message"});
  };
  EXPECT_EQ(message(resources::kDownloadRequests, "field"), "spec.target.part: unknown field");
  EXPECT_THAT(message(resources::kDownloadRequests, "kind"), HasSubstr("\"BackupSecrets\""));
  EXPECT_THAT(message(resources::kDownloadRequests, "malformed"), HasSubstr("target"));
  EXPECT_EQ(message(resources::kServerStatusRequests, "s"), "spec.verbose: unknown field");
  EXPECT_EQ(text(get(resources::kServerStatusRequests, "s"), {"status", "serverVersion"}), "");
}

TEST_F(ControllersTest, StatusRequestsAreAnsweredAndRemovedAMinuteLater) {
  create(resources::kServerStatusRequests, "ServerStatusRequest", "s", Json::object());
  StatusRequestController requests(context_);
  requests.reconcile("s", {});
  EXPECT_EQ(text(get(resources::kServerStatusRequests, "s"), {"status", "serverVersion"}), options_.version);
  clock_.advance(61s);
  requests.reconcile("s", {});
  EXPECT_THAT(names(resources::kServerStatusRequests), IsEmpty());
}

TEST_F(ControllersTest, AnInvalidBackupFailsValidationWithAllReasons) {
  create(resources::kBackups, "Backup", "b", {{"storageLocation", "absent"}});
  BackupController backups(context_, volumes_);
  backups.reconcile("b", {});
  const auto backup = get(resources::kBackups, "b");
  EXPECT_EQ(text(backup, {"status", "phase"}), "FailedValidation");
  EXPECT_FALSE(backup["status"]["validationErrors"].empty());
  EXPECT_EQ(metrics_.value("velero_backup_validation_failure_total", {{"schedule", ""}}), 1);
}

TEST_F(ControllersTest, ADeletedRestoreLosesItsFilesAndItsFinalizer) {
  create_location();
  put_backup("b");
  create(resources::kBackups, "Backup", "b", {{"storageLocation", "default"}}, {{"phase", "Completed"}});
  auto restore =
      create(resources::kRestores, "Restore", "r", {{"backupName", "b"}}, {{"phase", "Completed"}});
  restore["metadata"]["finalizers"] = {velero::kRestoreFinalizer};
  api_.client().update(resources::kRestores, restore);
  velero::BackupStore store(stores_.open(stores_.location("default")));
  store.put_restore_object(velero::restore_key::results("r"), "{}");
  api_.client().remove(resources::kRestores, {"velero", "r"});
  RestoreController restores(context_, volumes_);
  restores.reconcile("r", {});
  EXPECT_THAT(names(resources::kRestores), IsEmpty());
  EXPECT_THAT(store.list_restores(), IsEmpty());
}

TEST_F(ControllersTest, ARestoreWithoutItsBackupFailsValidation) {
  create(resources::kRestores, "Restore", "r", {{"backupName", "absent"}});
  RestoreController restores(context_, volumes_);
  restores.reconcile("r", {});
  EXPECT_EQ(phase(resources::kRestores, "r"), "FailedValidation");
}

}  // namespace
}  // namespace salvor::server
