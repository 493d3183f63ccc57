// CSI snapshots beyond the backup that made them: they go with the backup, and what a killed server left of
// them goes, or stays, with what it left of the backup.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "codec/tar.h"
#include "server/backup_controller.h"
#include "server/backup_deletion.h"
#include "server/controllers_test_support.h"
#include "volumes/csi_objects.h"

namespace salvor::server {
namespace {

namespace csi = volumes::csi;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class CsiSnapshotsTest : public ControllersTest {
 protected:
  CsiSnapshotsTest() {
    options_.features = {velero::feature::kCsi};
    options_.resource_timeout = 600ms;
    create_location();
    api_.on_request([this](const net::ServerRequest& request) {
      if (request.path.find("volumesnapshotcontents") != std::string::npos && !working_.exchange(true)) {
        work();
        working_ = false;
      }
    });
  }
  ~CsiSnapshotsTest() override { api_.on_request(nullptr); }

  enum class Driver { kWorks, kFails, kIsAbsent } driver_ = Driver::kWorks;

  // The driver's sidecar: holds contents by a finalizer, and lets go when the storage has done its part.
  void work() {
    if (driver_ == Driver::kIsAbsent) return;
    for (const Json& content : sidecar_->list(csi::kContents, "")) {
      const kube::ObjectName name{"", kube::name_of(content)};
      if (!kube::is_being_deleted(content)) {
        if (!content["metadata"].contains("finalizers"))
          sidecar_->patch(csi::kContents, name, kube::PatchType::kMerge,
                          {{"metadata", {{"finalizers", Json::array({"held"})}}}});
      } else if (driver_ == Driver::kFails) {
        sidecar_->patch(csi::kContents, name, kube::PatchType::kMerge,
                        {{"status", {{"error", {{"message", "the storage is read-only"}}}}}});
      } else {
        if (!csi::keeps_data(content)) removed_.push_back(csi::handle_of(content));
        sidecar_->patch(csi::kContents, name, kube::PatchType::kMerge,
                        {{"metadata", {{"finalizers", nullptr}}}});
      }
    }
  }

  static Json content(const std::string& name, const std::string& handle, const std::string& backup,
                      const std::string& policy = "Retain") {
    return {{"apiVersion", "snapshot.storage.k8s.io/v1"},
            {"kind", "VolumeSnapshotContent"},
            {"metadata", {{"name", name}, {"labels", {{"velero.io/backup-name", backup}}}}},
            {"spec",
             {{"deletionPolicy", policy},
              {"driver", "disk.example.io"},
              {"source", {{"volumeHandle", "v"}}},
              {"volumeSnapshotRef", {{"namespace", "app"}, {"name", "s-" + name}}}}},
            {"status", {{"snapshotHandle", handle}, {"readyToUse", true}}}};
  }

  velero::BackupStore store() { return velero::BackupStore(stores_.open(stores_.location("default"))); }

  // With the contents in a list of their own, or only in the tarball.
  void put_csi_backup(const std::vector<Json>& contents, bool listed = true) {
    velero::Backup backup;
    backup.metadata = velero::ObjectMeta("velero", "b");
    backup.status.phase = "Completed";
    auto stored = store();
    auto writer = stored.start_backup("b");
    if (listed)
      writer.put(velero::backup_key::csi_volume_snapshot_contents("b"), codec::gzip(Json(contents).dump()));
    codec::GzipSink gzip(writer.contents());
    codec::TarWriter tar(gzip);
    tar.add_file("metadata/version", "1.1.0\n", {});
    for (const Json& object : contents)
      tar.add_file("resources/volumesnapshotcontents.snapshot.storage.k8s.io/cluster/" +
                       kube::name_of(object) + ".json",
                   object.dump(), {});
    tar.finish();
    gzip.finish();
    writer.finish(backup);
    create(resources::kBackups, "Backup", "b", {{"storageLocation", "default"}},
           {{"phase", "Completed"}, {"csiVolumeSnapshotsAttempted", 1}});
    create(resources::kDeleteBackupRequests, "DeleteBackupRequest", "b-1", {{"backupName", "b"}});
  }
  std::vector<std::string> deletion_errors() {
    return get(resources::kDeleteBackupRequests, "b-1")["status"]["errors"].get<std::vector<std::string>>();
  }

  std::unique_ptr<kube::Client> sidecar_ = api_.new_client();
  std::atomic<bool> working_ = false;
  std::vector<std::string> removed_;  // handles, of the storage
  BackupDeletion deletion_{context_, volumes_};
};

TEST_F(CsiSnapshotsTest, DeletingABackupRemovesItsSnapshotsFromTheStorage) {
  put_csi_backup({content("c1", "h1", "b"), content("c2", "h2", "b"), content("c3", "h3", "another")});
  deletion_.reconcile("b-1", {});
  EXPECT_THAT(removed_, testing::UnorderedElementsAre("h1", "h2"));
  EXPECT_THAT(api_.client().list(csi::kContents, ""), IsEmpty());
  EXPECT_THAT(names(resources::kBackups), IsEmpty());
  EXPECT_FALSE(store().backup_exists("b"));
}

TEST_F(CsiSnapshotsTest, ContentsThatOnlyTheTarballHoldsAreFoundThere) {
  put_csi_backup({content("c1", "h1", "b")}, false);
  deletion_.reconcile("b-1", {});
  EXPECT_THAT(removed_, ElementsAre("h1"));
}

TEST_F(CsiSnapshotsTest, AContentThatAnOldBackupLeftInTheClusterIsTheOneThatIsDeleted) {
  put_csi_backup({content("c1", "h1", "b")});
  api_.client().create(csi::kContents, content("c1", "h1", "b"));
  deletion_.reconcile("b-1", {});
  EXPECT_THAT(removed_, ElementsAre("h1"));
  EXPECT_THAT(api_.client().list(csi::kContents, ""), IsEmpty());
}

TEST_F(CsiSnapshotsTest, AStorageThatDoesNotLetGoIsAnErrorAndTheBackupStays) {
  put_csi_backup({content("c1", "h1", "b")});
  driver_ = Driver::kFails;
  deletion_.reconcile("b-1", {});
  EXPECT_THAT(deletion_errors(), Contains(AllOf(HasSubstr("h1"), HasSubstr("disk.example.io"),
                                                HasSubstr("the storage is read-only"))));
  EXPECT_EQ(phase(resources::kBackups, "b"), "Deleting");
  EXPECT_TRUE(store().backup_exists("b"));
  // The second attempt finds the first one's content, and ends what it began.
  driver_ = Driver::kWorks;
  create(resources::kDeleteBackupRequests, "DeleteBackupRequest", "b-2", {{"backupName", "b"}});
  deletion_.reconcile("b-2", {});
  EXPECT_THAT(removed_, Contains("h1"));
  EXPECT_FALSE(store().backup_exists("b"));
}

TEST_F(CsiSnapshotsTest, WithoutADriverNothingIsSaidToBeDeletedAndNothingIsLeftBehind) {
  put_csi_backup({content("c1", "h1", "b")});
  driver_ = Driver::kIsAbsent;
  deletion_.reconcile("b-1", {});
  EXPECT_THAT(deletion_errors(), Contains(HasSubstr("no snapshot controller takes it up")));
  EXPECT_THAT(api_.client().list(csi::kContents, ""), IsEmpty());
  EXPECT_TRUE(store().backup_exists("b"));
}

// A VolumeSnapshot with its content, as a server left it that was killed.
class CsiTakeoverTest : public CsiSnapshotsTest {
 protected:
  CsiTakeoverTest() {
    uid_ = kube::uid_of(create(resources::kBackups, "Backup", "b", {{"storageLocation", "default"}},
                               {{"phase", "InProgress"}, {"startTimestamp", "2026-11-22T01:00:00Z"}}));
    annotate(resources::kBackups, "b", velero::salvor_annotation::kServer, "dead-server");
    const Json made = api_.client().create(
        csi::kSnapshots,
        {{"apiVersion", "snapshot.storage.k8s.io/v1"},
         {"kind", "VolumeSnapshot"},
         {"metadata", {{"name", "s-c1"}, {"namespace", "app"}, {"labels", {{"velero.io/backup-uid", uid_}}}}},
         {"status", {{"boundVolumeSnapshotContentName", "c1"}}}});
    Json bound = content("c1", "h1", "b", "Delete");
    bound["spec"]["volumeSnapshotRef"]["uid"] = kube::uid_of(made);
    bound["metadata"]["labels"]["velero.io/backup-uid"] = uid_;
    api_.client().create(csi::kContents, bound);
  }
  std::string policy() {
    const auto found = api_.client().get(csi::kContents, {"", "c1"});
    return found ? text(*found, {"spec", "deletionPolicy"}) : "gone";
  }

  std::string uid_;
  BackupController controller_{context_, volumes_};
};

TEST_F(CsiTakeoverTest, SnapshotsOfAnAttemptThatIsBegunAnewAreRemovedWithTheirData) {
  api_.client().patch(csi::kContents, {"", "c1"}, kube::PatchType::kMerge,
                      {{"spec", {{"deletionPolicy", "Retain"}}}});
  controller_.reconcile("b", {});
  EXPECT_EQ(phase(resources::kBackups, "b"), "New");
  EXPECT_FALSE(api_.client().get(csi::kSnapshots, {"app", "s-c1"}));
  EXPECT_EQ(policy(), "Delete");  // the snapshot controller removes it with its VolumeSnapshot
}

TEST_F(CsiTakeoverTest, SnapshotsOfABackupThatWasWholeAreKeptByTheStorage) {
  velero::Backup backup;
  backup.metadata = velero::ObjectMeta("velero", "b");
  backup.metadata.fields()["uid"] = uid_;
  backup.status.phase = "Completed";
  store().start_backup("b").finish(backup);
  controller_.reconcile("b", {});
  EXPECT_EQ(phase(resources::kBackups, "b"), "Completed");
  EXPECT_FALSE(api_.client().get(csi::kSnapshots, {"app", "s-c1"}));
  api_.client().list(csi::kContents, "");
  EXPECT_EQ(policy(), "gone");
  EXPECT_THAT(removed_, IsEmpty());
}

}  // namespace
}  // namespace salvor::server
