#include "restore/csi_restores.h"

#include <gmock/gmock.h>

#include "codec/hash.h"
#include "restore/restore_test_support.h"
#include "volumes/csi_objects.h"

namespace salvor::restore {
namespace {

namespace csi = volumes::csi;
using kube::resources::kPersistentVolumeClaims;
using kube::resources::kPersistentVolumes;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kDriver[] = "disk.example.io";

// A backup of the claim app/data, whose snapshot is velero-data-abcde with content snapcontent-1.
class CsiRestoreTest : public RestoreTest {
 protected:
  CsiRestoreTest() {
    restore_.metadata.fields()["uid"] = "restore-uid";
    options_.resource_timeout = std::chrono::milliseconds(300);
    put("persistentvolumeclaims",
        {{"apiVersion", "v1"},
         {"kind", "PersistentVolumeClaim"},
         {"metadata",
          {{"name", "data"},
           {"namespace", "app"},
           {"annotations", {{csi::kSnapshotName, kSnapshot}, {"pv.kubernetes.io/bind-completed", "yes"}}},
           {"labels", {{csi::kSnapshotName, kSnapshot}}}}},
         {"spec",
          {{"volumeName", "pv"},
           {"storageClassName", "disks"},
           {"resources", {{"requests", {{"storage", "1Gi"}}}}}}},
         {"status", {{"phase", "Bound"}}}});
    put("persistentvolumes", {{"apiVersion", "v1"},
                              {"kind", "PersistentVolume"},
                              {"metadata", {{"name", "pv"}}},
                              {"spec",
                               {{"claimRef", {{"namespace", "app"}, {"name", "data"}}},
                                {"persistentVolumeReclaimPolicy", "Retain"},
                                {"csi", {{"driver", kDriver}}}}}});
    put(csi::kSnapshots.group_resource(),
        {{"apiVersion", "snapshot.storage.k8s.io/v1"},
         {"kind", "VolumeSnapshot"},
         {"metadata",
          {{"name", kSnapshot},
           {"namespace", "app"},
           {"finalizers", Json::array({"snapshot.storage.kubernetes.io/volumesnapshot-bound-protection"})},
           {"labels", {{"velero.io/backup-uid", "u"}}},
           {"annotations",
            {{csi::kHandle, "handle-1"}, {csi::kDriverName, kDriver}, {csi::kRestoreSize, "2Gi"}}}}},
         {"spec", {{"source", {{"persistentVolumeClaimName", "data"}}}}},
         {"status", {{"boundVolumeSnapshotContentName", "snapcontent-1"}, {"readyToUse", true}}}});
    put(csi::kContents.group_resource(),
        {{"apiVersion", "snapshot.storage.k8s.io/v1"},
         {"kind", "VolumeSnapshotContent"},
         {"metadata",
          {{"name", "snapcontent-1"},
           {"annotations", {{"snapshot.storage.kubernetes.io/deletion-secret-name", "s"}}}}},
         {"spec",
          {{"deletionPolicy", "Delete"},
           {"driver", kDriver},
           {"source", {{"volumeHandle", "v"}}},
           {"sourceVolumeMode", "Filesystem"},
           {"volumeSnapshotRef", {{"namespace", "app"}, {"name", kSnapshot}, {"uid", "old"}}}}},
         {"status", {{"snapshotHandle", "handle-1"}, {"readyToUse", true}}}});
  }

  void serve_snapshots() {
    cluster_.add_kind(csi::kSnapshots, "VolumeSnapshot", true);
    cluster_.add_kind(csi::kContents, "VolumeSnapshotContent", false);
    cluster_.add_kind(csi::kClasses, "VolumeSnapshotClass", false);
    cluster_.add_kind(csi::kDrivers, "CSIDriver", false);
    cluster_.add(csi::kDrivers, {{"metadata", {{"name", kDriver}}}});
    cluster_.add(csi::kClasses, {{"apiVersion", "snapshot.storage.k8s.io/v1"},
                                 {"kind", "VolumeSnapshotClass"},
                                 {"metadata", {{"name", "here"}}},
                                 {"driver", kDriver}});
  }
  void note_volume(const std::string& result) {
    velero::VolumeInfo info;
    info.pvc_name = "data";
    info.pvc_namespace = "app";
    info.pv_name = "pv";
    info.backup_method = "CSISnapshot";
    info.result = result;
    info.pv_info = velero::PersistentVolumeInfo{.reclaim_policy = "Retain", .labels = {}};
    volume_infos_ = {info};
  }

  static constexpr char kSnapshot[] = "velero-data-abcde";
  const std::string name_ = codec::to_hex(codec::sha256("restore-uid" + std::string(kSnapshot)));
};

TEST_F(CsiRestoreTest, AClaimIsProvisionedFromItsSnapshot) {
  serve_snapshots();
  const auto outcome = run();
  EXPECT_THAT(all_of(outcome.results.errors), IsEmpty());
  EXPECT_THAT(all_of(outcome.results.warnings), IsEmpty());
  const auto claim = cluster_.find(kPersistentVolumeClaims, {"app", "data"});
  ASSERT_TRUE(claim);
  EXPECT_EQ((*claim)["spec"]["dataSource"],
            Json({{"apiGroup", "snapshot.storage.k8s.io"}, {"kind", "VolumeSnapshot"}, {"name", name_}}));
  EXPECT_FALSE((*claim)["spec"].contains("volumeName"));
  EXPECT_EQ((*claim)["spec"]["resources"]["requests"]["storage"], "2Gi");
  EXPECT_FALSE(kube::annotations_of(*claim).contains(csi::kSnapshotName));
  EXPECT_FALSE(cluster_.find(kPersistentVolumes, {"", "pv"}));

  const auto snapshot = cluster_.find(csi::kSnapshots, {"app", name_});
  ASSERT_TRUE(snapshot);
  EXPECT_EQ((*snapshot)["spec"], Json({{"source", {{"volumeSnapshotContentName", name_}}}}));
  EXPECT_FALSE((*snapshot)["metadata"].contains("finalizers"));
  EXPECT_FALSE(kube::labels_of(*snapshot).contains("velero.io/backup-uid"));
  const auto content = cluster_.find(csi::kContents, {"", name_});
  ASSERT_TRUE(content);
  const Json& spec = (*content)["spec"];
  EXPECT_EQ(spec["deletionPolicy"], "Retain");
  EXPECT_EQ(spec["driver"], kDriver);
  EXPECT_EQ(spec["source"], Json({{"snapshotHandle", "handle-1"}}));
  EXPECT_EQ(spec["sourceVolumeMode"], "Filesystem");
  EXPECT_EQ(spec["volumeSnapshotClassName"], "here");
  EXPECT_EQ(spec["volumeSnapshotRef"]["namespace"], "app");
  EXPECT_EQ(spec["volumeSnapshotRef"]["name"], name_);
  EXPECT_FALSE(spec["volumeSnapshotRef"].contains("uid"));
  EXPECT_EQ(kube::annotations_of(*content).at("snapshot.storage.kubernetes.io/deletion-secret-name"), "s");

  ASSERT_THAT(outcome.volume_info, SizeIs(1));
  EXPECT_EQ(outcome.volume_info[0]["restoreMethod"], "CSISnapshot");
  EXPECT_EQ(outcome.volume_info[0]["csiSnapshotInfo"]["snapshotHandle"], "handle-1");
}

TEST_F(CsiRestoreTest, TheSnapshotFollowsItsClaimIntoAnotherNamespace) {
  serve_snapshots();
  restore_.spec.namespace_mapping = {{"app", "copy"}};
  const auto outcome = run();
  EXPECT_THAT(all_of(outcome.results.errors), IsEmpty());
  EXPECT_TRUE(cluster_.find(csi::kSnapshots, {"copy", name_}));
  EXPECT_FALSE(cluster_.find(csi::kSnapshots, {"app", name_}));
  EXPECT_EQ((*cluster_.find(csi::kContents, {"", name_}))["spec"]["volumeSnapshotRef"]["namespace"], "copy");
  EXPECT_EQ((*cluster_.find(kPersistentVolumeClaims, {"copy", "data"}))["spec"]["dataSource"]["name"], name_);
}

TEST_F(CsiRestoreTest, FiltersThatTakeOnlyTheClaimBringItsSnapshotAlong) {
  serve_snapshots();
  restore_.spec.included_namespaces = {"app"};
  restore_.spec.included_resources = {"persistentvolumeclaims"};
  restore_.spec.include_cluster_resources = false;
  const auto outcome = run();
  EXPECT_THAT(all_of(outcome.results.errors), IsEmpty());
  EXPECT_TRUE(cluster_.find(kPersistentVolumeClaims, {"app", "data"}));
  EXPECT_TRUE(cluster_.find(csi::kSnapshots, {"app", name_}));
  EXPECT_TRUE(cluster_.find(csi::kContents, {"", name_}));
}

TEST_F(CsiRestoreTest, SnapshotsOfNamespacesThatStayBehindStayBehind) {
  serve_snapshots();
  restore_.spec.excluded_namespaces = {"app"};
  restore_.spec.include_cluster_resources = true;
  run();
  EXPECT_THAT(cluster_.all(csi::kContents), IsEmpty());
}

TEST_F(CsiRestoreTest, WithoutVolumesTheClaimIsEmptyAndNoSnapshotIsMade) {
  serve_snapshots();
  restore_.spec.restore_pvs = false;
  const auto outcome = run();
  EXPECT_THAT(all_of(outcome.results.errors), IsEmpty());
  const auto claim = cluster_.find(kPersistentVolumeClaims, {"app", "data"});
  ASSERT_TRUE(claim);
  EXPECT_FALSE((*claim)["spec"].contains("dataSource"));
  EXPECT_FALSE((*claim)["spec"].contains("volumeName"));
  EXPECT_THAT(cluster_.all(csi::kSnapshots), IsEmpty());
  EXPECT_THAT(cluster_.all(csi::kContents), IsEmpty());
}

TEST_F(CsiRestoreTest, AnExistingClaimIsLeftAloneAndNoSnapshotIsMade) {
  serve_snapshots();
  cluster_.add(kube::resources::kNamespaces, {{"metadata", {{"name", "app"}}}});
  cluster_.add(kPersistentVolumeClaims, {{"apiVersion", "v1"},
                                         {"kind", "PersistentVolumeClaim"},
                                         {"metadata", {{"name", "data"}, {"namespace", "app"}}},
                                         {"spec", {{"volumeName", "other"}}}});
  const auto outcome = run();
  EXPECT_THAT(all_of(outcome.results.errors), IsEmpty());
  EXPECT_THAT(all_of(outcome.results.warnings), Contains(HasSubstr("data already exists")));
  EXPECT_THAT(cluster_.all(csi::kSnapshots), IsEmpty());
  EXPECT_THAT(cluster_.all(csi::kContents), IsEmpty());
}

TEST_F(CsiRestoreTest, AClusterWithoutTheSnapshotKindsIsAnErrorOfTheClaim) {
  const auto outcome = run();
  EXPECT_THAT(all_of(outcome.results.errors),
              Contains(AllOf(HasSubstr("persistentvolumeclaims app/data"),
                             HasSubstr("does not serve volumesnapshots.snapshot.storage.k8s.io"))));
  EXPECT_FALSE(cluster_.find(kPersistentVolumeClaims, {"app", "data"}));
}

TEST_F(CsiRestoreTest, AMissingDriverIsAWarningThatNamesIt) {
  cluster_.add_kind(csi::kSnapshots, "VolumeSnapshot", true);
  cluster_.add_kind(csi::kContents, "VolumeSnapshotContent", false);
  cluster_.add_kind(csi::kClasses, "VolumeSnapshotClass", false);
  const auto outcome = run();
  EXPECT_THAT(all_of(outcome.results.errors), IsEmpty());
  EXPECT_THAT(all_of(outcome.results.warnings), Contains(HasSubstr("no CSIDriver disk.example.io")));
  EXPECT_FALSE((*cluster_.find(csi::kContents, {"", name_}))["spec"].contains("volumeSnapshotClassName"));
}

TEST_F(CsiRestoreTest, AClaimWhoseSnapshotFailedIsNotRestoredAsAnEmptyOne) {
  serve_snapshots();
  std::erase_if(files_, [](const auto& file) { return file.first.find("snapshot") != std::string::npos; });
  note_volume("failed");
  const auto outcome = run();
  EXPECT_THAT(all_of(outcome.results.errors),
              Contains(AllOf(HasSubstr("app/data"), HasSubstr("its data is not in the backup"))));
  EXPECT_FALSE(cluster_.find(kPersistentVolumeClaims, {"app", "data"}));
  restore_.spec.restore_pvs = false;
  run();
  EXPECT_TRUE(cluster_.find(kPersistentVolumeClaims, {"app", "data"}));
}

TEST_F(CsiRestoreTest, AClaimWhoseDataAMoverTookIsAnErrorThatSaysSo) {
  serve_snapshots();
  std::erase_if(files_, [](const auto& file) { return file.first.find("snapshot") != std::string::npos; });
  note_volume("succeeded");
  volume_infos_[0].snapshot_data_moved = true;
  EXPECT_THAT(all_of(run().results.errors),
              Contains(AllOf(HasSubstr("app/data"), HasSubstr("moved into a kopia repository"))));
  EXPECT_FALSE(cluster_.find(kPersistentVolumeClaims, {"app", "data"}));
}

TEST_F(CsiRestoreTest, AClaimThatGetsNoVolumeIsReportedWithWhatItsSnapshotSays) {
  serve_snapshots();
  note_volume("succeeded");
  cluster_.answer([&](const net::ServerRequest& request) -> std::optional<TargetCluster::Answer> {
    // The controller's word about the snapshot, once it is there.
    if (request.method == "POST" && request.path.ends_with("/persistentvolumeclaims")) {
      auto snapshot = *cluster_.find(csi::kSnapshots, {"app", name_});
      snapshot["status"] = {{"readyToUse", false}, {"error", {{"message", "no such snapshot: handle-1"}}}};
      cluster_.add(csi::kSnapshots, snapshot);
    }
    return std::nullopt;
  });
  const auto outcome = run();
  EXPECT_THAT(all_of(outcome.results.errors), Contains(AllOf(HasSubstr("claim data is not bound after 300ms"),
                                                             HasSubstr("no such snapshot: handle-1"))));
}

TEST_F(CsiRestoreTest, ADryRunNamesClaimAndSnapshotAndMakesNeither) {
  serve_snapshots();
  options_.dry_run = true;
  const auto outcome = run();
  EXPECT_THAT(lines_of(outcome.plan),
              Contains("create volumesnapshots.snapshot.storage.k8s.io app/" + name_));
  EXPECT_THAT(lines_of(outcome.plan), Contains("create persistentvolumeclaims app/data"));
  EXPECT_THAT(cluster_.all(csi::kSnapshots), IsEmpty());
}

}  // namespace
}  // namespace salvor::restore
