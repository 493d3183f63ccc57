// Restores of what the real Velero backed up, held to what the real Velero made of it: the same objects, the
// same outcome of each, the same warnings (tests/golden/velero).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "restore/restorer.h"
#include "restore/target_cluster_test_support.h"
#include "storage/file_object_store.h"
#include "velero/backup_store.h"

namespace salvor::restore {
namespace {

using namespace kube::resources;

const std::filesystem::path kGolden = std::filesystem::path(SALVOR_SOURCE_DIR) / "tests/golden/velero";

Json read(const std::string& file) {
  return codec::parse_json(base::read_file(kGolden / "cluster" / file), file);
}

// The objects of a list.
std::vector<Json> read_items(const std::string& file) {
  const Json list = read(file);
  return std::vector<Json>(list["items"].begin(), list["items"].end());
}

// What the API server, controllers and the scheduler put in.
Json without_server_fields(Json object) {
  for (const char* member :
       {"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "ownerReferences"})
    object["metadata"].erase(member);
  object.erase("status");
  if (object["kind"] == "Pod") {
    object["spec"].erase("nodeName");
    object["spec"].erase("priority");
  }
  return object;
}

// Messages of objects that were restored side by side come in any order.
codec::Json without_order(codec::Json value) {
  if (value.is_array()) std::sort(value.begin(), value.end());
  if (value.is_structured())
    for (auto& member : value) member = without_order(member);
  return value;
}

class GoldenRestoreTest : public testing::Test {
 protected:
  RestoreOutcome run(velero::Restore restore) {
    velero::BackupStore store(
        std::shared_ptr(storage::make_file_object_store(kGolden / "bucket/neurectomy-backups/velero")));
    restore.spec.backup_name = "manual-full";
    const auto backup = store.get_backup("manual-full");
    const auto contents = store.get_contents("manual-full");
    kube::Discovery discovery(cluster_.client());
    discovery.refresh();
    const RestoreServices services{cluster_.client(), discovery, clock_, random_, {}, nullptr, nullptr};
    return run_restore({restore, backup, contents, store.get_volume_snapshots("manual-full"),
                        store.get_pod_volume_backups("manual-full"), store.get_volume_info("manual-full")},
                       services, {}, {});
  }

  // What the real Velero recorded of a restore.
  static velero::ResourceList golden_resources(const std::string& restore) {
    return *golden_store().get_restore_resource_list(restore);
  }
  static velero::Results golden_results(const std::string& restore) {
    auto results = *golden_store().get_restore_results(restore);
    // Velero looks for a kind of CSI that this cluster had not; the text is no result of an object.
    results.warnings.namespaces.erase("cluster");
    return results;
  }
  static velero::BackupStore golden_store() {
    return velero::BackupStore(
        std::shared_ptr(storage::make_file_object_store(kGolden / "bucket/neurectomy-backups/velero")));
  }

  base::SystemClock clock_;
  base::SeededRandom random_{1};
  TargetCluster cluster_;
};

TEST_F(GoldenRestoreTest, AMappedRestoreYieldsTheSameObjectsOutcomesAndWarnings) {
  // As the cluster was: the namespace's neighbour, and what controllers put into the new namespace at once.
  for (const char* file : {"pv.json", "clusterrolebinding.json"}) {
    const Json found = read(file);
    const Json list = found.contains("items") ? found["items"] : Json::array({found});
    for (const Json& object : list)
      cluster_.add(object["kind"] == "PersistentVolume"
                       ? kPersistentVolumes
                       : kube::GroupVersionResource{"rbac.authorization.k8s.io", "v1", "clusterrolebindings"},
                   object);
  }
  for (const Json& object : read_items("restored-cm.json")) {
    if (kube::name_of(object) == "app-config") continue;
    Json others = object;
    others["data"] = {{"ca.crt", "not yet the cluster's"}};
    cluster_.add(kConfigMaps, others);
  }
  for (const Json& object : read_items("restored-sa.json")) {
    if (kube::name_of(object) == "default") cluster_.add(kServiceAccounts, object);
  }
  const auto golden = golden_resources("rt-1");
  const auto contents = golden_store().get_contents("manual-full");
  const auto* const role = contents.find("clusterroles.rbac.authorization.k8s.io", "", "neurectomy-reader");
  cluster_.add({"rbac.authorization.k8s.io", "v1", "clusterroles"},
               codec::parse_json(contents.content(*role), "cluster role"));

  velero::Restore restore;
  restore.metadata = velero::ObjectMeta("velero", "rt-1");
  restore.spec.excluded_resources = {"ingresses", "services"};
  restore.spec.included_namespaces = {"*"};
  restore.spec.namespace_mapping = {{"neurectomy", "restore-test-1"}};
  const auto outcome = run(restore);

  base::StringSink ours, theirs;
  auto resources = outcome.resources;
  auto wanted = golden;
  resources.write_json(ours);
  wanted.write_json(theirs);
  EXPECT_EQ(ours.data(), theirs.data());
  EXPECT_EQ(without_order(outcome.results.to_json()), without_order(golden_results("rt-1").to_json()));
  EXPECT_EQ(outcome.progress.items_restored, 25);
  EXPECT_EQ(outcome.progress.total_items, 25);

  int compared = 0;
  for (const auto& [file, gvr] : std::map<std::string, kube::GroupVersionResource>{
           {"cm", kConfigMaps},
           {"cronjob", kCronJobs},
           {"deploy", kDeployments},
           {"pods", kPods},
           {"pvc", kPersistentVolumeClaims},
           {"role", {"rbac.authorization.k8s.io", "v1", "roles"}},
           {"rolebinding", {"rbac.authorization.k8s.io", "v1", "rolebindings"}},
           {"rs", kReplicaSets},
           {"sa", kServiceAccounts},
           {"secret", kSecrets},
           {"sts", kStatefulSets}}) {
    for (const Json& object : read_items("restored-" + file + ".json")) {
      if (gvr == kConfigMaps && kube::name_of(object) != "app-config") continue;  // the cluster's own
      const auto created = cluster_.find(gvr, {"restore-test-1", kube::name_of(object)});
      ASSERT_TRUE(created) << kube::name_of(object);
      const auto changes = kube::diff_objects(without_server_fields(object), without_server_fields(*created));
      EXPECT_EQ(codec::to_json(kube::to_json(changes)), "[]") << file << " " << kube::name_of(object);
      ++compared;
    }
  }
  EXPECT_EQ(compared, 14);
}

TEST_F(GoldenRestoreTest, ARestoreIntoANewClusterBringsBackAllThatTheBackupHolds) {
  velero::Restore restore;
  restore.metadata = velero::ObjectMeta("velero", "new");
  const auto outcome = run(restore);
  EXPECT_EQ(codec::to_json(outcome.results.to_json()), R"({"errors":{},"warnings":{}})");
  EXPECT_EQ(outcome.progress.items_restored, 27);  // 26 and the namespace
  for (const auto& [kind, names] : outcome.resources.entries()) {
    for (const auto& name : names) EXPECT_THAT(name, testing::EndsWith("(created)")) << kind;
  }
  // The claim and its volume find each other again.
  const auto volume = *cluster_.find(kPersistentVolumes, {"", "pg-data-pv"});
  EXPECT_FALSE(volume["spec"]["claimRef"].contains("uid"));
  EXPECT_EQ(volume["spec"]["claimRef"]["name"], "pg-data");
}

}  // namespace
}  // namespace salvor::restore
