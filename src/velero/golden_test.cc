// What the real Velero wrote (tests/golden/velero) is read by our readers and, where we write the same thing,
// written again byte for byte.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "codec/gzip.h"
#include "codec/tar.h"
#include "storage/file_object_store.h"
#include "velero/backup_store.h"
#include "velero/bucket_layout.h"
#include "velero/constants.h"

namespace salvor::velero {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::filesystem::path kBucket =
    std::filesystem::path(SALVOR_SOURCE_DIR) / "tests/golden/velero/bucket/neurectomy-backups/velero";
const std::filesystem::path kDailyBucket = std::filesystem::path(SALVOR_SOURCE_DIR) /
                                           "tests/golden/velero/bucket/neurectomy-backups-us-east-1/velero";
constexpr char kDaily[] = "neurectomy-daily-20261122215641";

BackupStore open(const std::filesystem::path& path) {
  return BackupStore(std::shared_ptr(storage::make_file_object_store(path)));
}

TEST(Golden, EveryBackupIsFoundAndItsLocationIsValid) {
  EXPECT_NO_THROW(open(kBucket).check_valid());
  EXPECT_THAT(open(kBucket).list_backups(), ElementsAre("app-pg", "manual-full", "tier"));
  EXPECT_THAT(open(kBucket).list_restores(), ElementsAre("rt-1", "rt-2"));
  EXPECT_THAT(open(kDailyBucket).list_backups(), ElementsAre(kDaily));
}

TEST(Golden, BackupMetadataIsWrittenAgainByteForByte) {
  for (const auto& bucket : {kBucket, kDailyBucket}) {
    auto store = open(bucket);
    for (const std::string& name : store.list_backups()) {
      const Backup backup = store.get_backup(name);
      EXPECT_EQ(backup.metadata.name(), name);
      EXPECT_EQ(codec::to_json(backup.to_json(), 2), base::read_file(bucket / backup_key::metadata(name)))
          << name;
    }
  }
}

TEST(Golden, HooksAndStatusOfTheDailyBackupAreRead) {
  const Backup backup = open(kDailyBucket).get_backup(kDaily);
  ASSERT_EQ(backup.spec.hooks.resources.size(), 1u);
  const auto& hook = backup.spec.hooks.resources[0];
  EXPECT_EQ(hook.name, "postgresql-backup-hook");
  EXPECT_TRUE(hook.label_selector->matches({{"app", "postgresql"}}));
  ASSERT_EQ(hook.pre.size(), 1u);
  EXPECT_EQ(hook.pre[0].exec->on_error, "Fail");
  EXPECT_EQ(hook.pre[0].exec->timeout, std::chrono::minutes(5));
  EXPECT_EQ(backup.status.phase, phase::kPartiallyFailed);
  EXPECT_EQ(backup.status.errors, 2);
  EXPECT_EQ(backup.status.progress->total_items, 56);
  EXPECT_EQ(backup.spec.snapshot_volumes, true);
  EXPECT_EQ(backup.spec.include_cluster_resources, std::nullopt);
}

TEST(Golden, ResultsAreReadAndWrittenAgainByteForByte) {
  for (const auto& [bucket, key] :
       {std::pair(kDailyBucket, backup_key::results(kDaily)),
        std::pair(kBucket, restore_key::results("rt-1")), std::pair(kBucket, restore_key::results("rt-2"))}) {
    const std::string text = codec::gunzip(base::read_file(bucket / key));
    const Results results = Results::from_json(codec::parse_json(text, key));
    EXPECT_EQ(codec::to_json(results.to_json()) + "\n", text);
  }
  const auto results = open(kDailyBucket).get_results(kDaily);
  EXPECT_EQ(results->errors.count(), 2u);
  EXPECT_EQ(results->warnings.count(), 0u);
  EXPECT_EQ(open(kBucket).get_restore_results("rt-2")->warnings.namespaces.at("neurectomy").size(), 6u);
}

TEST(Golden, ResourceListsAreWrittenAgainByteForByte) {
  for (const char* key :
       {"backups/manual-full/manual-full-resource-list.json.gz", "backups/tier/tier-resource-list.json.gz",
        "restores/rt-1/restore-rt-1-resource-list.json.gz"}) {
    const std::string text = codec::gunzip(base::read_file(kBucket / key));
    auto list = ResourceList::from_json(codec::parse_json(text, key));
    base::StringSink out;
    list.write_json(out);
    EXPECT_EQ(out.data(), text) << key;
  }
  EXPECT_EQ(open(kBucket).get_resource_list("manual-full")->size(), 59u);
}

TEST(Golden, VolumeInfoIsWrittenAgainByteForByteAndTheListsOfNothingAreEmpty) {
  auto store = open(kBucket);
  const std::string text = *store.get_gzipped(backup_key::volume_info("manual-full"));
  const auto info = store.get_volume_info("manual-full");
  ASSERT_EQ(info.size(), 1u);
  EXPECT_TRUE(info[0].skipped);
  EXPECT_EQ(info[0].pv_info->reclaim_policy, "Retain");
  Json list = Json::array({info[0].to_json()});
  EXPECT_EQ(codec::to_json(list) + "\n", text);
  EXPECT_THAT(store.get_volume_snapshots("manual-full"), IsEmpty());
  EXPECT_THAT(store.get_pod_volume_backups("manual-full"), IsEmpty());
}

TEST(Golden, TheTarballsObjectsAreIndexed) {
  const BackupContents contents = open(kBucket).get_contents("manual-full");
  EXPECT_EQ(contents.format_version(), "1.1.0");
  EXPECT_EQ(contents.size(), 59u);
  EXPECT_THAT(contents.group_resources(), Contains("statefulsets.apps"));
  EXPECT_THAT(contents.namespaces(), ElementsAre("neurectomy"));
  EXPECT_EQ(contents.items("pods").size(), 4u);
  EXPECT_THAT(contents.version_directories("cronjobs.batch"), ElementsAre("v1-preferredversion"));
  const auto* pod = contents.find("pods", "neurectomy", "postgresql-0");
  ASSERT_NE(pod, nullptr);
  EXPECT_EQ(pod->size, 7025u);
  EXPECT_EQ(codec::get_string(codec::parse_json(contents.content(*pod), "pod"), {"metadata", "name"}),
            "postgresql-0");
  EXPECT_NE(contents.find("namespaces", "", "neurectomy"), nullptr);
  EXPECT_EQ(contents.find("pods", "", "postgresql-0"), nullptr);
}

TEST(Golden, OurPathsAreThoseOfTheTarballInTheSameOrder) {
  const std::string packed = base::read_file(kBucket / backup_key::contents("manual-full"));
  base::ViewSource source(packed);
  codec::GunzipSource gunzip(source);
  codec::TarReader tar(gunzip);
  auto first = tar.next();
  EXPECT_EQ(first->name, kVersionPath);
  EXPECT_EQ(tar.read_content(), std::string(kBackupFormatVersion) + "\n");
  while (auto entry = tar.next()) {
    EXPECT_EQ(entry->mode, 0755);
    const Json object = codec::parse_json(tar.read_content(), entry->name);
    const std::string path = entry->name.substr(10);
    const std::string group_resource = path.substr(0, path.find('/'));
    const std::string api_version = codec::get_string(object, {"apiVersion"});
    const std::string version =
        api_version.substr(api_version.find('/') == std::string::npos ? 0 : api_version.find('/') + 1);
    const std::string directory =
        entry->name.find("-preferredversion/") != std::string::npos ? version + "-preferredversion" : "";
    EXPECT_EQ(contents_path(group_resource, directory, codec::get_string(object, {"metadata", "namespace"}),
                            codec::get_string(object, {"metadata", "name"})),
              entry->name);
  }
}

TEST(Golden, LogsAreRead) {
  base::StringSink log;
  open(kBucket).get_log("manual-full", log);
  EXPECT_NE(log.data().find("level=info msg=\"Setting up backup temp file\" backup=velero/manual-full"),
            std::string::npos);
}

}  // namespace
}  // namespace salvor::velero
