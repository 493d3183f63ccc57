// What create commands print instead of submitting, what they submit, and what they refuse.
#include <gtest/gtest.h>

#include "cli/cli_test_support.h"
#include "codec/yaml.h"
#include "kube/object.h"

namespace salvor::cli {
namespace {

using codec::Json;

class Create : public ::testing::Test {
 protected:
  CommandResult run(std::vector<std::string> words) { return run_command(&api_, std::move(words), &clock_); }
  void add_location(const std::string& name, bool is_default) {
    api_.add(
        {{"apiVersion", "velero.io/v1"},
         {"kind", "BackupStorageLocation"},
         {"metadata", {{"name", name}, {"namespace", "velero"}}},
         {"spec", {{"provider", "aws"}, {"objectStorage", {{"bucket", "b"}}}, {"default", is_default}}}});
  }

  FakeApi api_;
  base::ManualClock clock_{*base::parse_rfc3339(kGoldenTime)};
};

TEST_F(Create, ABackupIsPrintedInsteadOfSubmitted) {
  const auto result = run({"backup", "create", "x", "--include-namespaces", "a,b", "--ttl", "24h", "-l",
                           "app=z", "--snapshot-volumes", "-o", "yaml"});
  EXPECT_EQ(result.out, golden("create-dry.txt")) << result.err;
  EXPECT_FALSE(api_.find("backups", "x"));
}

TEST_F(Create, AScheduleIsPrintedInsteadOfSubmitted) {
  const auto result =
      run({"create", "schedule", "s", "--schedule", "0 * * * *", "--include-namespaces=a", "-o", "yaml"});
  EXPECT_EQ(result.out, golden("schedule-create-dry.txt")) << result.err;
}

TEST_F(Create, ARestoreIsPrintedInsteadOfSubmitted) {
  api_.add(golden_object("Backup", "manual-full"));
  const auto result = run({"restore", "create", "r", "--from-backup", "manual-full", "--namespace-mappings",
                           "a:b", "--exclude-resources", "services", "-o", "yaml"});
  // Equal as documents: Velero's YAML quotes "*" with the other kind of quotes.
  EXPECT_EQ(codec::parse_yaml(result.out, "ours"),
            codec::parse_yaml(golden("restore-create-dry.txt"), "golden"))
      << result.err;
}

TEST_F(Create, ABackupIsSubmitted) {
  const auto result =
      run({"backup", "create", "x", "--labels", "a=b,c=d", "--default-volumes-to-fs-backup=false"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out,
            "Backup request \"x\" submitted successfully.\n"
            "Run `velero backup describe x` or `velero backup logs x` for more details.\n");
  const auto backup = api_.find("backups", "x");
  ASSERT_TRUE(backup);
  EXPECT_EQ((*backup)["metadata"]["labels"], (Json{{"a", "b"}, {"c", "d"}}));
  EXPECT_EQ((*backup)["spec"]["includedNamespaces"], Json{"*"});
  EXPECT_EQ((*backup)["spec"]["defaultVolumesToFsBackup"], false);
  EXPECT_FALSE((*backup)["spec"].contains("snapshotVolumes"));
}

TEST_F(Create, ABackupOfAScheduleTakesItsTemplateAndATimestampedName) {
  api_.add(golden_object("Schedule", "neurectomy-hourly"));
  const auto result = run({"backup", "create", "--from-schedule", "neurectomy-hourly"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_TRUE(result.out.starts_with("Creating backup from schedule, all other filters are ignored.\n"));
  const auto backup = api_.find("backups", "neurectomy-hourly-20261122215800");
  ASSERT_TRUE(backup) << result.out;
  EXPECT_EQ((*backup)["metadata"]["labels"]["velero.io/schedule-name"], "neurectomy-hourly");
  EXPECT_EQ((*backup)["spec"]["labelSelector"],
            golden_object("Schedule", "neurectomy-hourly")["spec"]["template"]["labelSelector"]);
  EXPECT_EQ((*backup)["spec"]["storageLocation"], "aws-primary");
  EXPECT_EQ((*backup)["spec"]["ttl"], "24h0m0s");
}

TEST_F(Create, AMissingLocationIsNamedBeforeAnythingIsSubmitted) {
  const auto result = run({"backup", "create", "x", "--storage-location", "nope"});
  EXPECT_EQ(result.code, 1);
  EXPECT_EQ(result.err, golden("bad-location.txt"));
  EXPECT_FALSE(api_.find("backups", "x"));
}

TEST_F(Create, AMissingScheduleOrBackupIsNamed) {
  EXPECT_EQ(run({"backup", "create", "--from-schedule", "nope"}).err,
            "An error occurred: schedules.velero.io \"nope\" not found\n");
  EXPECT_EQ(run({"restore", "create", "--from-backup", "nope"}).err,
            "An error occurred: backups.velero.io \"nope\" not found\n");
  EXPECT_EQ(run({"restore", "create"}).err,
            "An error occurred: either a backup or schedule must be specified, but not both\n");
  EXPECT_EQ(run({"backup", "create"}).code, 1);
}

TEST_F(Create, OldAndNewFiltersDoNotMix) {
  const auto result = run({"backup", "create", "x", "--include-resources", "pods",
                           "--include-cluster-scoped-resources", "nodes"});
  EXPECT_EQ(result.code, 1);
  EXPECT_NE(result.err.find("cannot be used together"), std::string::npos);
  EXPECT_EQ(run({"backup", "create", "x", "-l", "a=b", "--or-selector", "c=d or e=f"}).code, 1);
}

TEST_F(Create, ARestoreOfAPartiallyFailedBackupIsOptedInto) {
  api_.add(golden_object("Backup", "neurectomy-daily-20261122215641"));
  const auto result =
      run({"restore", "create", "r", "--from-schedule", "neurectomy-daily", "--allow-partially-failed"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ((*api_.find("restores", "r"))["spec"]["backupName"], "neurectomy-daily-20261122215641");
}

TEST_F(Create, OneLocationIsTheDefault) {
  add_location("old", true);
  const auto result = run({"backup-location", "create", "new", "--provider", "filesystem", "--bucket", "b",
                           "--config", "root=/x,resticRepoPrefix=/x/b/restic", "--default"});
  EXPECT_EQ(result.out, "Backup storage location \"new\" configured successfully.\n") << result.err;
  EXPECT_EQ((*api_.find("backupstoragelocations", "old"))["spec"]["default"], false);
  const auto location = *api_.find("backupstoragelocations", "new");
  EXPECT_EQ(location["spec"]["default"], true);
  EXPECT_EQ(location["spec"]["config"], (Json{{"resticRepoPrefix", "/x/b/restic"}, {"root", "/x"}}));
}

TEST_F(Create, ALocationNeedsAProviderAndABucket) {
  EXPECT_EQ(run({"backup-location", "create", "x", "--bucket", "b"}).err,
            "An error occurred: --provider is required\n");
  EXPECT_EQ(run({"backup-location", "create", "x", "--provider", "b"}).err,
            "An error occurred: --bucket is required\n");
}

TEST_F(Create, DeletingABackupAsksTheServerForIt) {
  api_.add(golden_object("Backup", "manual-full"));
  const auto result = run({"backup", "delete", "manual-full", "--confirm"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_TRUE(result.out.starts_with(
      "Request to delete backup \"manual-full\" submitted successfully.\nThe backup "));
  ASSERT_EQ(api_.all("deletebackuprequests").size(), 1u);
  const Json request = api_.all("deletebackuprequests")[0];
  EXPECT_EQ(request["spec"]["backupName"], "manual-full");
  EXPECT_EQ(request["metadata"]["labels"]["velero.io/backup-uid"], "67f6e219-0a8b-4647-bedc-73e2e9c17965");
}

TEST_F(Create, NothingIsDeletedWithoutSayingWhat) {
  const auto result = run({"schedule", "delete", "--confirm"});
  EXPECT_EQ(result.code, 1);
  EXPECT_NE(result.err.find("exactly one of"), std::string::npos);
}

TEST_F(Create, SchedulesArePausedOnce) {
  api_.add(golden_object("Schedule", "neurectomy-daily"));
  EXPECT_EQ(run({"schedule", "pause", "neurectomy-daily"}).out,
            "Schedule neurectomy-daily paused successfully\n");
  EXPECT_EQ(run({"schedule", "pause", "--all"}).out, "Schedule neurectomy-daily is already paused, skip\n");
  EXPECT_EQ((*api_.find("schedules", "neurectomy-daily"))["spec"]["paused"], true);
  EXPECT_EQ(run({"schedule", "unpause", "--all"}).out, "Schedule neurectomy-daily unpaused successfully\n");
}

}  // namespace
}  // namespace salvor::cli
