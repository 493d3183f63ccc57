#include "volumes/volume_path.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"

namespace salvor::volumes {
namespace {

namespace fs = std::filesystem;
using base::ErrorCode;

class VolumePathTest : public testing::Test {
 protected:
  static Json pod() {
    return {{"metadata", {{"name", "web"}, {"namespace", "shop"}, {"uid", "uid-1"}}},
            {"spec",
             {{"volumes",
               {{{"name", "cache"}, {"emptyDir", Json::object()}},
                {{"name", "inline"}, {"csi", {{"driver", "d"}}}},
                {{"name", "data"}, {"persistentVolumeClaim", {{"claimName", "data"}}}}}}}}};
  }
  static Json persistent_volume(const Json& spec) {
    return {{"metadata", {{"name", "pv-1"}}}, {"spec", spec}};
  }
  fs::path make(const std::string& below) {
    const fs::path path = host_pods_ / "uid-1/volumes" / below;
    fs::create_directories(path);
    return path;
  }
  base::Error failure(const VolumePathResolver& resolver, const PodVolume& volume) {
    try {
      resolver.resolve(volume);
    } catch (const base::Error& error) {
      return error;
    }
    ADD_FAILURE() << "nothing was thrown";
    return {ErrorCode::kInternal, ""};
  }

  base::TempDir directory_;
  const fs::path host_pods_ = directory_.path() / "pods";
  const std::unique_ptr<VolumePathResolver> kubelet_ = kubelet_volume_paths(host_pods_);
  const std::unique_ptr<VolumePathResolver> node_ = node_volume_paths(host_pods_);
};

TEST_F(VolumePathTest, OfAVolumeWithoutAClaimHasItsName) {
  const fs::path path = make("kubernetes.io~empty-dir/cache");
  make("kubernetes.io~secret/other");
  EXPECT_EQ(kubelet_->resolve({pod(), "cache", std::nullopt}), path);
}

TEST_F(VolumePathTest, OfAClaimHasThePersistentVolumesName) {
  const fs::path path = make("kubernetes.io~local-volume/pv-1");
  EXPECT_EQ(kubelet_->resolve({pod(), "data", persistent_volume({{"local", {{"path", "/x"}}}})}), path);
}

TEST_F(VolumePathTest, OfACsiVolumeEndsInMount) {
  const fs::path path = make("kubernetes.io~csi/pv-1/mount");
  EXPECT_EQ(kubelet_->resolve({pod(), "data", persistent_volume({{"csi", {{"driver", "d"}}}})}), path);
  const fs::path inline_path = make("kubernetes.io~csi/inline/mount");
  EXPECT_EQ(kubelet_->resolve({pod(), "inline", std::nullopt}), inline_path);
}

TEST_F(VolumePathTest, MustBeTheOnlyOne) {
  base::Error error = failure(*kubelet_, {pod(), "cache", std::nullopt});
  EXPECT_EQ(error.code(), ErrorCode::kNotFound);
  EXPECT_NE(error.message().find("volume \"cache\" of pod \"shop/web\""), std::string::npos);
  EXPECT_NE(error.message().find("expected one matching path, got 0"), std::string::npos);
  make("kubernetes.io~empty-dir/cache");
  make("kubernetes.io~nfs/cache");
  error = failure(*kubelet_, {pod(), "cache", std::nullopt});
  EXPECT_EQ(error.code(), ErrorCode::kConflict);
  EXPECT_NE(error.message().find("got 2"), std::string::npos);
}

TEST_F(VolumePathTest, NeverLeavesThePodsDirectory) {
  Json evil = pod();
  evil["metadata"]["uid"] = "..";
  EXPECT_EQ(failure(*kubelet_, {evil, "cache", std::nullopt}).code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(failure(*kubelet_, {pod(), "../x", std::nullopt}).code(), ErrorCode::kInvalidArgument);
}

TEST_F(VolumePathTest, FallsBackToThePersistentVolumesOwn) {
  const fs::path own = directory_.path() / "own";
  fs::create_directory(own);
  const PodVolume local{pod(), "data", persistent_volume({{"local", {{"path", own.string()}}}})};
  const PodVolume host_path{pod(), "data", persistent_volume({{"hostPath", {{"path", own.string()}}}})};
  EXPECT_EQ(node_->resolve(local), own);
  EXPECT_EQ(node_->resolve(host_path), own);
  const fs::path mounted = make("kubernetes.io~local-volume/pv-1");
  EXPECT_EQ(node_->resolve(local), mounted);
  fs::remove_all(mounted);
  fs::remove_all(own);
  EXPECT_EQ(failure(*node_, local).code(), ErrorCode::kNotFound);
}

TEST_F(VolumePathTest, BlockVolumesAreUnsupported) {
  EXPECT_EQ(failure(*node_, {pod(), "data", persistent_volume({{"volumeMode", "Block"}})}).code(),
            ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace salvor::volumes
