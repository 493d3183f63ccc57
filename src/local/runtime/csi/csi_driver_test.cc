#include "local/runtime/csi/csi_driver.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "local/local_control_plane.h"
#include "volumes/csi_objects.h"

namespace salvor::local {
namespace {

namespace csi = volumes::csi;
namespace fs = std::filesystem;
namespace resources = kube::resources;
using codec::get_string;
using namespace std::chrono_literals;

class CsiDriverTest : public testing::Test {
 protected:
  CsiDriverTest()
      : plane_({.directory = directory_.path() / "plane", .run_pods = false, .csi_driver = true}, clock_,
               random_, base::Logger()),
        client_(plane_.connection()) {}

  void await(const std::string& what, const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    while (!condition()) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "not in time: " << what;
      std::this_thread::sleep_for(20ms);
    }
  }
  static Json claim(const std::string& name, const Json& source = Json()) {
    Json object{{"apiVersion", "v1"},
                {"kind", "PersistentVolumeClaim"},
                {"metadata", {{"name", name}, {"namespace", "default"}}},
                {"spec",
                 {{"storageClassName", "local-csi"},
                  {"accessModes", {"ReadWriteOnce"}},
                  {"resources", {{"requests", {{"storage", "1Gi"}}}}}}}};
    if (!source.is_null()) object["spec"]["dataSource"] = source;
    return object;
  }
  static Json snapshot(const std::string& name, const Json& source) {
    return {{"apiVersion", "snapshot.storage.k8s.io/v1"},
            {"kind", "VolumeSnapshot"},
            {"metadata", {{"name", name}, {"namespace", "default"}}},
            {"spec", {{"source", source}, {"volumeSnapshotClassName", "local-csi"}}}};
  }
  // The directory of a bound claim.
  fs::path volume_of(const std::string& name) {
    fs::path path;
    await("claim " + name + " to be bound", [&] {
      const auto object = client_.require(resources::kPersistentVolumeClaims, {"default", name});
      if (get_string(object, {"status", "phase"}) != "Bound") return false;
      path = get_string(
          client_.require(resources::kPersistentVolumes, {"", get_string(object, {"spec", "volumeName"})}),
          {"spec", "csi", "volumeAttributes", "path"});
      return true;
    });
    return path;
  }
  Json ready(const std::string& name) {
    Json object;
    await("snapshot " + name + " to be ready", [&] {
      object = client_.require(csi::kSnapshots, {"default", name});
      return csi::state_of(object).ready;
    });
    return object;
  }
  // Its content.
  Json content_of(const Json& snapshot) {
    return client_.require(csi::kContents, {"", csi::state_of(snapshot).content});
  }
  fs::path stored(const std::string& handle) { return directory_.path() / "plane" / "snapshots" / handle; }

  base::TempDir directory_;
  base::SystemClock clock_;
  base::SeededRandom random_{1};
  LocalControlPlane plane_;
  kube::Client client_;
};

TEST_F(CsiDriverTest, AClaimIsFilledFromASnapshotAndTheSnapshotGoesAsItsPolicySays) {
  client_.create(resources::kPersistentVolumeClaims, claim("data"));
  base::write_file_atomic(volume_of("data") / "file", "before");
  client_.create(csi::kSnapshots, snapshot("s", {{"persistentVolumeClaimName", "data"}}));
  const Json taken = ready("s");
  const std::string handle = csi::handle_of(content_of(taken));
  EXPECT_EQ(csi::size_of(content_of(taken)), 1 << 30);
  EXPECT_EQ(get_string(taken, {"status", "restoreSize"}), "1Gi");
  base::write_file_atomic(volume_of("data") / "file", "after");

  client_.create(resources::kPersistentVolumeClaims,
                 claim("copy", {{"apiGroup", csi::kGroup}, {"kind", "VolumeSnapshot"}, {"name", "s"}}));
  EXPECT_EQ(base::read_file(volume_of("copy") / "file"), "before");

  client_.remove(csi::kSnapshots, {"default", "s"});
  await("the stored snapshot to go", [&] { return !fs::exists(stored(handle)); });
  await("its objects to go", [&] {
    return client_.list(csi::kSnapshots, "").empty() && client_.list(csi::kContents, "").empty();
  });
}

TEST_F(CsiDriverTest, ARetainedSnapshotIsBoundAgainByItsHandle) {
  client_.create(resources::kPersistentVolumeClaims, claim("data"));
  base::write_file_atomic(volume_of("data") / "file", "kept");
  client_.create(csi::kSnapshots, snapshot("s", {{"persistentVolumeClaimName", "data"}}));
  const Json content = content_of(ready("s"));
  const std::string handle = csi::handle_of(content);
  client_.patch(csi::kContents, {"", kube::name_of(content)}, kube::PatchType::kMerge,
                {{"spec", {{"deletionPolicy", "Retain"}}}});
  client_.remove(csi::kSnapshots, {"default", "s"});
  client_.remove(csi::kContents, {"", kube::name_of(content)});
  await("the content to go", [&] { return client_.list(csi::kContents, "").empty(); });
  EXPECT_TRUE(fs::exists(stored(handle)));

  client_.create(csi::kContents,
                 csi::static_content(content, "again", handle, {"default", "again"}, "Retain"));
  client_.create(csi::kSnapshots, snapshot("again", {{"volumeSnapshotContentName", "again"}}));
  ready("again");
  client_.create(resources::kPersistentVolumeClaims,
                 claim("copy", {{"apiGroup", csi::kGroup}, {"kind", "VolumeSnapshot"}, {"name", "again"}}));
  EXPECT_EQ(base::read_file(volume_of("copy") / "file"), "kept");
}

TEST_F(CsiDriverTest, ASnapshotThatCannotBeSaysWhy) {
  client_.create(csi::kSnapshots, snapshot("s", {{"persistentVolumeClaimName", "absent"}}));
  await("an error", [&] {
    return csi::state_of(client_.require(csi::kSnapshots, {"default", "s"})).error.find("absent") !=
           std::string::npos;
  });
  const Json driver{{"spec", {{"driver", kCsiDriver}}}};
  for (const char* handle : {"no-such", "../volumes"}) {
    client_.create(csi::kContents, csi::static_content(driver, "c", handle, {"default", "c"}, "Delete"));
    await("an error", [&] {
      return csi::error_of(client_.require(csi::kContents, {"", "c"})).find(handle) != std::string::npos;
    });
    client_.remove(csi::kContents, {"", "c"});
    await("the content to go", [&] { return !client_.get(csi::kContents, {"", "c"}); });
  }
  EXPECT_TRUE(fs::exists(directory_.path() / "plane" / "volumes"));
}

TEST_F(CsiDriverTest, AVolumeGoesWithItsClaim) {
  client_.create(resources::kPersistentVolumeClaims, claim("data"));
  const fs::path path = volume_of("data");
  client_.remove(resources::kPersistentVolumeClaims, {"default", "data"});
  await("the volume to go",
        [&] { return !fs::exists(path) && client_.list(resources::kPersistentVolumes, "").empty(); });
}

}  // namespace
}  // namespace salvor::local
