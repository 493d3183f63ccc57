#include "server/pod_volume_controller.h"

#include <gmock/gmock.h>

#include <atomic>
#include <latch>
#include <thread>

#include "server/fake_api_test_support.h"

namespace salvor::server {
namespace {

using namespace std::chrono_literals;
namespace resources = velero::resources;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

class PodVolumeControllerTest : public ::testing::Test {
 protected:
  PodVolumeControllerTest() {
    options_.node_name = "node1";
    options_.node_agent_only = true;
    declare_velero_metrics(metrics_);
  }

  void order(const std::string& name, const std::string& phase = "", const std::string& claim = "",
             int attempts = 0) {
    velero::PodVolumeBackup backup;
    backup.metadata = velero::ObjectMeta("velero", name);
    if (!claim.empty()) backup.metadata.set_label(velero::label::kPvcUid, claim);
    if (attempts > 0) backup.metadata.set_annotation("salvor.io/attempts", std::to_string(attempts));
    backup.spec.node = "node1";
    backup.spec.pod = {"Pod", "shop", "db-0", "pod-uid-" + name, ""};
    backup.spec.volume = "data";
    backup.status.phase = phase;
    api_.client().create(resources::kPodVolumeBackups, backup.to_json());
  }
  velero::PodVolumeBackup state(const std::string& name) {
    return velero::PodVolumeBackup::from_json(
        api_.client().require(resources::kPodVolumeBackups, {"velero", name}));
  }
  // The work of every order: says that it began, then waits for its token.
  void work_until_stopped(std::latch& began) {
    volumes_.back_up_pod_volume = [&began](velero::PodVolumeBackup&, const VolumeServices::Progress&,
                                           const base::CancelToken& cancel) {
      began.count_down();
      while (cancel.sleep(1min)) {
      }
      cancel.check();
    };
  }

  base::ManualClock clock_{*base::parse_rfc3339("2026-11-22T02:00:00Z")};
  base::SeededRandom random_{1};
  FakeApi api_{clock_};
  ServerOptions options_;
  Metrics metrics_;
  LocationStores stores_{api_.client(), "velero", clock_, random_, {}};
  EventRecorder events_{api_.client(), clock_, random_, {}, "test"};
  ServerPresence presence_{api_.client(), "velero", "this-server", clock_, {}};
  Operations running_backups_, running_restores_;
  Context context_{api_.client(), options_,  clock_,           random_,          {}, metrics_, stores_,
                   events_,       presence_, running_backups_, running_restores_};
  VolumeServices volumes_;
  NodeOrders orders_{2};
};

TEST_F(PodVolumeControllerTest, AnOrderThatAKilledAgentLeftIsStartedAgainAndNotFailed) {
  order("left", "InProgress", "", 1);
  volumes_.back_up_pod_volume = [](velero::PodVolumeBackup& backup, const VolumeServices::Progress&,
                                   const base::CancelToken&) { backup.status.snapshot_id = "abc"; };
  PodVolumeBackupController agent(context_, volumes_, orders_);
  agent.recover({});
  EXPECT_EQ(state("left").status.phase, "New");
  agent.reconcile("left", {});
  EXPECT_EQ(state("left").status.phase, "Completed");
  EXPECT_EQ(state("left").status.snapshot_id, "abc");
  EXPECT_EQ(state("left").metadata.annotation("salvor.io/attempts"), "2");
}

TEST_F(PodVolumeControllerTest, CountsWhatItsNodeIsGivenMovesAndHowLongItTakes) {
  for (const auto* name : {"good", "bad", "late"}) order(name);
  api_.client().patch(resources::kPodVolumeBackups, {"velero", "late"}, kube::PatchType::kMerge,
                      {{"spec", {{"cancel", true}}}});
  api_.client().patch(
      resources::kPodVolumeBackups, {"velero", "good"}, kube::PatchType::kMerge,
      {{"metadata", {{"ownerReferences", Json::array({{{"kind", "Backup"}, {"name", "nightly"}}})}}},
       {"spec", {{"backupStorageLocation", "default"}, {"uploaderType", "restic"}}}});
  volumes_.back_up_pod_volume = [&](velero::PodVolumeBackup& backup, const VolumeServices::Progress&,
                                    const base::CancelToken&) {
    clock_.advance(90s);
    if (backup.metadata.name() == "bad") base::fail(base::ErrorCode::kInternal, "disk on fire");
  };
  PodVolumeBackupController agent(context_, volumes_, orders_);
  agent.recover({});
  const Metrics::Labels node{{"node", "node1"}};
  EXPECT_THAT(metrics_.text(), HasSubstr("podVolume_data_upload_failure_total{node=\"node1\"} 0"));
  for (const auto* name : {"good", "bad", "late"}) agent.reconcile(name, {});
  const std::map<std::string, double> expected = {
      {"podVolume_pod_volume_backup_enqueue_count", 2}, {"podVolume_pod_volume_backup_dequeue_count", 2},
      {"podVolume_data_upload_success_total", 1},       {"podVolume_data_upload_failure_total", 1},
      {"podVolume_data_upload_cancel_total", 1},        {"podVolume_data_download_success_total", 0}};
  for (const auto& [name, value] : expected) EXPECT_EQ(metrics_.value(name, node), value) << name;
  const std::string series =
      "{backupName=\"velero/nightly\",node=\"node1\",operation=\"good-default-shop-restic-backup\","
      "pod_volume_backup=\"good\"";
  const std::string latency = "podVolume_pod_volume_operation_latency_seconds";
  EXPECT_THAT(metrics_.text(), HasSubstr(latency + "_gauge" + series + "} 90\n"));
  EXPECT_THAT(metrics_.text(), HasSubstr(latency + "_bucket" + series + ",le=\"60\"} 0\n"));
  EXPECT_THAT(metrics_.text(), HasSubstr(latency + "_bucket" + series + ",le=\"300\"} 1\n"));
  const kube::WatchEvent gone{kube::WatchEvent::Type::kDeleted, state("good").to_json()};
  for (const auto& watch : agent.watches()) watch.handle(gone);
  EXPECT_THAT(metrics_.text(), Not(HasSubstr("pod_volume_backup=\"good\"")));
}

TEST_F(PodVolumeControllerTest, OfTwoProcessesThatServeANodeOneCarriesAnOrderOut) {
  order("one");
  int carried_out = 0;
  volumes_.back_up_pod_volume = [&](velero::PodVolumeBackup&, const VolumeServices::Progress&,
                                    const base::CancelToken&) { ++carried_out; };
  // The other's claim comes between our look and our claim.
  std::atomic<bool> claimed = false;
  api_.on_request([&](const net::ServerRequest& request) {
    if (request.method != "PATCH" || claimed.exchange(true)) return;
    const auto other = api_.new_client();
    other->patch(resources::kPodVolumeBackups, {"velero", "one"}, kube::PatchType::kMerge,
                 {{"metadata", {{"annotations", {{"salvor.io/server", "other-server"}}}}},
                  {"status", {{"phase", "InProgress"}}}});
  });
  PodVolumeBackupController agent(context_, volumes_, orders_);
  EXPECT_EQ(agent.reconcile("one", {}), Controller::Requeue(100ms));
  EXPECT_TRUE(claimed);
  EXPECT_EQ(agent.reconcile("one", {}), std::nullopt);
  EXPECT_EQ(carried_out, 0);
  EXPECT_EQ(state("one").metadata.annotation("salvor.io/server"), "other-server");
  // A process that starts leaves it to the other one, as long as that lives.
  ServerPresence other(api_.client(), "velero", "other-server", clock_, {});
  other.start({});
  agent.recover({});
  EXPECT_EQ(state("one").status.phase, "InProgress");
  other.stop();
  agent.recover({});
  EXPECT_EQ(state("one").status.phase, "New");
}

TEST_F(PodVolumeControllerTest, EachChangeOfAnOrdersPhaseIsAnEvent) {
  order("good");
  order("bad");
  order("left", "InProgress", "", 1);
  volumes_.back_up_pod_volume = [](velero::PodVolumeBackup& backup, const VolumeServices::Progress&,
                                   const base::CancelToken&) {
    if (backup.metadata.name() == "bad") base::fail(base::ErrorCode::kInternal, "disk on fire");
  };
  PodVolumeBackupController agent(context_, volumes_, orders_);
  agent.recover({});
  agent.reconcile("good", {});
  agent.reconcile("bad", {});
  std::vector<std::string> recorded;
  for (const auto& event : api_.client().list(kube::resources::kEvents, "velero"))
    recorded.push_back(fmt::format("{} {} {} {}", codec::get_string(event, {"involvedObject", "name"}),
                                   codec::get_string(event, {"type"}), codec::get_string(event, {"reason"}),
                                   codec::get_string(event, {"message"})));
  EXPECT_THAT(
      recorded,
      UnorderedElementsAre(
          "left Normal New left is New: found in the middle by a node agent that started, "
          "to be started again",
          "good Normal InProgress good is InProgress", "good Normal Completed good is Completed",
          "bad Normal InProgress bad is InProgress", "bad Warning Failed bad is Failed: disk on fire"));
}

TEST_F(PodVolumeControllerTest, FieldsThatTheAgentDoesNotKnowFailTheOrderWithTheirPath) {
  order("odd");
  api_.client().patch(resources::kPodVolumeBackups, {"velero", "odd"}, kube::PatchType::kMerge,
                      {{"spec", {{"priority", "high"}, {"pod", {{"cluster", "east"}}}}}});
  velero::PodVolumeRestore restore;
  restore.metadata = velero::ObjectMeta("velero", "odd");
  auto object = restore.to_json();
  object["spec"]["overwrite"] = true;
  api_.client().create(resources::kPodVolumeRestores, object);
  PodVolumeBackupController backups(context_, volumes_, orders_);
  PodVolumeRestoreController restores(context_, volumes_, orders_);
  backups.reconcile("odd", {});
  restores.reconcile("odd", {});
  EXPECT_EQ(state("odd").status.phase, "Failed");
  EXPECT_EQ(state("odd").status.message, "spec.pod.cluster, spec.priority: unknown field");
  const auto refused = velero::PodVolumeRestore::from_json(
      api_.client().require(resources::kPodVolumeRestores, {"velero", "odd"}));
  EXPECT_EQ(refused.status.phase, "Failed");
  EXPECT_EQ(refused.status.message, "spec.overwrite: unknown field");
  EXPECT_EQ(metrics_.value("podVolume_data_download_failure_total", {{"node", "node1"}}), 1);
}

TEST_F(PodVolumeControllerTest, AnOrderThatEndedThreeAgentsHasFailed) {
  order("deadly", "InProgress", "", kMostAttempts);
  PodVolumeBackupController agent(context_, volumes_, orders_);
  agent.recover({});
  EXPECT_EQ(state("deadly").status.phase, "Failed");
  EXPECT_THAT(state("deadly").status.message, HasSubstr("ended 3 times"));
}

TEST_F(PodVolumeControllerTest, OrdersOfOtherNodesAreLeftAlone) {
  order("left", "InProgress");
  options_.node_name = "node2";
  PodVolumeBackupController agent(context_, volumes_, orders_);
  agent.recover({});
  EXPECT_EQ(state("left").status.phase, "InProgress");
}

TEST_F(PodVolumeControllerTest, AnAgentThatStopsGivesItsOrderBackWithoutCountingAnAttempt) {
  order("long");
  std::latch began(1);
  work_until_stopped(began);
  PodVolumeBackupController agent(context_, volumes_, orders_);
  base::CancelSource stop;
  std::jthread worker([&] { agent.reconcile("long", stop.token()); });
  began.wait();
  EXPECT_EQ(state("long").status.phase, "InProgress");
  stop.cancel();
  worker.join();
  EXPECT_EQ(state("long").status.phase, "New");
  EXPECT_EQ(state("long").metadata.annotation("salvor.io/attempts"), "0");
}

TEST_F(PodVolumeControllerTest, AnOrderAtWorkEndsWhenItIsCancelled) {
  order("long");
  std::latch began(1);
  work_until_stopped(began);
  PodVolumeBackupController agent(context_, volumes_, orders_);
  const auto watched = agent.watches();
  std::jthread worker([&] { agent.reconcile("long", {}); });
  began.wait();
  kube::WatchEvent event{kube::WatchEvent::Type::kModified,
                         api_.client().patch(resources::kPodVolumeBackups, {"velero", "long"},
                                             kube::PatchType::kMerge, {{"spec", {{"cancel", true}}}})};
  for (const auto& watch : watched) watch.handle(event);
  worker.join();
  EXPECT_EQ(state("long").status.phase, "Canceled");
}

TEST_F(PodVolumeControllerTest, OneVolumeIsNeverBackedUpTwiceAtATimeAndOthersAreBesideIt) {
  std::latch both(2);
  std::atomic<int> same = 0, most = 0;
  volumes_.back_up_pod_volume = [&](velero::PodVolumeBackup& backup, const VolumeServices::Progress&,
                                    const base::CancelToken&) {
    if (backup.metadata.label(velero::label::kPvcUid) != "shared") {
      both.arrive_and_wait();  // returns only when another volume is at work too
      return;
    }
    most = std::max<int>(most, ++same);
    if (!both.try_wait()) both.arrive_and_wait();
    --same;
  };
  order("a", "", "shared");
  order("b", "", "other");
  order("c", "", "shared");
  PodVolumeBackupController agent(context_, volumes_, orders_);
  {
    std::jthread one([&] { agent.reconcile("a", {}); });
    std::jthread two([&] { agent.reconcile("b", {}); });
    std::jthread three([&] { agent.reconcile("c", {}); });
  }
  EXPECT_EQ(most, 1);
  for (const char* name : {"a", "b", "c"}) EXPECT_EQ(state(name).status.phase, "Completed");
}

TEST_F(PodVolumeControllerTest, WaitingForAPlaceEndsWithTheAgent) {
  NodeOrders one(1);
  const auto held = one.take("first", "v1", {});
  base::CancelSource stop;
  stop.cancel();
  EXPECT_THROW(one.take("second", "v2", stop.token()), base::Error);
}

}  // namespace
}  // namespace salvor::server
