#include "velero/backup_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "codec/gzip.h"
#include "codec/tar.h"
#include "storage/faults.h"
#include "storage/memory_object_store.h"
#include "velero/bucket_layout.h"
#include "velero/constants.h"

namespace salvor::velero {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const base::Time kStart = *base::parse_rfc3339("2026-11-22T22:00:00Z");

class BackupStoreTest : public ::testing::Test {
 protected:
  base::ManualClock clock_{kStart};
  std::shared_ptr<storage::ObjectStore> memory_ = storage::make_memory_object_store(clock_);
  std::shared_ptr<storage::FaultStore> faults_ = std::make_shared<storage::FaultStore>(memory_);
  BackupStore store_{faults_};

  static Backup backup(const std::string& name) {
    Backup result;
    result.metadata = ObjectMeta(kDefaultNamespace, name);
    result.status.phase = phase::kCompleted;
    return result;
  }

  static std::string tarball(const std::vector<std::pair<std::string, std::string>>& files) {
    base::StringSink out;
    codec::GzipSink gzip(out);
    codec::TarWriter tar(gzip);
    for (const auto& [name, data] : files) tar.add_file(name, data, kStart);
    tar.finish();
    gzip.finish();
    return out.take();
  }

  void write(const std::string& name) {
    auto writer = store_.start_backup(name);
    writer.contents().write(
        tarball({{"metadata/version", "1.1.0\n"},
                 {"resources/pods/namespaces/a/p.json", "{\"first\":1}"},
                 {"resources/pods/v1-preferredversion/namespaces/a/p.json", "{\"first\":1}"}}));
    writer.put(backup_key::log(name), codec::gzip("log"));
    writer.put(backup_key::results(name), codec::gzip("{}"));
    writer.finish(backup(name));
  }

  std::vector<std::string> keys() {
    std::vector<std::string> result;
    storage::for_each_object(*memory_, "", {},
                             [&](const storage::ObjectInfo& info) { result.push_back(info.key); });
    return result;
  }
};

TEST_F(BackupStoreTest, ABackupIsThereOnceItIsFinished) {
  write("b");
  EXPECT_THAT(keys(), ElementsAre("backups/b/b-logs.gz", "backups/b/b-results.gz", "backups/b/b.tar.gz",
                                  "backups/b/velero-backup.json"));
  EXPECT_EQ(store_.get_backup("b").status.phase, phase::kCompleted);
  EXPECT_EQ(store_.get_contents("b").size(), 1u);
  EXPECT_THROW(
      {
        try {
          store_.start_backup("b");
        } catch (const base::Error& error) {
          EXPECT_EQ(error.code(), base::ErrorCode::kAlreadyExists);
          EXPECT_EQ(error.message(), "backup already exists in object storage");
          throw;
        }
      },
      base::Error);
}

TEST_F(BackupStoreTest, AnAbandonedBackupLeavesNothing) {
  {
    auto writer = store_.start_backup("b");
    writer.contents().write("half");
    writer.put(backup_key::log("b"), codec::gzip("log"));
  }
  EXPECT_THAT(keys(), IsEmpty());
}

TEST_F(BackupStoreTest, StoppedAfterAnyWriteNoReaderSeesAHalfBackup) {
  for (std::uint64_t n = 0;; ++n) {
    memory_ = storage::make_memory_object_store(clock_);
    faults_ = std::make_shared<storage::FaultStore>(memory_);
    store_ = BackupStore(faults_);
    write("earlier");
    faults_->freeze_after_writes(n);
    bool whole = true;
    try {
      write("b");
    } catch (const base::Error&) {
      whole = false;
    }
    BackupStore reader(memory_);
    EXPECT_EQ(reader.backup_exists("b"), whole) << "after " << n << " writes";
    EXPECT_EQ(reader.get_contents("earlier").size(), 1u);
    if (whole) {
      EXPECT_EQ(reader.get_contents("b").size(), 1u);
      break;
    }
    // A later run under the same name succeeds.
    store_ = BackupStore(memory_);
    write("b");
    EXPECT_THAT(reader.list_backups(), ElementsAre("b", "earlier"));
    ASSERT_LT(n, 20u);
  }
}

TEST_F(BackupStoreTest, DeletingRemovesTheMetadataFirst) {
  write("b");
  faults_->freeze_after_writes(1);
  EXPECT_THROW(store_.delete_backup("b"), base::Error);
  EXPECT_FALSE(BackupStore(memory_).backup_exists("b"));
  BackupStore(memory_).delete_backup("b");
  EXPECT_THAT(keys(), IsEmpty());
}

TEST_F(BackupStoreTest, OtherTopLevelDirectoriesAreNamed) {
  write("b");
  memory_->put("restic/x", "");
  memory_->put("loose-object", "");
  EXPECT_NO_THROW(store_.check_valid());
  memory_->put("photos/1.jpg", "");
  memory_->put("music/1.ogg", "");
  try {
    store_.check_valid();
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.message(), "Backup store contains invalid top-level directories: [music photos]");
  }
}

TEST_F(BackupStoreTest, DamageIsReportedWithTheObjectsName) {
  write("b");
  memory_->put("backups/b/velero-backup.json", "{\"kind\":");
  EXPECT_THROW(store_.get_backup("b"), base::Error);
  const std::string whole = memory_->get("backups/b/b.tar.gz");
  memory_->put("backups/b/b.tar.gz", whole.substr(0, whole.size() / 2));
  try {
    store_.get_contents("b");
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kCorrupt);
    EXPECT_THAT(error.message(), HasSubstr("backups/b/b.tar.gz"));
  }
  EXPECT_FALSE(store_.get_results("absent"));
}

TEST_F(BackupStoreTest, TheLastCopyOfAnObjectInATarballCounts) {
  auto writer = store_.start_backup("b");
  writer.contents().write(tarball({{"resources/pods/namespaces/a/p.json", "{\"old\":1}"},
                                   {"resources/pods/namespaces/a/q.json", "{}"},
                                   {"resources/pods/namespaces/a/p.json", "{\"new\":1}"},
                                   {"resources/nodes/cluster/n.json", "{}"},
                                   {"resources/pods/nonsense.json", "{}"},
                                   {"resources/pods/namespaces/a/../../../etc/passwd.json", "{}"}}));
  writer.finish(backup("b"));
  const auto contents = store_.get_contents("b");
  EXPECT_EQ(contents.size(), 3u);
  EXPECT_EQ(contents.content(*contents.find("pods", "a", "p")), "{\"new\":1}");
  EXPECT_THAT(contents.group_resources(), ElementsAre("nodes", "pods"));
}

}  // namespace
}  // namespace salvor::velero
