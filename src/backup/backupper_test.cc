#include "backup/backupper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backup/cluster_test_support.h"
#include "base/error.h"
#include "codec/gzip.h"
#include "codec/tar.h"
#include "storage/faults.h"
#include "storage/file_object_store.h"
#include "storage/memory_object_store.h"
#include "velero/bucket_layout.h"

namespace salvor::backup {
namespace {

using codec::Json;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const std::string kGolden =
    std::string(SALVOR_SOURCE_DIR) + "/tests/golden/velero/bucket/neurectomy-backups/velero/";
const kube::GroupVersionResource kWidgets{"example.io", "v1", "widgets"};
const base::Time kNow = *base::parse_rfc3339("2026-11-22T22:00:00Z");

class TestProvider final : public SnapshotProvider {
 public:
  explicit TestProvider(bool fails) : fails_(fails) {}
  std::string volume_id(const Json& volume) override { return "vol-" + kube::name_of(volume); }
  VolumeDetails volume_details(const std::string&, const std::string&, const base::CancelToken&) override {
    return {.type = "gp3", .iops = {}};
  }
  std::string create_snapshot(const std::string& id, const std::string&,
                              const std::map<std::string, std::string>& tags,
                              const base::CancelToken&) override {
    if (fails_) base::fail(base::ErrorCode::kUnavailable, "the provider is down");
    return "snap-" + id + "-" + tags.at("velero.io/pv");
  }

 private:
  const bool fails_;
};

class BackupperTest : public ::testing::Test {
 protected:
  BackupperTest() {
    backup_.metadata = velero::ObjectMeta("velero", "b");
    backup_.metadata.fields()["uid"] = "backup-uid";
    backup_.spec.included_namespaces = {"neurectomy"};
    backup_.spec.storage_location = "default";
    backup_.spec.snapshot_volumes = false;
    options_.pod_volume_timeout = std::chrono::seconds(20);
  }

  void load_golden() { cluster_.load_contents(kGolden + "backups/manual-full/manual-full.tar.gz"); }
  void add_namespace(const std::string& name) {
    cluster_.add(kube::resources::kNamespaces, object("v1", "Namespace", "", name));
  }
  static Json object(const std::string& api_version, const std::string& kind, const std::string& name_space,
                     const std::string& name) {
    Json metadata = {{"name", name}, {"uid", "uid-of-" + name}};
    if (!name_space.empty()) metadata["namespace"] = name_space;
    return {{"apiVersion", api_version}, {"kind", kind}, {"metadata", metadata}};
  }
  Json pod(const std::string& name) {
    Json result = object("v1", "Pod", "neurectomy", name);
    result["spec"] = {
        {"nodeName", "node"},
        {"containers",
         Json::array(
             {{{"name", "main"}, {"volumeMounts", Json::array({{{"name", "data"}, {"mountPath", "/d"}}})}}})},
        {"volumes", Json::array({{{"name", "data"}, {"persistentVolumeClaim", {{"claimName", "claim"}}}}})}};
    result["status"] = {{"phase", "Running"}};
    return result;
  }
  void add_pod_with_volume() {
    add_namespace("neurectomy");
    cluster_.add(kube::resources::kPods, pod("p"));
    Json claim = object("v1", "PersistentVolumeClaim", "neurectomy", "claim");
    claim["spec"] = {{"volumeName", "volume"},
                     {"dataSource", {{"kind", "PersistentVolumeClaim"}, {"name", "old"}}}};
    claim["status"] = {{"phase", "Bound"}};
    cluster_.add(kube::resources::kPersistentVolumeClaims, claim);
    Json volume = object("v1", "PersistentVolume", "", "volume");
    volume["spec"] = {{"claimRef", {{"namespace", "neurectomy"}, {"name", "claim"}}},
                      {"persistentVolumeReclaimPolicy", "Delete"},
                      {"local", {{"path", "/x"}}}};
    cluster_.add(kube::resources::kPersistentVolumes, volume);
  }
  static velero::BackupResourceHook hook(const std::string& command, const std::string& on_error = "",
                                         base::Duration timeout = {}) {
    return {.exec = velero::ExecHook{
                .container = "", .command = {command}, .on_error = on_error, .timeout = timeout}};
  }
  velero::BackupResourceHookSpec& hooks() {
    if (backup_.spec.hooks.resources.empty()) backup_.spec.hooks.resources.push_back({.name = "h"});
    return backup_.spec.hooks.resources[0];
  }

  velero::BackupStatus run() {
    kube::Client client(cluster_.connection());
    kube::Discovery discovery(client);
    discovery.refresh();
    BackupServices services{client, discovery, clock_,  random_, store_,
                            {},     nullptr,   nullptr, nullptr, nullptr};
    services.snapshot_provider = [this](const std::string&) {
      return std::make_unique<TestProvider>(provider_fails_);
    };
    services.repository = [](const std::string& name_space) { return "repo/" + name_space; };
    services.delete_snapshot = [this](const velero::NativeSnapshot& snapshot) {
      removed_snapshots_.push_back(snapshot.status.provider_snapshot_id);
    };
    return run_backup(backup_, services, options_, cancel_.token());
  }

  std::vector<std::string> pods_in_backup() {
    std::vector<std::string> names;
    const auto contents = store_.get_contents("b");
    for (const auto& item : contents.items("pods")) names.push_back(item.name);
    return names;
  }
  std::vector<std::string> paths_in_backup() {
    const std::string packed = memory_->get(velero::backup_key::contents(backup_.metadata.name()));
    base::ViewSource source(packed);
    codec::GunzipSource gunzip(source);
    codec::TarReader tar(gunzip);
    std::vector<std::string> paths;
    while (auto entry = tar.next()) paths.push_back(entry->name);
    return paths;
  }
  std::vector<std::string> hook_words() {
    std::vector<std::string> words;
    for (const auto& command : cluster_.commands())
      words.push_back(command.ends_processes ? "<end processes>" : command.words.at(0));
    return words;
  }

  base::ManualClock clock_{kNow};
  base::SeededRandom random_{1};
  std::shared_ptr<storage::ObjectStore> memory_ = storage::make_memory_object_store(clock_);
  std::shared_ptr<storage::FaultStore> faults_ = std::make_shared<storage::FaultStore>(memory_);
  velero::BackupStore store_{faults_};
  TestCluster cluster_;
  velero::Backup backup_;
  BackupOptions options_;
  base::CancelSource cancel_;
  bool provider_fails_ = false;
  std::vector<std::string> removed_snapshots_;
};

TEST_F(BackupperTest, TakesTheSameObjectsAsVeleroFromTheSameCluster) {
  load_golden();
  const auto status = run();
  EXPECT_EQ(status.phase, velero::phase::kCompleted);
  EXPECT_EQ(status.progress->total_items, 59);
  EXPECT_EQ(status.progress->items_backed_up, 59);
  velero::BackupStore golden(std::shared_ptr(storage::make_file_object_store(kGolden)));
  EXPECT_EQ(store_.get_resource_list("b")->entries(), golden.get_resource_list("manual-full")->entries());
  EXPECT_EQ(store_.get_backup("b").status.phase, velero::phase::kCompleted);
  const auto contents = store_.get_contents("b");
  EXPECT_NE(contents.find("clusterrolebindings.rbac.authorization.k8s.io", "", "neurectomy-reader"), nullptr);
  EXPECT_NE(contents.find("persistentvolumes", "", "pg-data-pv"), nullptr);
  EXPECT_NE(contents.find("namespaces", "", "neurectomy"), nullptr);
  const auto volumes = store_.get_volume_info("b");
  ASSERT_EQ(volumes.size(), 1u);
  EXPECT_EQ(volumes[0].skipped_reason,
            "podvolume: opted out due to annotation in pod postgresql-0;volumeSnapshot: not satisfy the "
            "criteria for "
            "VolumePolicy or the legacy snapshot way;");
}

TEST_F(BackupperTest, ASelectorTakesWhatItMatchesAndTheNamespaceThatHoldsIt) {
  load_golden();
  backup_.spec.label_selector = kube::LabelSelector::parse("app=postgresql");
  const auto status = run();
  EXPECT_EQ(status.phase, velero::phase::kCompleted);
  EXPECT_EQ(status.progress->items_backed_up, 6);
}

TEST_F(BackupperTest, OldFiltersTakeOnlyTheKindsNamed) {
  load_golden();
  backup_.spec.label_selector = kube::LabelSelector::parse("backup-tier in (critical,high)");
  backup_.spec.included_resources = {"persistentvolumeclaims", "secrets", "configmaps"};
  EXPECT_EQ(run().progress->items_backed_up, 3);
}

TEST_F(BackupperTest, AMissingNamespaceMakesABackupPartial) {
  load_golden();
  backup_.spec.included_namespaces = {"neurectomy", "monitoring"};
  const auto status = run();
  EXPECT_EQ(status.phase, velero::phase::kPartiallyFailed);
  EXPECT_EQ(status.errors, 1);
  EXPECT_THAT(
      store_.get_results("b")->errors.velero,
      ElementsAre(" resource: /namespaces message: /fail to get the namespace monitoring specified in "
                  "backup.Spec.IncludedNamespaces"));
}

TEST_F(BackupperTest, ExcludedAndDeletedObjectsStayOutAndDefinitionsComeAlong) {
  add_namespace("neurectomy");
  Json excluded = object("v1", "ConfigMap", "neurectomy", "excluded");
  excluded["metadata"]["labels"] = {{"velero.io/exclude-from-backup", "true"}};
  cluster_.add(kube::resources::kConfigMaps, excluded);
  Json deleted = object("v1", "ConfigMap", "neurectomy", "deleted");
  deleted["metadata"]["deletionTimestamp"] = "2026-11-22T22:00:00Z";
  cluster_.add(kube::resources::kConfigMaps, deleted);
  cluster_.add(kWidgets, object("example.io/v1", "Widget", "neurectomy", "w"));
  cluster_.add(kube::resources::kCustomResourceDefinitions,
               object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "widgets.example.io"));
  EXPECT_EQ(run().phase, velero::phase::kCompleted);
  const auto contents = store_.get_contents("b");
  EXPECT_THAT(contents.group_resources(), ElementsAre("customresourcedefinitions.apiextensions.k8s.io",
                                                      "namespaces", "widgets.example.io"));
}

TEST_F(BackupperTest, ABoundClaimsDataSourceIsNotStored) {
  add_pod_with_volume();
  EXPECT_EQ(run().phase, velero::phase::kCompleted);
  const auto contents = store_.get_contents("b");
  EXPECT_THAT(contents.content(*contents.find("persistentvolumeclaims", "neurectomy", "claim")),
              Not(HasSubstr("dataSource")));
}

TEST_F(BackupperTest, NativeSnapshotsAreTakenAndTheirFailureIsAnError) {
  add_pod_with_volume();
  backup_.spec.snapshot_volumes = true;
  backup_.spec.volume_snapshot_locations = {"ebs"};
  auto status = run();
  EXPECT_EQ(status.phase, velero::phase::kCompleted);
  EXPECT_EQ(status.volume_snapshots_completed, 1);
  EXPECT_EQ(store_.get_volume_snapshots("b").at(0).status.provider_snapshot_id, "snap-vol-volume-volume");
  EXPECT_EQ(store_.get_volume_info("b").at(0).backup_method, "NativeSnapshot");

  backup_.metadata.fields()["name"] = "b2";
  provider_fails_ = true;
  status = run();
  EXPECT_EQ(status.phase, velero::phase::kPartiallyFailed);
  EXPECT_EQ(status.volume_snapshots_attempted, 1);
  EXPECT_EQ(status.volume_snapshots_completed, 0);
}

TEST_F(BackupperTest, PodVolumesAreBackedUpBetweenTheHooks) {
  add_pod_with_volume();
  backup_.spec.default_volumes_to_fs_backup = true;
  backup_.spec.snapshot_volumes = true;
  backup_.spec.volume_snapshot_locations = {"ebs"};
  hooks().pre = {hook("freeze")};
  hooks().post = {hook("thaw")};
  cluster_.on_pod_volume_backup([&](Json& pvb) {
    EXPECT_THAT(hook_words(), ElementsAre("freeze"));
    EXPECT_EQ(codec::get_string(pvb, {"spec", "repoIdentifier"}), "repo/neurectomy");
    EXPECT_EQ(codec::get_string(pvb, {"spec", "tags", "pvc-uid"}), "uid-of-claim");
    pvb["status"] = {{"phase", "Completed"}, {"snapshotID", "abc"}};
  });
  const auto status = run();
  EXPECT_EQ(status.phase, velero::phase::kCompleted);
  EXPECT_EQ(status.hook_status->hooks_attempted, 2);
  EXPECT_EQ(status.volume_snapshots_attempted, 0);
  EXPECT_THAT(hook_words(), ElementsAre("freeze", "thaw"));
  EXPECT_EQ(store_.get_pod_volume_backups("b").at(0).status.snapshot_id, "abc");
  EXPECT_EQ(store_.get_volume_info("b").at(0).backup_method, "PodVolumeBackup");
}

TEST_F(BackupperTest, AFailedPodVolumeBackupIsAnError) {
  add_pod_with_volume();
  backup_.spec.default_volumes_to_fs_backup = true;
  cluster_.on_pod_volume_backup([](Json& pvb) {
    pvb["status"] = {{"phase", "Failed"}, {"message", "disk on fire"}};
  });
  EXPECT_EQ(run().phase, velero::phase::kPartiallyFailed);
  EXPECT_THAT(store_.get_results("b")->errors.namespaces["neurectomy"], Contains(HasSubstr("disk on fire")));
}

TEST_F(BackupperTest, APodDeletedWhileItsVolumesAreBackedUpDoesNotHoldTheBackup) {
  add_pod_with_volume();
  backup_.spec.default_volumes_to_fs_backup = true;
  cluster_.on_pod_volume_backup([&](Json&) { cluster_.remove(kube::resources::kPods, {"neurectomy", "p"}); });
  EXPECT_EQ(run().phase, velero::phase::kPartiallyFailed);
  EXPECT_THAT(store_.get_results("b")->errors.namespaces["neurectomy"],
              Contains(HasSubstr("the pod was deleted")));
}

TEST_F(BackupperTest, AFailingHookThatMustSucceedKeepsItsPodOut) {
  add_pod_with_volume();
  hooks().pre = {hook("broken", "Fail"), hook("never")};
  cluster_.on_exec([](const auto&) { return 3; });
  const auto status = run();
  EXPECT_EQ(status.phase, velero::phase::kPartiallyFailed);
  EXPECT_EQ(status.hook_status->hooks_failed, 1);
  EXPECT_THAT(hook_words(), ElementsAre("broken"));
  EXPECT_THAT(pods_in_backup(), IsEmpty());
  EXPECT_THAT(store_.get_results("b")->errors.namespaces["neurectomy"],
              Contains(HasSubstr("command terminated with exit code 3")));
}

TEST_F(BackupperTest, AHookWithoutOnErrorMustSucceedAndItsPodsVolumesAreNotSnapshottedElse) {
  add_pod_with_volume();
  backup_.spec.snapshot_volumes = true;
  backup_.spec.volume_snapshot_locations = {"ebs"};
  hooks().pre = {hook("freeze"), hook("broken"), hook("never")};
  hooks().post = {hook("thaw")};
  cluster_.on_exec([](const auto& command) { return command.words[0] == "broken" ? 1 : 0; });
  const auto status = run();
  EXPECT_EQ(status.phase, velero::phase::kPartiallyFailed);
  EXPECT_THAT(hook_words(), ElementsAre("freeze", "broken", "thaw"));
  EXPECT_EQ(status.hook_status->hooks_attempted, 3);
  EXPECT_EQ(status.hook_status->hooks_failed, 1);
  EXPECT_THAT(pods_in_backup(), IsEmpty());
  EXPECT_EQ(status.volume_snapshots_attempted, 0);
  EXPECT_THAT(store_.get_volume_info("b").at(0).skipped_reason,
              HasSubstr("a hook failed before the backup of pod p"));
  // The same with the hooks in order.
  backup_.metadata.fields()["name"] = "b2";
  hooks().pre = {hook("freeze")};
  EXPECT_EQ(run().volume_snapshots_attempted, 1);
}

TEST_F(BackupperTest, SnapshotsOfABackupThatFailsAreRemovedAndThoseOfAKilledOneAreInItsJournal) {
  add_pod_with_volume();
  backup_.spec.snapshot_volumes = true;
  backup_.spec.volume_snapshot_locations = {"ebs"};
  faults_->add_rule({.operation = storage::Operation::kPut, .key_glob = "*results*", .retryable = false});
  EXPECT_EQ(run().phase, velero::phase::kFailed);
  EXPECT_THAT(removed_snapshots_, ElementsAre("snap-vol-volume-volume"));
  EXPECT_THAT(velero::BackupStore(memory_).get_volume_snapshots("b"), IsEmpty());

  faults_->clear_rules();
  faults_->add_rule({.operation = storage::Operation::kPut,
                     .key_glob = "*results*",
                     .effect = storage::FaultRule::Effect::kDie});
  run();
  const auto journal = velero::BackupStore(memory_).get_volume_snapshots("b");
  ASSERT_EQ(journal.size(), 1u);
  EXPECT_EQ(journal[0].status.provider_snapshot_id, "snap-vol-volume-volume");
}

TEST_F(BackupperTest, AllVersionsOfAKindAreStoredWhenAskedFor) {
  add_namespace("neurectomy");
  cluster_.add(kWidgets, object("example.io/v1", "Widget", "neurectomy", "w"));
  options_.all_versions = true;
  ASSERT_EQ(run().phase, velero::phase::kCompleted);
  EXPECT_THAT(paths_in_backup(),
              Contains("resources/widgets.example.io/v1beta1/namespaces/neurectomy/w.json"));
  options_.all_versions = false;
  backup_.metadata.fields()["name"] = "b2";
  ASSERT_EQ(run().phase, velero::phase::kCompleted);
  EXPECT_THAT(paths_in_backup(),
              Contains("resources/widgets.example.io/v1-preferredversion/namespaces/neurectomy/w.json"));
  EXPECT_THAT(paths_in_backup(), Not(Contains(HasSubstr("v1beta1"))));
}

TEST_F(BackupperTest, AFailingHookThatMayFailIsAnErrorButThePodIsTaken) {
  add_pod_with_volume();
  hooks().pre = {hook("broken", "Continue"), hook("broken too", "Continue"), hook("after")};
  cluster_.on_exec([](const auto& command) { return command.words[0] == "after" ? 0 : 1; });
  const auto status = run();
  EXPECT_EQ(status.phase, velero::phase::kPartiallyFailed);
  EXPECT_EQ(status.hook_status->hooks_attempted, 3);
  EXPECT_EQ(status.hook_status->hooks_failed, 2);
  EXPECT_THAT(pods_in_backup(), ElementsAre("p"));
}

TEST_F(BackupperTest, AHookThatHangsIsEndedWithItsProcesses) {
  add_pod_with_volume();
  hooks().pre = {hook("hang", "Fail", std::chrono::milliseconds(200))};
  cluster_.on_exec([](const auto&) { return -1; });
  EXPECT_EQ(run().phase, velero::phase::kPartiallyFailed);
  EXPECT_THAT(hook_words(), ElementsAre("hang", "<end processes>"));
  EXPECT_THAT(store_.get_results("b")->errors.namespaces["neurectomy"],
              Contains(HasSubstr("timed out after 200ms")));
}

TEST_F(BackupperTest, AHookForAContainerThatIsNotThereIsNamed) {
  add_pod_with_volume();
  hooks().pre = {
      {.exec = velero::ExecHook{.container = "absent", .command = {"x"}, .on_error = "", .timeout = {}}}};
  EXPECT_EQ(run().phase, velero::phase::kPartiallyFailed);
  EXPECT_THAT(store_.get_results("b")->errors.namespaces["neurectomy"],
              Contains(HasSubstr("no such container: \"absent\" in pod \"neurectomy/p\"")));
}

TEST_F(BackupperTest, AStoreThatStopsAtAnyWriteLeavesNoBackupButTheEarlierOnes) {
  load_golden();
  backup_.metadata.fields()["name"] = "earlier";
  ASSERT_EQ(run().phase, velero::phase::kCompleted);
  backup_.metadata.fields()["name"] = "b";
  for (std::uint64_t n = 0; n < 20; ++n) {
    faults_->freeze_after_writes(n);
    const auto status = run();
    velero::BackupStore reader(memory_);
    EXPECT_EQ(reader.get_contents("earlier").size(), 59u);
    if (status.phase == velero::phase::kCompleted) {
      EXPECT_EQ(reader.get_contents("b").size(), 59u);
      return;
    }
    EXPECT_EQ(status.phase, velero::phase::kFailed);
    EXPECT_THAT(status.failure_reason, Not(IsEmpty()));
    EXPECT_FALSE(reader.backup_exists("b")) << "after " << n << " writes";
    faults_ = std::make_shared<storage::FaultStore>(memory_);
    store_ = velero::BackupStore(faults_);
  }
  FAIL() << "no run succeeded";
}

TEST_F(BackupperTest, ATakenNameFailsAndLeavesTheEarlierBackupAlone) {
  load_golden();
  ASSERT_EQ(run().phase, velero::phase::kCompleted);
  const std::string log = memory_->get(velero::backup_key::log("b"));
  const auto status = run();
  EXPECT_EQ(status.phase, velero::phase::kFailed);
  EXPECT_EQ(status.failure_reason, "backup already exists in object storage");
  EXPECT_EQ(memory_->get(velero::backup_key::log("b")), log);
  EXPECT_EQ(store_.get_contents("b").size(), 59u);
}

TEST_F(BackupperTest, ACancelledBackupThawsWhatItFrozeAndKeepsItsLog) {
  add_pod_with_volume();
  backup_.spec.default_volumes_to_fs_backup = true;
  hooks().pre = {hook("freeze")};
  hooks().post = {hook("thaw")};
  cluster_.on_pod_volume_backup([&](Json&) { cancel_.cancel(); });
  const auto status = run();
  EXPECT_EQ(status.phase, velero::phase::kFailed);
  EXPECT_EQ(status.failure_reason, "the backup was cancelled");
  EXPECT_THAT(hook_words(), ElementsAre("freeze", "thaw"));
  EXPECT_FALSE(store_.backup_exists("b"));
  base::StringSink log;
  store_.get_log("b", log);
  EXPECT_THAT(log.data(), HasSubstr("the backup was cancelled"));
}

}  // namespace
}  // namespace salvor::backup
