// The whole server against the real API server that SALVOR_TEST_KUBECONFIG names; skipped without it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/file.h"
#include "server/server.h"
#include "velero/backup_store.h"
#include "velero/constants.h"

namespace salvor::server {
namespace {

using codec::Json;
using namespace std::chrono_literals;
namespace resources = velero::resources;

class ServerOnRealClusterTest : public testing::Test {
 protected:
  void SetUp() override {
    const char* path = std::getenv("SALVOR_TEST_KUBECONFIG");
    if (!path) GTEST_SKIP() << "SALVOR_TEST_KUBECONFIG is not set";
    client_ = std::make_unique<kube::Client>(kube::load_connection({.path = path, .context = ""}));
    suffix_ = random_.name_suffix();
    options_.name_space = "velero-" + suffix_;
    options_.metrics_address = "127.0.0.1:0";
    options_.backup_sync_period = 1s;
    std::filesystem::create_directories(dir_.path() / "bucket");
    source_ = "source-" + suffix_;
    create_namespace(source_);
    for (int i = 0; i < 20; ++i)
      client_->create(kube::resources::kConfigMaps,
                      {{"apiVersion", "v1"},
                       {"kind", "ConfigMap"},
                       {"metadata", {{"name", fmt::format("c-{}", i)}, {"namespace", source_}}},
                       {"data", {{"n", std::to_string(i)}}}});
  }
  void TearDown() override {
    stop();
    if (!client_) return;
    for (const auto& name : namespaces_) client_->remove(kube::resources::kNamespaces, {"", name});
    client_->remove(kube::resources::kNamespaces, {"", options_.name_space});
  }

  void create_namespace(const std::string& name) {
    client_->create(kube::resources::kNamespaces,
                    {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", name}}}});
    namespaces_.push_back(name);
  }
  void start() {
    cancel_ = std::make_unique<base::CancelSource>();
    server_ =
        std::make_unique<Server>(*client_, options_, clock_, random_, base::Logger(base::stderr_log_sink()));
    thread_ = std::thread([this] { server_->run(cancel_->token()); });
  }
  void stop() {
    if (!thread_.joinable()) return;
    cancel_->cancel();
    thread_.join();
    server_.reset();
  }
  void create(const kube::GroupVersionResource& gvr, const std::string& kind, const std::string& name,
              Json spec) {
    const Json object = {{"apiVersion", "velero.io/v1"},
                         {"kind", kind},
                         {"metadata", {{"name", name}, {"namespace", options_.name_space}}},
                         {"spec", std::move(spec)}};
    await("the API to take " + kind, [&] {
      try {
        client_->create(gvr, object);
        return true;
      } catch (const base::Error& error) {
        return error.code() == base::ErrorCode::kAlreadyExists;
      }
    });
  }
  void await(const std::string& what, const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) FAIL() << "waited 30 s for " << what;
      std::this_thread::sleep_for(50ms);
    }
  }
  std::string phase(const kube::GroupVersionResource& gvr, const std::string& name) {
    const auto object = client_->get(gvr, {options_.name_space, name});
    return object ? codec::get_string(*object, {"status", "phase"}) : "absent";
  }
  void create_location() {
    create(resources::kBackupStorageLocations, "BackupStorageLocation", "default",
           {{"provider", "filesystem"},
            {"default", true},
            {"objectStorage", {{"bucket", "bucket"}}},
            {"config", {{"root", dir_.path().string()}}}});
    await("the location to be available",
          [&] { return phase(resources::kBackupStorageLocations, "default") == "Available"; });
  }

  base::TempDir dir_;
  base::SystemClock clock_;
  base::SystemRandom random_;
  std::unique_ptr<kube::Client> client_;
  ServerOptions options_;
  std::string suffix_, source_;
  std::vector<std::string> namespaces_;
  std::unique_ptr<base::CancelSource> cancel_;
  std::unique_ptr<Server> server_;
  std::thread thread_;
};

TEST_F(ServerOnRealClusterTest, BacksUpRestoresSyncsAndDeletes) {
  start();
  create_location();
  create(resources::kBackups, "Backup", "b1", {{"includedNamespaces", {source_}}});
  await("the backup", [&] { return phase(resources::kBackups, "b1") == "Completed"; });
  const auto backup = client_->require(resources::kBackups, {options_.name_space, "b1"});
  EXPECT_GE(backup["status"]["progress"]["itemsBackedUp"].get<int>(), 21);

  const auto target = "target-" + suffix_;
  namespaces_.push_back(target);
  create(resources::kRestores, "Restore", "r1",
         {{"backupName", "b1"}, {"namespaceMapping", {{source_, target}}}});
  await("the restore", [&] { return phase(resources::kRestores, "r1") == "Completed"; });
  EXPECT_EQ(client_->require(kube::resources::kConfigMaps, {target, "c-7"})["data"]["n"], "7");

  // A control plane that has lost its objects finds the backup in the bucket.
  client_->remove(resources::kBackups, {options_.name_space, "b1"});
  await("the sync", [&] { return phase(resources::kBackups, "b1") == "Completed"; });

  create(resources::kDeleteBackupRequests, "DeleteBackupRequest", "d1", {{"backupName", "b1"}});
  await("the deletion", [&] { return phase(resources::kBackups, "b1") == "absent"; });
  EXPECT_FALSE(std::filesystem::exists(dir_.path() / "bucket/backups/b1/velero-backup.json"));
  EXPECT_EQ(phase(resources::kRestores, "r1"), "absent");
}

TEST_F(ServerOnRealClusterTest, ASchedulesRunIsMadeAndAStoppedServerContinues) {
  start();
  create_location();
  create(resources::kSchedules, "Schedule", "often",
         {{"schedule", "@every 2s"}, {"template", {{"includedNamespaces", {source_}}, {"ttl", "1h0m0s"}}}});
  const auto count = [&] {
    kube::ListOptions options;
    options.label_selector = "velero.io/schedule-name=often";
    size_t completed = 0;
    for (const auto& backup : client_->list(resources::kBackups, options_.name_space, options))
      if (codec::get_string(backup, {"status", "phase"}) == "Completed") ++completed;
    return completed;
  };
  await("the first scheduled backup", [&] { return count() >= 1; });
  stop();
  start();
  const auto before = count();
  await("another scheduled backup", [&] { return count() > before; });
}

}  // namespace
}  // namespace salvor::server
