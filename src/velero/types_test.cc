#include "velero/types.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "codec/yaml.h"
#include "velero/constants.h"

namespace salvor::velero {
namespace {

using ::testing::ElementsAre;

std::string error_of(const std::string& json) {
  try {
    Backup::from_json(codec::parse_json(json, "test"));
    return "";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kInvalidArgument);
    return error.message();
  }
}

TEST(Types, ANewBackupIsWrittenAsVeleroPrintsIt) {
  Backup backup;
  backup.metadata = ObjectMeta("velero", "x");
  backup.spec.included_namespaces = {"a", "b"};
  backup.spec.label_selector = kube::LabelSelector::parse("app=z");
  backup.spec.snapshot_volumes = true;
  backup.spec.ttl = std::chrono::hours(24);
  EXPECT_EQ(
      codec::to_json(backup.to_json()),
      R"({"kind":"Backup","apiVersion":"velero.io/v1","metadata":{"name":"x","namespace":"velero"},"spec":)"
      R"({"metadata":{},"includedNamespaces":["a","b"],"labelSelector":{"matchLabels":{"app":"z"}},)"
      R"("snapshotVolumes":true,"ttl":"24h0m0s","hooks":{},"csiSnapshotTimeout":"0s",)"
      R"("itemOperationTimeout":"0s"},"status":{}})");
}

TEST(Types, MalformedFieldsAreNamed) {
  EXPECT_EQ(error_of(R"({"metadata":{"name":"n","namespace":"v"},"spec":{"ttl":"soon"}})"),
            R"(Backup "v/n": spec.ttl: invalid duration "soon")");
  EXPECT_EQ(error_of(R"({"metadata":{"name":"n"},"spec":{"snapshotVolumes":"yes"}})"),
            R"(Backup "n": spec.snapshotVolumes: expected a boolean, found a string)");
  EXPECT_EQ(error_of(R"({"spec":{"hooks":{"resources":[{"name":"h","pre":[{"exec":{"command":"ls"}}]}]}}})"),
            R"(Backup "": spec.hooks.resources[0].pre[0].exec.command: expected a list, found a string)");
  EXPECT_EQ(error_of(R"({"metadata":{"labels":{"a":1}}})"),
            R"(Backup "": metadata.labels["a"]: expected a string)");
  EXPECT_EQ(error_of(R"({"kind":"Restore"})"), R"(Backup "": kind: expected "Backup", found "Restore")");
  EXPECT_EQ(error_of(R"({"status":{"startTimestamp":"yesterday"}})"),
            R"(Backup "": status.startTimestamp: invalid time "yesterday")");
}

TEST(Types, MetadataSurvivesWithMembersWeDoNotKnow) {
  const std::string text =
      R"({"name":"n","namespace":"v","uid":"u","labels":{"a":"1"},"ownerReferences":[{"kind":"X"}],)"
      R"("finalizers":["f"],"managedFields":[{"manager":"m"}],"novel":{"x":1}})";
  ObjectMeta meta = ObjectMeta::from_json(codec::parse_json(text, "meta"));
  EXPECT_EQ(codec::to_json(meta.to_json()), text);
  meta.set_label("A", "2");
  meta.set_annotation("b", "3");
  meta.add_finalizer("g");
  meta.remove_finalizer("f");
  EXPECT_EQ(codec::to_json(meta.to_json()),
            R"({"name":"n","namespace":"v","uid":"u","labels":{"A":"2","a":"1"},"annotations":{"b":"3"},)"
            R"("ownerReferences":[{"kind":"X"}],"finalizers":["g"],"managedFields":[{"manager":"m"}],)"
            R"("novel":{"x":1}})");
  EXPECT_EQ(meta.label("a"), "1");
  EXPECT_EQ(meta.label("absent"), "");
}

TEST(Types, TheSeedsScheduleIsRead) {
  const auto documents = codec::parse_yaml(R"(
apiVersion: velero.io/v1
kind: Schedule
metadata: {name: neurectomy-daily, namespace: velero}
spec:
  schedule: "0 2 * * *"
  template:
    includedNamespaces: [neurectomy, monitoring]
    storageLocation: aws-primary
    volumeSnapshotLocations: [aws-ebs-us-east-1]
    ttl: 720h
    snapshotVolumes: true
)",
                                           "schedule");
  const Schedule schedule = Schedule::from_json(documents[0]);
  EXPECT_EQ(schedule.spec.schedule, "0 2 * * *");
  EXPECT_EQ(schedule.spec.template_spec.ttl, std::chrono::hours(720));
  EXPECT_THAT(schedule.spec.template_spec.included_namespaces, ElementsAre("neurectomy", "monitoring"));
  EXPECT_FALSE(schedule.spec.paused);
}

TEST(Types, LocationsRestoresAndPodVolumesRoundTrip) {
  const std::string location =
      R"({"kind":"BackupStorageLocation","apiVersion":"velero.io/v1","metadata":{"name":"l"},"spec":)"
      R"({"provider":"aws","config":{"region":"r"},"credential":{"name":"s","key":"k"},"objectStorage":)"
      R"({"bucket":"b","prefix":"p","caCert":"UEVN"},"default":true,"backupSyncPeriod":"0s"},"status":)"
      R"({"phase":"Available","lastSyncedTime":"2026-11-22T21:57:32Z"}})";
  const auto parsed = BackupStorageLocation::from_json(codec::parse_json(location, "l"));
  EXPECT_EQ(parsed.spec.object_storage->ca_cert, "PEM");
  EXPECT_EQ(parsed.spec.backup_sync_period, base::Duration::zero());
  EXPECT_EQ(parsed.spec.validation_frequency, std::nullopt);
  EXPECT_EQ(codec::to_json(parsed.to_json()), location);

  const std::string restore =
      R"({"kind":"Restore","apiVersion":"velero.io/v1","metadata":{"name":"r"},"spec":{"backupName":"b",)"
      R"("namespaceMapping":{"a":"b"},"restorePVs":false,"hooks":{"resources":[{"name":"h","postHooks":)"
      R"([{"init":{"initContainers":[{"name":"i","image":"x"}],"timeout":"1m0s"}}]}]},)"
      R"("itemOperationTimeout":"4h0m0s","uploaderConfig":{}},"status":{"phase":"Completed","warnings":5,)"
      R"("progress":{"totalItems":25,"itemsRestored":25}}})";
  EXPECT_EQ(codec::to_json(Restore::from_json(codec::parse_json(restore, "r")).to_json()), restore);

  const std::string pvb =
      R"({"kind":"PodVolumeBackup","apiVersion":"velero.io/v1","metadata":{"name":"p"},"spec":{"node":"n",)"
      R"("pod":{"kind":"Pod","namespace":"a","name":"p","uid":"u"},"volume":"v","backupStorageLocation":"l",)"
      R"("repoIdentifier":"r","uploaderType":"restic","tags":{"k":"v"}},"status":{"phase":"Completed",)"
      R"("snapshotID":"s","progress":{"totalBytes":5,"bytesDone":5}}})";
  EXPECT_EQ(codec::to_json(PodVolumeBackup::from_json(codec::parse_json(pvb, "p")).to_json()), pvb);
}

TEST(Types, LongNamesAreShortenedForLabels) {
  EXPECT_EQ(label_value("short"), "short");
  const std::string name(64, 'a');
  EXPECT_EQ(label_value(name).size(), 63u);
  EXPECT_EQ(label_value(name), std::string(57, 'a') + "ffe054");
}

}  // namespace
}  // namespace salvor::velero
