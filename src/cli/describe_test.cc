// Descriptions against what the real Velero printed of the same objects. Its object store could not be read
// from the client then, so that the golden text holds errors in place of what lies there.
#include <gtest/gtest.h>

#include "cli/cli_test_support.h"
#include "cli/describe_backup.h"
#include "cli/describe_restore.h"
#include "cli/schedule_commands.h"

namespace salvor::cli {
namespace {

using codec::Json;

class Describe : public ::testing::Test {
 protected:
  Describe() { context_.flags.colorized = "true"; }

  // What Go's HTTP client said of a file of the golden bucket.
  static std::string cannot_get(const std::string& path) {
    return "Get \"file:///store/bucket/" + path + "\": unsupported protocol scheme \"file\"";
  }
  static BackupDetails unreadable(const std::string& bucket, const std::string& name) {
    const std::string directory = bucket + "/velero/backups/" + name + "/" + name;
    return {.results_error = cannot_get(directory + "-results.gz"),
            .volumes_error = cannot_get(directory + "-volumeinfo.json.gz"),
            .resource_list_error = cannot_get(directory + "-resource-list.json.gz")};
  }

  base::SystemClock clock_;
  base::SeededRandom random_{1};
  CommandContext context_{clock_, random_, {}};
};

TEST_F(Describe, ACompletedBackupReadsAsVelerosDoes) {
  const auto backup = velero::Backup::from_json(golden_object("Backup", "manual-full"));
  auto extra = unreadable("neurectomy-backups", "manual-full");
  extra.results_error.clear();
  EXPECT_EQ(describe_backup(context_, backup, extra, false), golden("backup-describe.txt"));
  EXPECT_EQ(describe_backup(context_, backup, extra, true), golden("backup-describe-details.txt"));
}

TEST_F(Describe, APartiallyFailedBackupWithHooksReadsAsVelerosDoes) {
  const std::string name = "neurectomy-daily-20261122215641";
  const auto backup = velero::Backup::from_json(golden_object("Backup", name));
  EXPECT_EQ(describe_backup(context_, backup, unreadable("neurectomy-backups-us-east-1", name), true),
            golden("backup-describe-partiallyfailed.txt"));
}

// Removes what we say beyond Velero: the object's own status.
Json without_own_status(Json document) {
  for (const char* key : {"phase", "completionTimestamp", "startTimestamp", "progress", "version",
                          "formatVersion", "hookStatus", "warnings", "errors"}) {
    document["status"].erase(key);
  }
  if (document["status"]["expiration"].is_string()) return document;
  return document;
}

TEST_F(Describe, TheJsonOfABackupHoldsVelerosDocument) {
  const auto backup = velero::Backup::from_json(golden_object("Backup", "manual-full"));
  auto extra = unreadable("neurectomy-backups", "manual-full");
  EXPECT_EQ(codec::to_json(without_own_status(describe_backup_json(backup, extra, false)), 4, false) + "\n",
            golden("backup-describe-json.txt"));
  EXPECT_EQ(codec::to_json(without_own_status(describe_backup_json(backup, extra, true)), 4, false) + "\n",
            golden("backup-describe-details-json.txt"));
}

TEST_F(Describe, TheJsonOfABackupHoldsTheObjectsOwnStatus) {
  const auto backup = velero::Backup::from_json(golden_object("Backup", "manual-full"));
  const Json status = describe_backup_json(backup, {}, false)["status"];
  EXPECT_EQ(status["phase"], "Completed");
  EXPECT_EQ(status["completionTimestamp"], "2026-11-22T21:57:09Z");
  EXPECT_EQ(status["progress"]["totalItems"], 59);
}

TEST_F(Describe, ABackupThatHasNotStartedIsNew) {
  velero::Backup backup;
  backup.metadata = velero::ObjectMeta("velero", "b");
  EXPECT_EQ(describe_backup_json(backup, {}, false)["phase"], "New");
  EXPECT_NE(describe_backup(context_, backup, {}, false).find("Phase:  \x1b[33mNew\x1b[0m\n"),
            std::string::npos);
}

TEST_F(Describe, ResultsArePrintedByNamespace) {
  const auto backup = velero::Backup::from_json(golden_object("Backup", "neurectomy-daily-20261122215641"));
  BackupDetails extra;
  extra.results.emplace();
  extra.results->errors.add("monitoring", "first");
  extra.results->errors.add("monitoring", "second");
  const std::string text = describe_backup(context_, backup, extra, false);
  EXPECT_NE(
      text.find("Errors:\n  Velero:   <none>\n  Cluster:  <none>\n  Namespaces:\n    monitoring:  first\n"
                "                 second\n"),
      std::string::npos)
      << text;
}

velero::VolumeInfo csi_volume() {
  velero::VolumeInfo volume;
  volume.pvc_name = "data";
  volume.pvc_namespace = "app";
  volume.backup_method = "CSISnapshot";
  volume.result = "succeeded";
  volume.csi_snapshot_info = {{"snapshotHandle", "snap-1"},
                              {"size", 1073741824},
                              {"driver", "disk.example.io"},
                              {"vscName", "snapcontent-1"},
                              {"ReadyToUse", true}};
  return volume;
}

TEST_F(Describe, CsiSnapshotsOfABackupReadAsVelerosDo) {
  const auto backup = velero::Backup::from_json(golden_object("Backup", "manual-full"));
  BackupDetails extra;
  extra.volumes = {csi_volume()};
  EXPECT_NE(describe_backup(context_, backup, extra, false)
                .find("\n  CSI Snapshots:\n    app/data:\n"
                      "      Snapshot: included, specify --details for more information\n"),
            std::string::npos);
  EXPECT_NE(describe_backup(context_, backup, extra, true)
                .find("\n  CSI Snapshots:\n    app/data:\n      Snapshot:\n"
                      "        Snapshot Content Name: snapcontent-1\n        Storage Snapshot ID: snap-1\n"
                      "        Snapshot Size (bytes): 1073741824\n        CSI Driver: disk.example.io\n"
                      "        Result: succeeded\n"),
            std::string::npos);
  const Json json = describe_backup_json(backup, extra, true)["status"]["backupVolumes"]["csiSnapshots"];
  EXPECT_EQ(json["app/data"]["snapshot"]["storageSnapshotID"], "snap-1");
  EXPECT_EQ(json["app/data"]["snapshot"]["snapshotSize(bytes)"], 1073741824);
}

TEST_F(Describe, CsiSnapshotsOfARestoreReadAsVelerosDo) {
  const auto restore = velero::Restore::from_json(golden_object("Restore", "rt-1"));
  RestoreDetails extra;
  extra.volumes = Json::array();
  EXPECT_NE(
      describe_restore(context_, restore, extra, true).find("\nCSI Snapshot Restores: <none included>\n"),
      std::string::npos);
  extra.volumes->push_back({{"pvcName", "data"},
                            {"pvcNamespace", "app"},
                            {"restoreMethod", "CSISnapshot"},
                            {"csiSnapshotInfo", csi_volume().csi_snapshot_info}});
  EXPECT_NE(describe_restore(context_, restore, extra, true)
                .find("\nCSI Snapshot Restores:\n  app/data:\n    Snapshot:\n"
                      "      Snapshot Content Name: snapcontent-1\n      Storage Snapshot ID: snap-1\n"
                      "      CSI Driver: disk.example.io\n"),
            std::string::npos);
}

// A line that Velero prints when it cannot read which volumes were restored; ours does not read them.
std::string without_volume_info(const std::string& text) {
  const size_t at = text.find("              <error getting restore volume info");
  return at == std::string::npos ? text : text.substr(0, at) + text.substr(text.find('\n', at) + 1);
}

TEST_F(Describe, RestoresReadAsVelerosDo) {
  for (const auto& [name, file, details] : {std::tuple{"rt-1", "restore-describe.txt", true},
                                            std::tuple{"rt-2", "restore-describe-2.txt", false}}) {
    const auto restore = velero::Restore::from_json(golden_object("Restore", name));
    const std::string path = std::string("neurectomy-backups/velero/restores/") + name + "/restore-" + name;
    RestoreDetails extra{.results_error = cannot_get(path + "-results.gz"),
                         .resource_list_error = cannot_get(path + "-resource-list.json.gz")};
    EXPECT_EQ(describe_restore(context_, restore, extra, details), without_volume_info(golden(file)));
  }
}

TEST_F(Describe, ASchedulesTemplateIsIndented) {
  const auto schedule = velero::Schedule::from_json(golden_object("Schedule", "neurectomy-daily"));
  EXPECT_EQ(describe_schedule(context_, schedule), golden("schedule-describe.txt"));
}

}  // namespace
}  // namespace salvor::cli
