#include "backup/csi_snapshots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backup/backupper.h"
#include "backup/cluster_test_support.h"
#include "base/error.h"
#include "codec/gzip.h"
#include "kube/discovery.h"
#include "storage/faults.h"
#include "storage/memory_object_store.h"
#include "velero/bucket_layout.h"

namespace salvor::backup {
namespace {

namespace csi = volumes::csi;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr char kDriver[] = "disk.example.io";

// The snapshot controller and the driver of a cluster: contents and statuses for VolumeSnapshots, and which
// snapshots the storage has.
class SnapshotController {
 public:
  explicit SnapshotController(TestCluster& cluster) : cluster_(cluster) {
    cluster.on_created([this](Json& object) { created(object); });
    cluster.on_removed([this](const Json& object) { removed(object); });
  }

  enum class Does { kAll, kNothing, kFails, kBindsOnly, kCutsOnly };
  std::function<Does(const std::string& claim)> behaviour = [](const std::string&) { return Does::kAll; };
  std::string policy = "Delete";
  std::function<void(const std::string& claim)> on_snapshot = [](const std::string&) {};

  std::set<std::string> stored() {
    std::lock_guard lock(mutex_);
    return stored_;
  }

 private:
  void created(Json& object) {
    if (codec::get_string(object, {"kind"}) != "VolumeSnapshot") return;
    const std::string claim = codec::get_string(object, {"spec", "source", "persistentVolumeClaimName"});
    on_snapshot(claim);
    const Does does = behaviour(claim);
    if (does == Does::kNothing) return;
    if (does == Does::kFails) {
      object["status"] = {{"readyToUse", false}, {"error", {{"message", "the disk is on fire"}}}};
      return;
    }
    const std::string content = "snapcontent-" + kube::uid_of(object);
    const std::string handle = "handle-of-" + claim;
    Json made = {{"apiVersion", "snapshot.storage.k8s.io/v1"},
                 {"kind", "VolumeSnapshotContent"},
                 {"metadata", {{"name", content}, {"uid", "uid-of-" + content}}},
                 {"spec",
                  {{"deletionPolicy", policy},
                   {"driver", kDriver},
                   {"source", {{"volumeHandle", "volume-of-" + claim}}},
                   {"volumeSnapshotRef",
                    {{"namespace", kube::namespace_of(object)},
                     {"name", kube::name_of(object)},
                     {"uid", kube::uid_of(object)}}}}}};
    if (does != Does::kBindsOnly) {
      made["status"] = {{"snapshotHandle", handle}, {"readyToUse", true}, {"restoreSize", 1 << 30}};
      std::lock_guard lock(mutex_);
      stored_.insert(handle);
    }
    cluster_.add(csi::kContents, made);
    object["status"] = {{"boundVolumeSnapshotContentName", content},
                        {"readyToUse", does == Does::kAll},
                        {"restoreSize", "1Gi"}};
  }

  void removed(const Json& object) {
    if (codec::get_string(object, {"kind"}) != "VolumeSnapshot") return;
    for (const Json& content : cluster_.objects(csi::kContents)) {
      if (!csi::belongs_to(content, object) || csi::keeps_data(content)) continue;
      cluster_.remove(csi::kContents, {"", kube::name_of(content)});
      std::lock_guard lock(mutex_);
      stored_.erase(csi::handle_of(content));
    }
  }

  TestCluster& cluster_;
  std::mutex mutex_;
  std::set<std::string> stored_;  // handles; guarded by mutex_
};

class CsiBackupTest : public ::testing::Test {
 protected:
  CsiBackupTest() {
    backup_.metadata = velero::ObjectMeta("velero", "b");
    backup_.metadata.fields()["uid"] = "backup-uid";
    backup_.spec.included_namespaces = {"app"};
    backup_.spec.csi_snapshot_timeout = std::chrono::seconds(20);
    backup_.spec.item_operation_timeout = std::chrono::seconds(20);
    backup_.spec.excluded_resources = {"volumesnapshots.snapshot.storage.k8s.io",
                                       "volumesnapshotcontents.snapshot.storage.k8s.io"};
    options_.csi_snapshots = true;
    cluster_.add(kube::resources::kNamespaces,
                 {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", "app"}}}});
    add_class("plain", Json::object(), Json::object());
    add_class("chosen", {{csi::kClass, "true"}}, Json::object());
  }

  void add_class(const std::string& name, const Json& labels, const Json& annotations,
                 const std::string& driver = kDriver) {
    cluster_.add(csi::kClasses,
                 {{"apiVersion", "snapshot.storage.k8s.io/v1"},
                  {"kind", "VolumeSnapshotClass"},
                  {"metadata", {{"name", name}, {"labels", labels}, {"annotations", annotations}}},
                  {"driver", driver},
                  {"deletionPolicy", "Delete"}});
  }
  void add_claim(const std::string& name, Json annotations = Json::object(),
                 const Json& source = {{"csi", {{"driver", kDriver}, {"volumeHandle", "h"}}}}) {
    cluster_.add(kube::resources::kPersistentVolumeClaims,
                 {{"apiVersion", "v1"},
                  {"kind", "PersistentVolumeClaim"},
                  {"metadata",
                   {{"name", name},
                    {"namespace", "app"},
                    {"labels", {{"app", "db"}}},
                    {"annotations", std::move(annotations)}}},
                  {"spec", {{"volumeName", "pv-" + name}, {"storageClassName", "disks"}}},
                  {"status", {{"phase", "Bound"}}}});
    Json volume = {{"apiVersion", "v1"},
                   {"kind", "PersistentVolume"},
                   {"metadata", {{"name", "pv-" + name}}},
                   {"spec",
                    {{"claimRef", {{"namespace", "app"}, {"name", name}}},
                     {"persistentVolumeReclaimPolicy", "Delete"}}}};
    volume["spec"].update(source);
    cluster_.add(kube::resources::kPersistentVolumes, volume);
  }
  void add_pod(const std::string& name, const std::vector<std::string>& claims) {
    Json pod = {{"apiVersion", "v1"},
                {"kind", "Pod"},
                {"metadata", {{"name", name}, {"namespace", "app"}}},
                {"spec", {{"nodeName", "node"}, {"containers", Json::array({{{"name", "main"}}})}}},
                {"status", {{"phase", "Running"}}}};
    for (const auto& claim : claims)
      pod["spec"]["volumes"].push_back({{"name", claim}, {"persistentVolumeClaim", {{"claimName", claim}}}});
    cluster_.add(kube::resources::kPods, pod);
  }

  velero::BackupStatus run() {
    kube::Client client(cluster_.connection());
    kube::Discovery discovery(client);
    discovery.refresh();
    BackupServices services{client, discovery, clock_,  random_, store_,
                            {},     nullptr,   nullptr, nullptr, nullptr};
    return run_backup(backup_, services, options_, cancel_.token());
  }
  Json stored_object(const std::string& group_resource, const std::string& name_space,
                     const std::string& name) {
    auto contents = store_.get_contents("b");
    const auto* item = contents.find(group_resource, name_space, name);
    return item ? codec::parse_json(contents.content(*item), name) : Json();
  }
  Json stored_list(const std::string& key) {
    const auto text = store_.get_gzipped(key);
    return text ? codec::parse_json(*text, key) : Json();
  }
  std::vector<std::string> errors() { return store_.get_results("b")->errors.namespaces["app"]; }

  base::ManualClock clock_{*base::parse_rfc3339("2026-11-22T22:00:00Z")};
  base::SeededRandom random_{1};
  std::shared_ptr<storage::ObjectStore> memory_ = storage::make_memory_object_store(clock_);
  std::shared_ptr<storage::FaultStore> faults_ = std::make_shared<storage::FaultStore>(memory_);
  velero::BackupStore store_{faults_};
  TestCluster cluster_;
  SnapshotController controller_{cluster_};
  velero::Backup backup_;
  BackupOptions options_;
  base::CancelSource cancel_;
};

TEST_F(CsiBackupTest, AClaimOfACsiVolumeIsSnapshottedAndTheStorageKeepsTheSnapshot) {
  add_claim("data");
  const auto status = run();
  EXPECT_EQ(status.phase, velero::phase::kCompleted);
  EXPECT_EQ(status.csi_volume_snapshots_attempted, 1);
  EXPECT_EQ(status.csi_volume_snapshots_completed, 1);
  EXPECT_THAT(controller_.stored(), ElementsAre("handle-of-data"));
  EXPECT_THAT(cluster_.objects(csi::kSnapshots), IsEmpty());
  EXPECT_THAT(cluster_.objects(csi::kContents), IsEmpty());

  const Json claim = stored_object("persistentvolumeclaims", "app", "data");
  const std::string name = codec::get_string(claim, {"metadata", "annotations", csi::kSnapshotName});
  EXPECT_THAT(name, ::testing::StartsWith("velero-data-"));
  EXPECT_EQ(codec::get_string(claim, {"metadata", "labels", csi::kSnapshotName}), name);
  EXPECT_EQ(codec::get_string(claim, {"metadata", "labels", "velero.io/backup-name"}), "b");
  const Json snapshot = stored_object("volumesnapshots.snapshot.storage.k8s.io", "app", name);
  const auto annotations = kube::annotations_of(snapshot);
  EXPECT_EQ(annotations.at("velero.io/csi-volumesnapshot-handle"), "handle-of-data");
  EXPECT_EQ(annotations.at("velero.io/csi-driver-name"), kDriver);
  EXPECT_EQ(annotations.at("velero.io/csi-volumesnapshot-restore-size"), "1Gi");
  EXPECT_EQ(annotations.at("velero.io/csi-vsc-deletion-policy"), "Delete");
  EXPECT_EQ(kube::labels_of(snapshot).at("app"), "db");
  const std::string content_name = codec::get_string(snapshot, {"status", "boundVolumeSnapshotContentName"});
  const Json content = stored_object("volumesnapshotcontents.snapshot.storage.k8s.io", "", content_name);
  EXPECT_EQ(csi::handle_of(content), "handle-of-data");
  EXPECT_EQ(kube::labels_of(content).at("velero.io/backup-name"), "b");
  EXPECT_FALSE(stored_object("volumesnapshotclasses.snapshot.storage.k8s.io", "", "chosen").is_null());
}

TEST_F(CsiBackupTest, TheBucketDescribesTheSnapshotsInVelerosLayout) {
  add_claim("data");
  run();
  const Json snapshots = stored_list("backups/b/b-csi-volumesnapshots.json.gz");
  ASSERT_THAT(snapshots, SizeIs(1));
  EXPECT_EQ(snapshots[0]["kind"], "VolumeSnapshot");
  const Json contents = stored_list("backups/b/b-csi-volumesnapshotcontents.json.gz");
  ASSERT_THAT(contents, SizeIs(1));
  EXPECT_EQ(contents[0]["status"]["snapshotHandle"], "handle-of-data");
  EXPECT_EQ(stored_list("backups/b/b-csi-volumesnapshotclasses.json.gz")[0]["metadata"]["name"], "chosen");
  const auto infos = store_.get_volume_info("b");
  ASSERT_EQ(infos.size(), 1u);
  EXPECT_EQ(infos[0].backup_method, "CSISnapshot");
  EXPECT_EQ(infos[0].pvc_name, "data");
  EXPECT_EQ(infos[0].pv_name, "pv-data");
  EXPECT_EQ(infos[0].result, "succeeded");
  EXPECT_TRUE(infos[0].preserve_local_snapshot);
  ASSERT_TRUE(infos[0].pv_info);
  EXPECT_EQ(infos[0].pv_info->reclaim_policy, "Delete");
  EXPECT_EQ(infos[0].csi_snapshot_info["snapshotHandle"], "handle-of-data");
  EXPECT_EQ(infos[0].csi_snapshot_info["size"], 1 << 30);
  EXPECT_EQ(infos[0].csi_snapshot_info["driver"], kDriver);
  EXPECT_EQ(infos[0].csi_snapshot_info["vscName"], kube::name_of(contents[0]));
}

TEST_F(CsiBackupTest, WithoutTheFeatureNothingIsSnapshotted) {
  add_claim("data");
  options_.csi_snapshots = false;
  EXPECT_EQ(run().csi_volume_snapshots_attempted, 0);
  EXPECT_THAT(controller_.stored(), IsEmpty());
}

TEST_F(CsiBackupTest, OnlyCsiVolumesThatAreWantedAreSnapshotted) {
  add_claim("data");
  add_claim("local", Json::object(), {{"local", {{"path", "/x"}}}});
  EXPECT_EQ(run().csi_volume_snapshots_attempted, 1);
  backup_.metadata.fields()["name"] = "none";
  backup_.spec.snapshot_volumes = false;
  EXPECT_EQ(run().csi_volume_snapshots_attempted, 0);
  backup_.metadata.fields()["name"] = "skip";
  backup_.spec.snapshot_volumes = std::nullopt;
  options_.policies = velero::ResourcePolicies::parse(
      "version: v1\nvolumePolicies:\n- conditions: {csi: {}}\n  action: {type: skip}\n");
  EXPECT_EQ(run().csi_volume_snapshots_attempted, 0);
  EXPECT_THAT(store_.get_volume_info("skip").at(0).skipped_reason, HasSubstr("skipped due to policy"));
  backup_.metadata.fields()["name"] = "snapshot";
  backup_.spec.snapshot_volumes = false;
  options_.policies = velero::ResourcePolicies::parse(
      "version: v1\nvolumePolicies:\n- conditions: {csi: {driver: disk.example.io}}\n"
      "  action: {type: snapshot}\n");
  EXPECT_EQ(run().csi_volume_snapshots_attempted, 1);
}

TEST_F(CsiBackupTest, SnapshotsOfFrozenPodsAreCutBeforeTheyAreThawed) {
  add_claim("data");
  add_claim("log");
  add_pod("p", {"data", "log"});
  std::vector<std::string> events;
  std::mutex mutex;
  const auto note = [&](const std::string& event) {
    std::lock_guard lock(mutex);
    events.push_back(event);
  };
  controller_.on_snapshot = [&](const std::string& claim) { note("snapshot of " + claim); };
  cluster_.on_exec([&](const TestCluster::Command& command) {
    note(command.words.at(0));
    return 0;
  });
  const auto hook = [](const char* command) {
    return velero::BackupResourceHook{
        .exec = velero::ExecHook{.container = "", .command = {command}, .on_error = "", .timeout = {}}};
  };
  backup_.spec.hooks.resources.push_back({.name = "h"});
  backup_.spec.hooks.resources[0].pre = {hook("freeze")};
  backup_.spec.hooks.resources[0].post = {hook("thaw")};
  EXPECT_EQ(run().csi_volume_snapshots_completed, 2);
  EXPECT_THAT(events, ElementsAre("freeze", "snapshot of data", "snapshot of log", "thaw"));
}

TEST_F(CsiBackupTest, ManyClaimsAreSnapshottedAtTheSameTime) {
  for (int i = 0; i < 12; ++i) add_claim("data" + std::to_string(i));
  std::atomic<int> begun = 0;
  controller_.on_snapshot = [&](const std::string&) { ++begun; };
  controller_.behaviour = [&](const std::string& claim) {
    return claim == "data9" ? SnapshotController::Does::kAll : SnapshotController::Does::kBindsOnly;
  };
  backup_.spec.csi_snapshot_timeout = std::chrono::milliseconds(500);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(run().csi_volume_snapshots_completed, 1);
  // One after the other, eleven timeouts would have passed.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(500) * 8);
  EXPECT_EQ(begun, 12);
}

TEST_F(CsiBackupTest, AnythingThatGoesWrongNamesTheClaimAndLeavesNothingBehind) {
  using Does = SnapshotController::Does;
  const std::map<std::string, std::pair<Does, std::string>> cases = {
      {"never-bound", {Does::kNothing, "no VolumeSnapshotContent is bound"}},
      {"failing", {Does::kFails, "the disk is on fire"}},
      {"hanging", {Does::kBindsOnly, "the driver gives it no handle"}},
      {"never-ready", {Does::kCutsOnly, "it is not ready to use"}}};
  for (const auto& [name, expected] : cases) add_claim(name);
  add_claim("good");
  controller_.policy = "Retain";
  controller_.behaviour = [&](const std::string& claim) {
    const auto found = cases.find(claim);
    return found == cases.end() ? Does::kAll : found->second.first;
  };
  backup_.spec.csi_snapshot_timeout = std::chrono::milliseconds(300);
  backup_.spec.item_operation_timeout = std::chrono::milliseconds(300);
  const auto status = run();
  EXPECT_EQ(status.phase, velero::phase::kPartiallyFailed);
  EXPECT_EQ(status.csi_volume_snapshots_attempted, 5);
  EXPECT_EQ(status.csi_volume_snapshots_completed, 1);
  EXPECT_EQ(errors().size(), 4u);
  for (const auto& [name, expected] : cases) {
    EXPECT_THAT(errors(), Contains(::testing::AllOf(HasSubstr("app/" + name), HasSubstr(expected.second),
                                                    HasSubstr("timed out after 300ms"))));
    // The claim is in the backup, and does not look like one that never had data.
    const Json claim = stored_object("persistentvolumeclaims", "app", name);
    EXPECT_NE(codec::get_string(claim, {"metadata", "annotations", csi::kSnapshotName}), "");
  }
  EXPECT_THAT(cluster_.objects(csi::kSnapshots), IsEmpty());
  EXPECT_THAT(cluster_.objects(csi::kContents), IsEmpty());
  EXPECT_THAT(controller_.stored(), ElementsAre("handle-of-good"));
}

TEST_F(CsiBackupTest, AClusterThatRefusesSnapshotsMakesThatClaimFail) {
  add_claim("data");
  cluster_.on_request([](const net::ServerRequest& request) {
    if (request.method == "POST" && request.path.ends_with("/volumesnapshots"))
      base::fail(base::ErrorCode::kInternal, "no quota");
  });
  EXPECT_EQ(run().phase, velero::phase::kPartiallyFailed);
  EXPECT_THAT(errors(), Contains(HasSubstr("CSI snapshot of persistent volume claim app/data failed")));
}

TEST_F(CsiBackupTest, ACancelledBackupRemovesItsSnapshots) {
  add_claim("data");
  add_claim("more");
  controller_.behaviour = [&](const std::string& claim) {
    return claim == "more" ? SnapshotController::Does::kCutsOnly : SnapshotController::Does::kAll;
  };
  cluster_.on_request([&](const net::ServerRequest& request) {
    if (request.method == "GET" && request.path.find("/volumesnapshots/velero-more-") != std::string::npos)
      cancel_.cancel();
  });
  const auto status = run();
  EXPECT_EQ(status.phase, velero::phase::kFailed);
  EXPECT_EQ(status.failure_reason, "the backup was cancelled");
  EXPECT_THAT(cluster_.objects(csi::kSnapshots), IsEmpty());
  EXPECT_THAT(controller_.stored(), IsEmpty());
}

TEST_F(CsiBackupTest, WhereverTheStoreStopsTheSnapshotsAreEitherTheBackupsOrGone) {
  add_claim("data");
  int made = 0;
  controller_.on_snapshot = [&](const std::string&) { ++made; };
  for (std::uint64_t n = 0; n < 20; ++n) {
    faults_->freeze_after_writes(n);
    const int before = made;
    const bool completed = run().phase == velero::phase::kCompleted;
    EXPECT_EQ(made, before + 1) << "after " << n << " writes";
    EXPECT_THAT(cluster_.objects(csi::kSnapshots), IsEmpty());
    EXPECT_THAT(cluster_.objects(csi::kContents), IsEmpty());
    EXPECT_EQ(controller_.stored().empty(), !completed) << "after " << n << " writes";
    if (completed) return;
    faults_ = std::make_shared<storage::FaultStore>(memory_);
    store_ = velero::BackupStore(faults_);
  }
  FAIL() << "no run succeeded";
}

TEST_F(CsiBackupTest, TheClassIsChosenByVelerosRules) {
  add_class("of claim", Json::object(), Json::object());
  add_class("of backup", Json::object(), Json::object());
  add_class("other driver", {{csi::kClass, "true"}}, Json::object(), "other.example.io");
  add_claim("plain");
  add_claim("annotated", {{csi::kClass, "of claim"}});
  add_claim("astray", {{csi::kClass, "other driver"}});
  std::vector<Json> made;
  const auto classes_used = [&] {
    std::map<std::string, std::string> used;
    for (const auto& snapshot : made)
      used[codec::get_string(snapshot, {"spec", "source", "persistentVolumeClaimName"})] =
          codec::get_string(snapshot, {"spec", "volumeSnapshotClassName"});
    made.clear();
    return used;
  };
  cluster_.on_created([&](Json& object) { made.push_back(object); });
  backup_.spec.csi_snapshot_timeout = std::chrono::milliseconds(1);
  run();
  EXPECT_THAT(classes_used(),
              UnorderedElementsAre(std::pair("plain", "chosen"), std::pair("annotated", "of claim"),
                                   std::pair("astray", "chosen")));
  backup_.metadata.fields()["name"] = "b2";
  backup_.metadata.set_annotation(std::string(csi::kClass) + "_" + kDriver, "of backup");
  run();
  EXPECT_THAT(classes_used(),
              UnorderedElementsAre(std::pair("plain", "of backup"), std::pair("annotated", "of claim"),
                                   std::pair("astray", "of backup")));
}

TEST_F(CsiBackupTest, WithoutAClassTheErrorSaysHowToNameOne) {
  cluster_.remove(csi::kClasses, {"", "chosen"});
  add_claim("data");
  EXPECT_EQ(run().phase, velero::phase::kPartiallyFailed);
  EXPECT_THAT(errors(), Contains(::testing::AllOf(HasSubstr("app/data"), HasSubstr(kDriver),
                                                  HasSubstr("velero.io/csi-volumesnapshot-class"))));
  backup_.metadata.fields()["name"] = "with-default";
  add_class("default", Json::object(), {{"snapshot.storage.kubernetes.io/is-default-class", "true"}});
  EXPECT_EQ(run().phase, velero::phase::kCompleted);
}

}  // namespace
}  // namespace salvor::backup
