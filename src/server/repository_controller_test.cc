#include "server/repository_controller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/hash.h"
#include "server/controllers_test_support.h"
#include "server/volume_wiring.h"

namespace salvor::server {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class RepositoryControllerTest : public ControllersTest {
 protected:
  RepositoryControllerTest() {
    volumes_.repository = [this](const std::string& name_space, const velero::BackupStorageLocation& location,
                                 const base::CancelToken&) -> std::string {
      if (unreachable_) base::fail(base::ErrorCode::kUnavailable, "the bucket is away");
      connected_.push_back(name_space + "@" + location.metadata.name());
      return "url";
    };
    volumes_.maintain = [this](const std::string& name_space, const velero::BackupStorageLocation&,
                               const base::CancelToken&) {
      ++prunes_;
      if (prune_fails_) base::fail(base::ErrorCode::kLocked, "repository of {} is locked", name_space);
    };
    create_location();
  }
  void create_repository(Json more = Json::object()) {
    Json spec = {{"volumeNamespace", "app"},
                 {"backupStorageLocation", "default"},
                 {"repositoryType", "restic"},
                 {"maintenanceFrequency", "24h0m0s"}};
    spec.update(more);
    create(resources::kBackupRepositories, "BackupRepository", "r", spec);
  }
  Json status() { return get(resources::kBackupRepositories, "r")["status"]; }

  bool unreachable_ = false, prune_fails_ = false;
  int prunes_ = 0;
  std::vector<std::string> connected_;
  RepositoryController controller_{context_, volumes_};
};

TEST_F(RepositoryControllerTest, ConnectsOnceAndPrunesWheneverTheFrequencyHasPassed) {
  create_repository();
  EXPECT_EQ(controller_.reconcile("r", {}), Controller::Requeue(5min));
  EXPECT_EQ(status()["phase"], "Ready");
  EXPECT_THAT(connected_, ElementsAre("app@default"));
  EXPECT_EQ(prunes_, 0);
  for (int hour = 1; hour <= 72; ++hour) {
    clock_.advance(1h);
    controller_.reconcile("r", {});
  }
  EXPECT_EQ(prunes_, 3);
  EXPECT_EQ(connected_.size(), 1u);
  EXPECT_EQ(status()["lastMaintenanceTime"], "2026-11-25T01:59:30Z");
  EXPECT_EQ(status()["recentMaintenance"].size(), 3u);
  EXPECT_EQ(status()["recentMaintenance"][0]["result"], "Succeeded");
  EXPECT_EQ(metrics_.value("velero_repo_maintenance_success_total", {{"repository_name", "r"}}), 3);
}

TEST_F(RepositoryControllerTest, AFailedPruneIsNotedAndWaitsForTheNextTime) {
  create_repository();
  controller_.reconcile("r", {});
  prune_fails_ = true;
  clock_.advance(25h);
  controller_.reconcile("r", {});
  controller_.reconcile("r", {});
  EXPECT_EQ(prunes_, 1);
  EXPECT_EQ(status()["phase"], "Ready");
  EXPECT_THAT(status()["message"].get<std::string>(), HasSubstr("is locked"));
  EXPECT_EQ(status()["recentMaintenance"][0]["result"], "Failed");
  EXPECT_THAT(recorded_events(), Contains("BackupRepository/r MaintenanceFailed"));
  prune_fails_ = false;
  clock_.advance(24h);
  controller_.reconcile("r", {});
  EXPECT_FALSE(status().contains("message"));
}

TEST_F(RepositoryControllerTest, KeepsTheLast25Runs) {
  create_repository({{"maintenanceFrequency", "1h0m0s"}});
  for (int hour = 0; hour < 40; ++hour) {
    controller_.reconcile("r", {});
    clock_.advance(1h);
  }
  EXPECT_EQ(status()["recentMaintenance"].size(), 25u);
}

TEST_F(RepositoryControllerTest, ARepositoryThatCannotBeServedSaysWhy) {
  create_repository({{"repositoryType", "kopia"}});
  controller_.reconcile("r", {});
  EXPECT_EQ(status()["phase"], "NotReady");
  EXPECT_THAT(status()["message"].get<std::string>(), HasSubstr("kopia"));
  api_.client().patch(
      resources::kBackupRepositories, {"velero", "r"}, kube::PatchType::kMerge,
      {{"spec", {{"repositoryType", "restic"}, {"repositoryConfig", {{"cacheLimitMB", "1"}}}}}});
  controller_.reconcile("r", {});
  EXPECT_THAT(status()["message"].get<std::string>(), HasSubstr("repositoryConfig"));
  api_.client().patch(resources::kBackupRepositories, {"velero", "r"}, kube::PatchType::kMerge,
                      {{"spec", {{"repositoryConfig", nullptr}, {"backupStorageLocation", "gone"}}}});
  controller_.reconcile("r", {});
  EXPECT_THAT(status()["message"].get<std::string>(), HasSubstr("gone not found"));
  EXPECT_THAT(connected_, IsEmpty());
}

TEST_F(RepositoryControllerTest, ConnectsAnewWhenTheLocationChangesAndComesBackWhenTheBucketDoes) {
  create_repository();
  controller_.reconcile("r", {});
  unreachable_ = true;
  api_.client().patch(resources::kBackupStorageLocations, {"velero", "default"}, kube::PatchType::kMerge,
                      {{"spec", {{"objectStorage", {{"prefix", "moved"}}}}}});
  controller_.reconcile("r", {});
  EXPECT_EQ(status()["phase"], "NotReady");
  EXPECT_EQ(status()["message"], "the bucket is away");
  unreachable_ = false;
  controller_.reconcile("r", {});
  EXPECT_EQ(status()["phase"], "Ready");
  EXPECT_EQ(connected_.size(), 2u);
}

// With the real repositories.
class RepositoryPasswordsTest : public ControllersTest {
 protected:
  std::string secret(const std::string& name, const std::string& key) {
    const auto object = api_.client().get(kube::resources::kSecrets, {"velero", name});
    return object ? codec::from_base64(text(*object, {"data", key})).value_or("") : "";
  }
  void ensure(const std::string& name_space) {
    make_volume_services(context_).repository(name_space, stores_.location("default"), {});
  }
};

TEST_F(RepositoryPasswordsTest, AllShareVelerosPasswordUnlessEachIsToHaveItsOwn) {
  create_location();
  ensure("app");
  EXPECT_EQ(secret("velero-repo-credentials", "repository-password"), "static-passw0rd");
  EXPECT_EQ(secret("salvor-repository-app", "default"), "");

  options_.random_repository_passwords = true;
  ensure("app");
  EXPECT_EQ(secret("salvor-repository-app", "default"), "")
      << "that repository is there, with the shared password";
  ensure("db");
  ensure("web");
  const auto db = secret("salvor-repository-db", "default");
  EXPECT_EQ(db.size(), 64u);
  EXPECT_NE(db, secret("salvor-repository-web", "default"));
  ensure("db");
  EXPECT_EQ(secret("salvor-repository-db", "default"), db);

  // Switched off again, what has a password of its own is still opened with it.
  options_.random_repository_passwords = false;
  ensure("db");
  api_.client().remove(kube::resources::kSecrets, {"velero", "salvor-repository-db"});
  EXPECT_THROW(ensure("db"), base::Error);
}

TEST_F(RepositoryPasswordsTest, ARepositoryWithVelerosPasswordIsReadAlsoWhenTheNamespaceHasItsOwn) {
  create_location();
  ensure("app");
  api_.client().create(kube::resources::kSecrets,
                       {{"apiVersion", "v1"},
                        {"kind", "Secret"},
                        {"metadata", {{"name", "salvor-repository-app"}, {"namespace", "velero"}}},
                        {"data", {{"elsewhere", codec::to_base64("of a repository at another location")}}}});
  EXPECT_NO_THROW(ensure("app"));
}

TEST_F(RepositoryPasswordsTest, UploaderSettingsThatNobodyKnowsOrCanReadAreRefused) {
  const auto services = make_volume_services(context_);
  const auto why = [&](const std::string& key, const std::string& value) -> std::string {
    velero::PodVolumeRestore order;
    order.spec.uploader_settings = {{key, value}};
    try {
      services.restore_pod_volume(order, nullptr, {});
    } catch (const base::Error& error) {
      return error.message();
    }
    return "";
  };
  EXPECT_EQ(why("Speed", "9"), "unknown uploader setting Speed");
  EXPECT_THAT(why("ParallelFilesDownload", "many"), HasSubstr("which is no number"));
  EXPECT_THAT(why("WriteSparseFiles", "perhaps"), HasSubstr("neither true nor false"));
}

}  // namespace
}  // namespace salvor::server
