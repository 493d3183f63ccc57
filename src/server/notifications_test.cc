#include "server/notifications.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>

#include "base/text.h"
#include "codec/hash.h"
#include "net/http_server.h"
#include "server/controllers_test_support.h"

namespace salvor::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class NotificationsTest : public ControllersTest {
 protected:
  struct Received {
    std::string path, body, signature;
  };
  NotificationsTest()
      : server_(net::ServerOptions{}, [this](const net::ServerRequest& request, net::ServerReply& reply) {
          std::lock_guard lock(mutex_);
          std::string signature;
          for (const auto& [name, value] : request.headers)
            if (base::to_lower(name) == "x-salvor-signature") signature = value;
          received_.push_back({request.path, request.body, signature});
          reply.send(answers_.empty() ? 200 : answers_.front(), {}, "");
          if (!answers_.empty()) answers_.erase(answers_.begin());
        }) {}

  void create_webhook(const std::string& name, std::map<std::string, std::string> data = {}) {
    data.try_emplace("url", fmt::format("http://127.0.0.1:{}/{}", server_.port(), name));
    Json encoded = Json::object();
    for (const auto& [key, value] : data) encoded[key] = codec::to_base64(value);
    api_.client().create(
        kube::resources::kSecrets,
        {{"apiVersion", "v1"},
         {"kind", "Secret"},
         {"metadata", {{"name", name}, {"namespace", "velero"}, {"labels", {{"salvor.io/webhook", "true"}}}}},
         {"data", encoded}});
  }
  void create_ended(const std::string& name, const std::string& phase,
                    const std::string& ended = "2026-11-22T01:59:00Z") {
    create(resources::kBackups, "Backup", name, {{"storageLocation", "default"}},
           {{"phase", phase},
            {"completionTimestamp", ended},
            {"failureReason", phase == "Failed" ? "the bucket is away" : ""},
            {"errors", phase == "Completed" ? 0 : 2}},
           {{"velero.io/schedule-name", "daily"}});
    annotate(resources::kBackups, name, velero::salvor_annotation::kServer, "this-server");
  }
  std::vector<std::string> paths() {
    std::lock_guard lock(mutex_);
    std::vector<std::string> result;
    for (const auto& one : received_) result.push_back(one.path);
    return result;
  }

  std::mutex mutex_;
  std::vector<Received> received_;  // guarded by mutex_
  std::vector<int> answers_;        // status codes, one after the other; guarded by mutex_
  net::HttpServer server_;
  Notifications notifications_{context_};
};

TEST_F(NotificationsTest, AWebhookIsToldOnceOfABackupThatEndedWithASignature) {
  create_webhook("chat", {{"hmac-key", "secret"}});
  create_ended("b", "Failed");
  notifications_.reconcile("backups/b", {});
  notifications_.reconcile("backups/b", {});
  ASSERT_THAT(received_, SizeIs(1));
  const auto body = Json::parse(received_[0].body);
  EXPECT_EQ(body["text"], "Backup b is Failed, 2 errors, 0 warnings: the bucket is away");
  EXPECT_EQ(body["phase"], "Failed");
  EXPECT_EQ(body["schedule"], "daily");
  EXPECT_EQ(received_[0].signature,
            "sha256=" + codec::to_hex(codec::hmac_sha256("secret", received_[0].body)));
  EXPECT_EQ(text(get(resources::kBackups, "b"), {"metadata", "annotations", "salvor.io/notified"}), "Failed");
  EXPECT_EQ(metrics_.value("salvor_notification_success_total", {{"webhook", "chat"}}), 1);
}

TEST_F(NotificationsTest, AWebhookThatFailsIsTriedAgainAndTheOthersAreNotToldTwice) {
  create_webhook("a");
  create_webhook("b");
  create_ended("x", "Completed");
  answers_ = {503, 200};
  EXPECT_THROW(notifications_.reconcile("backups/x", {}), base::Error);
  EXPECT_THAT(paths(), ElementsAre("/a", "/b"));
  notifications_.reconcile("backups/x", {});
  EXPECT_THAT(paths(), ElementsAre("/a", "/b", "/a"));
  EXPECT_EQ(metrics_.value("salvor_notification_failure_total", {{"webhook", "a"}}), 1);
}

TEST_F(NotificationsTest, AWebhookThatRefusesIsNotAskedAgain) {
  create_webhook("a");
  create_ended("x", "Completed");
  answers_ = {404};
  notifications_.reconcile("backups/x", {});
  notifications_.reconcile("backups/x", {});
  EXPECT_THAT(paths(), ElementsAre("/a"));
}

TEST_F(NotificationsTest, AWebhookHearsOfThePhasesThatItAskedFor) {
  create_webhook("alerts", {{"events", "Failed, PartiallyFailed"}});
  create_ended("good", "Completed");
  create_ended("half", "PartiallyFailed");
  notifications_.reconcile("backups/good", {});
  notifications_.reconcile("backups/half", {});
  ASSERT_THAT(received_, SizeIs(1));
  EXPECT_THAT(received_[0].body, HasSubstr("half"));
}

TEST_F(NotificationsTest, NobodyIsToldOfWhatIsOldOrFoundInABucket) {
  create_webhook("chat");
  create_ended("old", "Completed", "2026-11-20T00:00:00Z");
  create(resources::kBackups, "Backup", "found", Json::object(),
         {{"phase", "Completed"}, {"completionTimestamp", "2026-11-22T01:59:00Z"}});
  notifications_.reconcile("backups/old", {});
  notifications_.reconcile("backups/found", {});
  EXPECT_THAT(paths(), IsEmpty());
}

TEST_F(NotificationsTest, AWebhookThatIsNotThereHoldsNothingUp) {
  create_webhook("gone", {{"url", "http://127.0.0.1:1/x"}});
  create_ended("x", "Completed");
  EXPECT_THROW(notifications_.reconcile("backups/x", {}), base::Error);
  EXPECT_EQ(phase(resources::kBackups, "x"), "Completed");
  clock_.advance(2h);
  EXPECT_EQ(notifications_.reconcile("backups/x", {}), std::nullopt) << "it has been tried for long enough";
}

TEST_F(NotificationsTest, ARestoreIsToldOfWithItsBackup) {
  create_webhook("chat");
  create(resources::kRestores, "Restore", "r", {{"backupName", "b"}},
         {{"phase", "PartiallyFailed"}, {"completionTimestamp", "2026-11-22T01:59:00Z"}, {"warnings", 3}});
  annotate(resources::kRestores, "r", velero::salvor_annotation::kServer, "this-server");
  notifications_.reconcile("restores/r", {});
  ASSERT_THAT(received_, SizeIs(1));
  const auto body = Json::parse(received_[0].body);
  EXPECT_EQ(body["kind"], "Restore");
  EXPECT_EQ(body["backup"], "b");
  EXPECT_EQ(body["warnings"], 3);
}

}  // namespace
}  // namespace salvor::server
