#include "local/runtime/pod_volumes.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "local/api/api_server.h"

namespace salvor::local {
namespace {

namespace fs = std::filesystem;
using codec::Json;
using namespace std::chrono_literals;

class PodVolumesTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "pods need root";
    server_.emplace(
        ApiServerOptions{.directory = directory_.path() / "api", .clock = clock_, .random = random_});
    kube::KubeconfigOptions options;
    options.path = server_->kubeconfig().string();
    client_.emplace(kube::load_connection(options));
    client_->create(kube::resources::kServiceAccounts,
                    {{"apiVersion", "v1"},
                     {"kind", "ServiceAccount"},
                     {"metadata", {{"name", "robot"}, {"namespace", "default"}}}});
    // Made by a thread of the server.
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (!client_->get(kube::resources::kConfigMaps, {"default", "kube-root-ca.crt"}))
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "no kube-root-ca.crt within 20 s";
    view_.emplace(directory_.path() / "view", directory_.path() / "kubelet");
    volumes_.emplace(*client_, directory_.path() / "kubelet" / "pods", *view_);
  }

  Json create_pod(const std::string& name, const Json& security = Json::object()) {
    return client_->create(kube::resources::kPods,
                           {{"apiVersion", "v1"},
                            {"kind", "Pod"},
                            {"metadata", {{"name", name}, {"namespace", "default"}}},
                            {"spec",
                             {{"serviceAccountName", "robot"},
                              {"securityContext", security},
                              {"containers", Json::array({{{"name", "main"}, {"image", "debian"}}})}}}});
  }
  fs::path token_directory(const Json& pod) {
    return volumes_->prepare(pod).at(codec::get_string(pod["spec"]["volumes"][0], {"name"})).path;
  }
  static struct stat status_of(const fs::path& path) {
    struct stat status {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
    return status;
  }

  base::TempDir directory_;
  base::ManualClock clock_{*base::parse_rfc3339("2026-11-22T10:00:00Z")};
  base::SystemRandom random_;
  std::optional<ApiServer> server_;
  std::optional<kube::Client> client_;
  std::optional<KubeletView> view_;
  std::optional<PodVolumes> volumes_;
};

TEST_F(PodVolumesTest, TokensAreRenewedInPlace) {
  const Json pod = create_pod("p");
  const fs::path directory = token_directory(pod);
  EXPECT_EQ(base::read_file(directory / "namespace"), "default");
  EXPECT_NE(base::read_file(directory / "ca.crt").find("BEGIN CERTIFICATE"), std::string::npos);
  const std::string first = base::read_file(directory / "token");
  const ino_t inode = status_of(directory).st_ino;  // what a container has mounted
  EXPECT_EQ(PodVolumes::token_life(pod), std::chrono::seconds(3607 * 4 / 5));
  for (int i = 0; i < 3; ++i) {
    clock_.advance(1h);
    EXPECT_EQ(volumes_->renew_tokens(pod), std::chrono::seconds(3607 * 4 / 5));
    const std::string next = base::read_file(directory / "token");
    EXPECT_NE(next, first);
    EXPECT_EQ(status_of(directory).st_ino, inode);
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(directory), {}), 5);  // one version, ..data, three names
  Json without = pod;
  without["spec"].erase("volumes");
  EXPECT_EQ(PodVolumes::token_life(without), std::nullopt);
}

TEST_F(PodVolumesTest, ChangedConfigMapsAndSecretsReachARunningPod) {
  const auto map = [&](const Json& data) {
    return Json{{"apiVersion", "v1"},
                {"kind", "ConfigMap"},
                {"metadata", {{"name", "settings"}, {"namespace", "default"}}},
                {"data", data}};
  };
  client_->create(kube::resources::kConfigMaps, map({{"a", "1"}, {"b", "2"}}));
  Json pod = create_pod("p");
  pod["spec"]["volumes"] = Json::array({{{"name", "v"}, {"configMap", {{"name", "settings"}}}}});
  const fs::path directory = volumes_->prepare(pod).at("v").path;
  const ino_t inode = status_of(directory).st_ino;
  const fs::path version = fs::read_symlink(directory / "..data");
  volumes_->refresh(pod);
  EXPECT_EQ(fs::read_symlink(directory / "..data"), version);  // nothing changed, nothing was written
  client_->remove(kube::resources::kConfigMaps, {"default", "settings"});
  EXPECT_THROW(volumes_->refresh(pod), base::Error);
  EXPECT_EQ(base::read_file(directory / "a"), "1");
  client_->create(kube::resources::kConfigMaps, map({{"a", "changed"}, {"c", "3"}}));
  volumes_->refresh(pod);
  EXPECT_EQ(base::read_file(directory / "a"), "changed");
  EXPECT_EQ(base::read_file(directory / "c"), "3");
  EXPECT_FALSE(fs::exists(fs::symlink_status(directory / "b")));
  EXPECT_EQ(status_of(directory).st_ino, inode);
}

TEST_F(PodVolumesTest, TokensAreReadableByWhoeverThePodRunsAs) {
  const auto token = [&](const std::string& name, const Json& security) {
    return status_of(token_directory(create_pod(name, security)) / "token");
  };
  EXPECT_EQ(token("anybody", Json::object()).st_mode & 0777, 0644U);
  const auto of_user = token("user", {{"runAsUser", 1234}});
  EXPECT_EQ(of_user.st_uid, 1234U);
  EXPECT_EQ(of_user.st_mode & 0777, 0600U);
  const auto of_group = token("group", {{"fsGroup", 4321}});
  EXPECT_EQ(of_group.st_gid, 4321U);
  EXPECT_EQ(of_group.st_mode & 0777, 0660U);
}

}  // namespace
}  // namespace salvor::local
