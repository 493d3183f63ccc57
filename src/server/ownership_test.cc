// Whose a backup or a restore is: nothing runs twice, nothing is lost with its server, what is asked to stop
// stops.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "server/backup_controller.h"
#include "server/backup_queue.h"
#include "server/controllers_test_support.h"
#include "server/restore_controller.h"

namespace salvor::server {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
namespace notes = velero::salvor_annotation;

// What differs between two servers of one cluster.
struct OtherServer {
  OtherServer(FakeApi& api, ServerOptions& options, const base::Clock& clock, base::Random& random,
              const std::string& identity, int attempts = 1)
      : client(api.new_client(attempts)),
        stores(*client, "velero", clock, random, {}),
        events(*client, clock, random, {}, identity),
        presence(*client, "velero", identity, clock, {}),
        context{*client, options, clock, random, {}, metrics, stores, events, presence, backups, restores} {
    declare_velero_metrics(metrics);
  }
  std::unique_ptr<kube::Client> client;
  Metrics metrics;
  LocationStores stores;
  EventRecorder events;
  ServerPresence presence;
  Operations backups, restores;
  Context context;
};

bool changes(const net::ServerRequest& request, const std::string& ending) {
  return request.method == "PATCH" && request.path.ends_with(ending);
}

class OwnershipTest : public ControllersTest {
 protected:
  // As another server left it.
  void create_begun(const std::string& name, const std::string& owner,
                    const std::string& phase = "InProgress") {
    create(resources::kBackups, "Backup", name, {{"storageLocation", "default"}},
           {{"phase", phase}, {"startTimestamp", "2026-11-22T01:00:00Z"}});
    annotate(resources::kBackups, name, notes::kServer, owner);
  }
  std::string annotation(const kube::GroupVersionResource& gvr, const std::string& name, const char* key) {
    return text(get(gvr, name), {"metadata", "annotations", key});
  }
  velero::BackupStore store() { return velero::BackupStore(stores_.open(stores_.location("default"))); }

  BackupController controller_{context_, volumes_};
};

TEST_F(OwnershipTest, OfTwoServersWithoutLeaderElectionOneMakesEachBackup) {
  create_location();
  constexpr int kBackups = 40;
  for (int i = 0; i < kBackups; ++i)
    create(resources::kBackups, "Backup", fmt::format("b-{}", i),
           {{"includedNamespaces", {fmt::format("n-{}", i)}}});
  OtherServer other(api_, options_, clock_, random_, "other-server");
  BackupController theirs(other.context, volumes_);
  presence_.start({});
  other.presence.start({});
  std::vector<std::jthread> threads;
  for (auto* controller : {&controller_, &theirs})
    threads.emplace_back([&, controller] {
      for (int i = 0; i < kBackups; ++i) {
        const auto name = fmt::format("b-{}", i);
        try {
          controller->reconcile(name, {});
        } catch (const base::Error& error) {
          ADD_FAILURE() << name << ": " << error.message();
        }
      }
    });
  threads.clear();
  const Metrics::Labels adhoc{{"schedule", ""}};
  const auto attempts = [&](const Metrics& metrics) {
    return metrics.value("velero_backup_attempt_total", adhoc);
  };
  EXPECT_EQ(attempts(metrics_) + attempts(other.metrics), kBackups);
  for (int i = 0; i < kBackups; ++i)
    // The namespaces do not exist, which is an error of each backup.
    EXPECT_EQ(phase(resources::kBackups, fmt::format("b-{}", i)), "PartiallyFailed");
}

TEST_F(OwnershipTest, ABackupOfALiveServerIsLeftToIt) {
  create_location();
  OtherServer other(api_, options_, clock_, random_, "other-server");
  other.presence.start({});
  create_begun("b", "other-server");
  EXPECT_EQ(controller_.reconcile("b", {}), Controller::Requeue(5s));
  EXPECT_EQ(phase(resources::kBackups, "b"), "InProgress");
  EXPECT_EQ(annotation(resources::kBackups, "b", notes::kServer), "other-server");
}

TEST_F(OwnershipTest, ABackupOfADeadServerBeginsAnewAndIsCompleted) {
  create_location();
  create_begun("b", "dead-server");
  store().store().put("backups/b/b-logs.gz", "half");
  controller_.reconcile("b", {});
  EXPECT_EQ(phase(resources::kBackups, "b"), "New");
  EXPECT_EQ(annotation(resources::kBackups, "b", notes::kRestarts), "1");
  EXPECT_FALSE(store().store().stat("backups/b/b-logs.gz"));
  controller_.reconcile("b", {});
  EXPECT_EQ(phase(resources::kBackups, "b"), "Completed");
  EXPECT_EQ(text(get(resources::kBackups, "b"), {"status", "startTimestamp"}), "2026-11-22T01:59:30Z");
  EXPECT_TRUE(store().backup_exists("b"));
  EXPECT_EQ(metrics_.value("salvor_backup_resumed_total", {}), 1);
  // What servers note about their work is no part of a backup.
  EXPECT_THAT(store().get_backup("b").metadata.annotations(),
              Not(Contains(testing::Key(HasSubstr("salvor.io")))));
}

TEST_F(OwnershipTest, ABackupThatWasWholeInTheStoreIsTakenAsItIs) {
  create_location();
  create_begun("b", "dead-server", "Finalizing");
  auto whole = velero::Backup::from_json(get(resources::kBackups, "b"));
  whole.status.phase = "Completed";
  whole.status.errors = 0;
  store().start_backup("b").finish(whole);
  controller_.reconcile("b", {});
  EXPECT_EQ(phase(resources::kBackups, "b"), "Completed");
  EXPECT_EQ(annotation(resources::kBackups, "b", notes::kRestarts), "");
}

TEST_F(OwnershipTest, ABackupThatServersDieOfFailsInTheEndWithVelerosWords) {
  create_location();
  create_begun("b", "dead-server");
  annotate(resources::kBackups, "b", notes::kRestarts, "3");
  controller_.reconcile("b", {});
  const auto backup = get(resources::kBackups, "b");
  EXPECT_EQ(text(backup, {"status", "phase"}), "Failed");
  EXPECT_THAT(
      text(backup, {"status", "failureReason"}),
      HasSubstr(
          "found a backup with status \"InProgress\" during the server starting, mark it as \"Failed\""));
}

TEST_F(OwnershipTest, WhatAnEarlierAttemptLeftIsCancelledDeletedOrReplaced) {
  create_location();
  create_begun("b", "dead-server");
  const auto uid = kube::uid_of(get(resources::kBackups, "b"));
  const Json labels = {{"velero.io/backup-uid", uid}};
  create(resources::kPodVolumeBackups, "PodVolumeBackup", "running", Json::object(),
         {{"phase", "InProgress"}}, labels);
  create(resources::kPodVolumeBackups, "PodVolumeBackup", "saved", Json::object(),
         {{"phase", "Completed"}, {"snapshotID", "abc"}}, labels);
  velero::NativeSnapshot snapshot;
  snapshot.spec.backup_uid = uid;
  snapshot.status.provider_snapshot_id = "snap-1";
  store().store().put(velero::backup_key::volume_snapshots("b"),
                      codec::gzip(Json::array({snapshot.to_json()}).dump()));
  std::vector<std::string> removed, forgotten;
  volumes_.delete_snapshot = [&](const velero::NativeSnapshot& gone, const base::CancelToken&) {
    removed.push_back(gone.status.provider_snapshot_id);
  };
  volumes_.forget = [&](const velero::PodVolumeBackup& gone, const base::CancelToken&) {
    forgotten.push_back(gone.status.snapshot_id);
  };
  controller_.reconcile("b", {});
  EXPECT_THAT(removed, ElementsAre("snap-1"));
  EXPECT_EQ(get(resources::kPodVolumeBackups, "running")["spec"]["cancel"], true);
  EXPECT_THAT(forgotten, IsEmpty()) << "what was saved is a parent for the new attempt";
  clock_.advance(1min);
  controller_.reconcile("b", {});
  EXPECT_EQ(phase(resources::kBackups, "b"), "Completed");
  EXPECT_THAT(forgotten, ElementsAre("abc"));
  EXPECT_THAT(names(resources::kPodVolumeBackups), IsEmpty());
}

TEST_F(OwnershipTest, AServerThatIsToldToStopGivesItsBackupBack) {
  create_location();
  create(resources::kBackups, "Backup", "b", Json::object());
  base::CancelSource stop;
  // It is told in the middle of the work: when the namespaces are listed.
  std::atomic<bool> running = false;
  api_.on_request([&](const net::ServerRequest& request) {
    if (context_.backups.is_running("b") && request.path == "/apis") stop.cancel();
  });
  controller_.reconcile("b", stop.token());
  EXPECT_EQ(phase(resources::kBackups, "b"), "New");
  EXPECT_EQ(annotation(resources::kBackups, "b", notes::kServer), "");
  EXPECT_FALSE(store().backup_exists("b"));
  api_.on_request(nullptr);
  controller_.reconcile("b", {});
  EXPECT_EQ(phase(resources::kBackups, "b"), "Completed");
}

TEST_F(OwnershipTest, ACancelledBackupIsFailedAndLeavesNothingButItsLog) {
  create_location();
  create(resources::kBackups, "Backup", "b", Json::object());
  const auto watch = controller_.watches().at(0).handle;
  api_.on_request([&](const net::ServerRequest& request) {
    if (request.path != "/apis" || !context_.backups.is_running("b")) return;
    watch({kube::WatchEvent::Type::kModified,
           {{"metadata", {{"name", "b"}, {"annotations", {{notes::kCancel, "now"}}}}},
            {"status", {{"phase", "InProgress"}}}}});
  });
  controller_.reconcile("b", {});
  const auto backup = get(resources::kBackups, "b");
  EXPECT_EQ(text(backup, {"status", "phase"}), "Failed");
  EXPECT_EQ(text(backup, {"status", "failureReason"}), "the backup was cancelled on request");
  EXPECT_FALSE(store().backup_exists("b"));
  EXPECT_FALSE(store().store().stat(velero::backup_key::contents("b")));
}

TEST_F(OwnershipTest, ABackupThatIsCancelledBeforeItStartsNeverStarts) {
  create_location();
  create(resources::kBackups, "Backup", "b", Json::object());
  annotate(resources::kBackups, "b", notes::kCancel, "now");
  controller_.reconcile("b", {});
  EXPECT_EQ(phase(resources::kBackups, "b"), "Failed");
  EXPECT_EQ(metrics_.value("velero_backup_attempt_total", {{"schedule", ""}}), 0);
}

TEST_F(OwnershipTest, ABackupThatAnotherServerTookOverIsLeftAlone) {
  create_location();
  create(resources::kBackups, "Backup", "b", Json::object());
  api_.on_request([&](const net::ServerRequest& request) {
    // This server was thought dead, and another has written its piece already.
    if (request.path != "/apis" || !context_.backups.is_running("b")) return;
    const auto client = api_.new_client();
    client->patch(resources::kBackups, {"velero", "b"}, kube::PatchType::kMerge,
                  {{"metadata", {{"annotations", {{notes::kServer, "other-server"}}}}}});
    store().store().put(velero::backup_key::results("b"), "theirs");
  });
  controller_.reconcile("b", {});
  EXPECT_EQ(phase(resources::kBackups, "b"), "InProgress");
  EXPECT_EQ(store().store().get(velero::backup_key::results("b")), "theirs");
  EXPECT_FALSE(store().backup_exists("b"));
}

TEST_F(OwnershipTest, BackupsThatShareANamespaceTakeTurnsAndOthersRunSideBySide) {
  Operations operations;
  const auto first = operations.start("a", {"app", "db"}, {});
  ASSERT_TRUE(first);
  EXPECT_FALSE(operations.start("b", {"db"}, {}));
  EXPECT_FALSE(operations.start("b", {}, {})) << "all namespaces include these";
  EXPECT_FALSE(operations.start("b", {"d*"}, {}));
  EXPECT_FALSE(operations.start("a", {"x"}, {})) << "that one runs";
  EXPECT_TRUE(operations.start("b", {"web", "w?b"}, {}));
}

TEST_F(OwnershipTest, ABackupWaitsForAnotherServersThatSharesANamespace) {
  create_location();
  OtherServer other(api_, options_, clock_, random_, "other-server");
  other.presence.start({});
  create(resources::kBackups, "Backup", "theirs", {{"includedNamespaces", {"app", "db"}}},
         {{"phase", "InProgress"}});
  annotate(resources::kBackups, "theirs", notes::kServer, "other-server");
  create(resources::kBackups, "Backup", "mine", {{"includedNamespaces", {"d*"}}});
  create(resources::kBackups, "Backup", "apart", {{"includedNamespaces", {"web"}}});
  EXPECT_GE(controller_.reconcile("mine", {}), Controller::Requeue(2500ms));
  EXPECT_EQ(phase(resources::kBackups, "mine"), "New") << "the claim was given back";
  EXPECT_EQ(annotation(resources::kBackups, "mine", notes::kServer), "");
  EXPECT_EQ(annotation(resources::kBackups, "mine", notes::kRestarts), "");
  EXPECT_EQ(controller_.reconcile("mine", {}), Controller::Requeue(5s)) << "it asks before it claims now";
  controller_.reconcile("apart", {});
  EXPECT_THAT(phase(resources::kBackups, "apart"), HasSubstr("PartiallyFailed"))
      << "there is no such namespace";
  api_.client().patch(resources::kBackups, {"velero", "theirs"}, kube::PatchType::kMerge,
                      {{"status", {{"phase", "Completed"}}}});
  controller_.reconcile("mine", {});
  EXPECT_EQ(phase(resources::kBackups, "mine"), "Completed");
}

TEST_F(OwnershipTest, OfTwoServersThatClaimOverlappingBackupsAtOnceOneGivesItsOwnBack) {
  create_location();
  OtherServer other(api_, options_, clock_, random_, "other-server");
  other.presence.start({});
  for (const auto* name : {"theirs", "mine"})
    create(resources::kBackups, "Backup", name, {{"includedNamespaces", {"app"}}});
  // The other's claim comes between our look and our claim.
  std::atomic<bool> claimed = false;
  api_.on_request([&](const net::ServerRequest& request) {
    if (!changes(request, "/backups/mine") || claimed.exchange(true)) return;
    const auto client = api_.new_client();
    client->patch(resources::kBackups, {"velero", "theirs"}, kube::PatchType::kMerge,
                  {{"metadata", {{"annotations", {{notes::kServer, "other-server"}}}}},
                   {"status", {{"phase", "InProgress"}}}});
  });
  controller_.reconcile("mine", {});
  EXPECT_TRUE(claimed);
  EXPECT_EQ(phase(resources::kBackups, "mine"), "New");
  EXPECT_EQ(metrics_.value("velero_backup_attempt_total", {{"schedule", ""}}), 0);
  EXPECT_FALSE(store().backup_exists("mine"));
}

TEST_F(OwnershipTest, ABackupOfADeadServerHoldsNobodyUp) {
  create_location();
  create(resources::kBackups, "Backup", "theirs", {{"includedNamespaces", {"app"}}},
         {{"phase", "InProgress"}});
  annotate(resources::kBackups, "theirs", notes::kServer, "dead-server");
  OtherServer other(api_, options_, clock_, random_, "idle-server");
  other.presence.start({});
  create(resources::kBackups, "Backup", "mine", {{"includedNamespaces", {"app"}}});
  controller_.reconcile("mine", {});
  EXPECT_EQ(phase(resources::kBackups, "mine"), "PartiallyFailed") << "there is no such namespace";
}

TEST_F(OwnershipTest, WaitingBackupsAreQueuedInTheOrderOfTheirCreation) {
  const auto running = context_.backups.start("runs", {}, {});
  create(resources::kBackups, "Backup", "z-first", Json::object());
  clock_.advance(1s);
  create(resources::kBackups, "Backup", "a-second", Json::object());
  create(resources::kBackups, "Backup", "done", Json::object(), {{"phase", "Completed"}});
  BackupQueue queue(context_);
  queue.reconcile("all", {});
  EXPECT_EQ(phase(resources::kBackups, "z-first"), "Queued");
  EXPECT_EQ(get(resources::kBackups, "z-first")["status"]["queuePosition"], 1);
  EXPECT_EQ(get(resources::kBackups, "a-second")["status"]["queuePosition"], 2);
  EXPECT_EQ(phase(resources::kBackups, "done"), "Completed");
  EXPECT_EQ(controller_.reconcile("z-first", {}), Controller::Requeue(5s));
}

TEST_F(OwnershipTest, AQueuedBackupStartsWhenThereIsRoom) {
  create_location();
  create(resources::kBackups, "Backup", "b", Json::object(), {{"phase", "Queued"}, {"queuePosition", 3}});
  controller_.reconcile("b", {});
  EXPECT_EQ(phase(resources::kBackups, "b"), "Completed");
  EXPECT_FALSE(get(resources::kBackups, "b")["status"].contains("queuePosition"));
  EXPECT_THAT(recorded_events(), ElementsAre("Backup/b ReadyToStart", "Backup/b InProgress",
                                             "Backup/b Finalizing", "Backup/b Completed"));
}

TEST_F(OwnershipTest, EachChangeOfARestoresPhaseIsAnEvent) {
  create_location();
  create(resources::kBackups, "Backup", "b", {{"storageLocation", "default"}});
  controller_.reconcile("b", {});
  create(resources::kRestores, "Restore", "r", {{"backupName", "b"}});
  RestoreController(context_, volumes_).reconcile("r", {});
  EXPECT_EQ(phase(resources::kRestores, "r"), "Completed");
  auto events = recorded_events();
  std::erase_if(events, [](const std::string& event) { return !event.starts_with("Restore/"); });
  EXPECT_THAT(events, ElementsAre("Restore/r InProgress", "Restore/r Finalizing", "Restore/r Completed"));
}

TEST_F(OwnershipTest, EachChangeOfABackupsPhaseIsAnEvent) {
  create_location();
  create(resources::kBackups, "Backup", "good", Json::object());
  create(resources::kBackups, "Backup", "bad", {{"storageLocation", "absent"}});
  controller_.reconcile("good", {});
  controller_.reconcile("bad", {});
  EXPECT_THAT(recorded_events(), ElementsAre("Backup/good InProgress", "Backup/good Finalizing",
                                             "Backup/good Completed", "Backup/bad FailedValidation"));
  const auto events = api_.client().list(kube::resources::kEvents, "velero");
  for (const auto& event : events)
    EXPECT_EQ(text(event, {"type"}), text(event, {"reason"}) == "FailedValidation" ? "Warning" : "Normal");
}

TEST_F(OwnershipTest, FieldsThatTheServerDoesNotKnowOrCannotReadFailValidation) {
  create_location();
  create(resources::kBackups, "Backup", "unknown",
         {{"includedNamespace", {"app"}},
          {"hooks",
           {{"resources",
             Json::array({{{"name", "h"},
                           {"pre", Json::array({{{"exec", {{"command", {"x"}}, {"shell", "sh"}}}}})}}})}}}});
  create(resources::kBackups, "Backup", "malformed", {{"ttl", "a month"}});
  create(resources::kBackups, "Backup", "unsupported", {{"snapshotMoveData", true}, {"datamover", "other"}});
  for (const auto* name : {"unknown", "malformed", "unsupported"}) {
    controller_.reconcile(name, {});
    EXPECT_EQ(phase(resources::kBackups, name), "FailedValidation") << name;
  }
  const auto errors = [&](const char* name) {
    return get(resources::kBackups, name)["status"]["validationErrors"].dump();
  };
  EXPECT_THAT(errors("unknown"), HasSubstr("spec.includedNamespace: unknown field"));
  EXPECT_THAT(errors("unknown"), HasSubstr("spec.hooks.resources[0].pre[0].exec.shell: unknown field"));
  EXPECT_THAT(errors("malformed"), HasSubstr("a month"));
  EXPECT_THAT(errors("unsupported"), HasSubstr("snapshotMoveData is not supported"));
  EXPECT_THAT(errors("unsupported"), HasSubstr("datamover"));
}

TEST_F(OwnershipTest, ARestoreOfADeadServerBeginsAnewAndACancelledOneFails) {
  create_location();
  put_backup("b");
  create(resources::kBackups, "Backup", "b", {{"storageLocation", "default"}}, {{"phase", "Completed"}});
  for (const auto* name : {"left", "cancelled"}) {
    create(resources::kRestores, "Restore", name, {{"backupName", "b"}}, {{"phase", "InProgress"}});
    annotate(resources::kRestores, name, notes::kServer, "dead-server");
  }
  annotate(resources::kRestores, "cancelled", notes::kCancel, "now");
  RestoreController restores(context_, volumes_);
  restores.reconcile("left", {});
  EXPECT_EQ(phase(resources::kRestores, "left"), "New");
  EXPECT_EQ(annotation(resources::kRestores, "left", notes::kRestarts), "1");
  restores.reconcile("cancelled", {});
  EXPECT_EQ(phase(resources::kRestores, "cancelled"), "Failed");
  EXPECT_EQ(text(get(resources::kRestores, "cancelled"), {"status", "failureReason"}),
            "the restore was cancelled on request");
}

TEST_F(OwnershipTest, AClaimWhoseAnswerIsLostIsRecognisedWhenItIsSentAgain) {
  create_location();
  create(resources::kBackups, "Backup", "b", {{"storageLocation", "default"}});
  create(resources::kRestores, "Restore", "r", {{"backupName", "b"}});
  OtherServer patient(api_, options_, clock_, random_, "patient-server", 3);
  BackupController backups(patient.context, volumes_);
  RestoreController restores(patient.context, volumes_);
  int lost = 0;
  std::set<std::string> met;
  api_.lose_answers([&](const net::ServerRequest& request) {
    const bool first = (changes(request, "/backups/b") || changes(request, "/restores/r")) &&
                       met.insert(request.path).second;
    return first && ++lost > 0;
  });
  backups.reconcile("b", {});
  EXPECT_EQ(phase(resources::kBackups, "b"), "Completed");
  EXPECT_EQ(annotation(resources::kBackups, "b", notes::kRestarts), "");
  EXPECT_EQ(patient.metrics.value("velero_backup_attempt_total", {{"schedule", ""}}), 1);
  restores.reconcile("r", {});
  EXPECT_EQ(phase(resources::kRestores, "r"), "Completed");
  EXPECT_EQ(annotation(resources::kRestores, "r", notes::kRestarts), "");
  EXPECT_EQ(lost, 2);
}

TEST_F(OwnershipTest, AClaimThatItsServerNeverHeardOfIsNotCountedAsTheServersEnd) {
  create_location();
  create(resources::kBackups, "Backup", "b", {{"storageLocation", "default"}});
  int lost = 0;
  api_.lose_answers(
      [&](const net::ServerRequest& request) { return changes(request, "/backups/b") && lost++ < 1; });
  EXPECT_THROW(controller_.reconcile("b", {}), base::Error);
  ASSERT_EQ(phase(resources::kBackups, "b"), "InProgress") << "it was carried out, only nobody knows";
  controller_.reconcile("b", {});
  EXPECT_EQ(phase(resources::kBackups, "b"), "New");
  controller_.reconcile("b", {});
  EXPECT_EQ(phase(resources::kBackups, "b"), "Completed");
  EXPECT_EQ(annotation(resources::kBackups, "b", notes::kRestarts), "");
}

TEST_F(OwnershipTest, AConflictWithAnothersWriteIsStillAConflict) {
  create(resources::kBackups, "Backup", "b", Json::object());
  auto mine = load<velero::Backup>(api_.client(), resources::kBackups, {"velero", "b"});
  annotate(resources::kBackups, "b", notes::kServer, "other-server");
  mine->value.metadata.set_annotation(notes::kServer, "this-server");
  EXPECT_THROW(mine->save_unchanged(api_.client(), resources::kBackups), base::Error);
  EXPECT_EQ(annotation(resources::kBackups, "b", notes::kServer), "other-server");
}

TEST_F(OwnershipTest, AnEndThatMeetsConflictsIsWrittenAllTheSame) {
  create_location();
  create(resources::kBackups, "Backup", "b", {{"storageLocation", "default"}});
  int conflicts = 0;
  api_.on_request([&](const net::ServerRequest& request) {
    // An API server answers so when too many write one object, whatever version they ask for.
    if (changes(request, "/backups/b") && request.body.find("\"Completed\"") != std::string::npos &&
        conflicts++ < 2)
      base::fail(base::ErrorCode::kConflict, "the object has been modified");
  });
  controller_.reconcile("b", {});
  EXPECT_EQ(conflicts, 3);
  EXPECT_EQ(phase(resources::kBackups, "b"), "Completed");
}

}  // namespace
}  // namespace salvor::server
