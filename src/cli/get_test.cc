// Tables and lists against what the real Velero printed of the same objects.
#include <gtest/gtest.h>

#include "cli/backup_commands.h"
#include "cli/cli_test_support.h"
#include "kube/object.h"

namespace salvor::cli {
namespace {

using codec::Json;

class Get : public ::testing::Test {
 protected:
  Get() {
    for (const char* kind : {"Backup", "Restore", "Schedule", "BackupStorageLocation"}) {
      for (const auto& object : golden_objects(kind)) api_.add(object);
    }
    api_.add({{"apiVersion", "velero.io/v1"},
              {"kind", "VolumeSnapshotLocation"},
              {"metadata", {{"name", "aws-ebs-us-east-1"}, {"namespace", "velero"}}},
              {"spec", {{"provider", "aws"}}}});
  }
  CommandResult run(std::vector<std::string> words) { return run_command(&api_, std::move(words), &clock_); }

  FakeApi api_;
  base::ManualClock clock_{*base::parse_rfc3339(kGoldenTime)};
};

TEST_F(Get, TablesAreVelerosByteForByte) {
  EXPECT_EQ(run({"backup", "get"}).out, golden("backup-get.txt"));
  EXPECT_EQ(run({"restore", "get"}).out, golden("restore-get.txt"));
  EXPECT_EQ(run({"schedule", "get"}).out, golden("schedule-get.txt"));
  EXPECT_EQ(run({"backup-location", "get"}).out, golden("backup-location-get.txt"));
  EXPECT_EQ(run({"snapshot-location", "get"}).out, golden("snapshot-location-get.txt"));
}

TEST_F(Get, TheGrammarWorksBothWaysRound) {
  EXPECT_EQ(run({"get", "backups"}).out, golden("backup-get.txt"));
  EXPECT_EQ(run({"get", "backup"}).out, golden("backup-get.txt"));
  EXPECT_EQ(run({"backups", "get"}).out, golden("backup-get.txt"));
  EXPECT_EQ(run({"get", "-n", "velero", "schedules"}).out, golden("schedule-get.txt"));
  EXPECT_EQ(run({"get", "backup-locations"}).out, golden("backup-location-get.txt"));
}

TEST_F(Get, GlobalFlagsStandAnywhere) {
  EXPECT_EQ(run({"backup", "get", "--namespace", "velero", "-v", "4", "--logtostderr"}).out,
            golden("backup-get.txt"));
  EXPECT_EQ(run({"-n", "velero", "backup", "get"}).out, golden("backup-get.txt"));
}

TEST_F(Get, SeveralBackupsAreAListOfObjectsAsVeleroPrintsThem) {
  const auto result = run({"backup", "get", "-o", "json"});
  Json expected = Json::parse(golden("backup-get-json.txt"));
  // The objects at hand were saved without managedFields; and a list of ours has no resourceVersion.
  for (auto& item : expected["items"]) item["metadata"].erase("managedFields");
  expected["metadata"] = Json::object();
  EXPECT_EQ(result.out, codec::to_json(expected, 2) + "\n");
}

TEST_F(Get, ANamedObjectIsPrintedBare) {
  const auto result = run({"backup", "get", "manual-full", "-o", "json"});
  Json expected = Json::parse(golden("backup-get-one-json.txt"));
  expected["metadata"].erase("managedFields");
  EXPECT_EQ(result.out, codec::to_json(expected, 2) + "\n");
}

TEST_F(Get, WithoutNamesOneObjectIsAListToo) {
  const auto result = run({"backup", "get", "-o", "json", "-l", "velero.io/schedule-name=neurectomy-daily"});
  const Json list = Json::parse(result.out);
  EXPECT_EQ(list["kind"], "BackupList");
  ASSERT_EQ(list["items"].size(), 1u);
  EXPECT_EQ(list["items"][0]["metadata"]["name"], "neurectomy-daily-20261122215641");
}

TEST_F(Get, LabelsBecomeColumns) {
  const auto result =
      run({"backup", "get", "manual-full", "-L", "velero.io/storage-location", "--show-labels"});
  EXPECT_NE(result.out.find("STORAGE-LOCATION   LABELS\n"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("default            velero.io/storage-location=default\n"), std::string::npos);
}

TEST_F(Get, AMissingNameIsNamed) {
  const auto result = run({"backup", "get", "nope"});
  EXPECT_EQ(result.code, 1);
  EXPECT_EQ(result.err, golden("backup-missing.txt"));
}

TEST(SortBackups, PutsTheNewestOfASeriesFirst) {
  std::vector<Json> backups;
  for (const char* name : {"b-20260101000000", "a", "b-20260102000000", "c"}) {
    backups.push_back({{"metadata", {{"name", name}}}});
  }
  sort_backups(backups);
  std::vector<std::string> names;
  for (const auto& backup : backups) names.push_back(kube::name_of(backup));
  EXPECT_EQ(names, (std::vector<std::string>{"a", "b-20260102000000", "b-20260101000000", "c"}));
}

}  // namespace
}  // namespace salvor::cli
