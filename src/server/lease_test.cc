#include "server/lease.h"

#include <gtest/gtest.h>

#include <atomic>

#include "server/fake_api_test_support.h"
#include "server/leader_election.h"

namespace salvor::server {
namespace {

using namespace std::chrono_literals;

class LeaseTest : public testing::Test {
 protected:
  Lease lease(const std::string& identity) {
    return Lease(api_.client(), {"velero", "l"}, identity, 15s, clock_);
  }
  template <typename Condition>
  static void await(const char* what, const Condition& condition) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (!condition()) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "waited 20 s for " << what;
      std::this_thread::yield();
    }
  }

  base::ManualClock clock_{*base::parse_rfc3339("2026-11-22T02:00:00Z")};
  FakeApi api_{clock_};
};

TEST_F(LeaseTest, OneHoldsItUntilItRunsOutBeforeTheOthersEyes) {
  auto a = lease("a"), b = lease("b");
  EXPECT_TRUE(a.hold());
  EXPECT_FALSE(b.hold());
  EXPECT_EQ(b.holder(), "a");
  clock_.advance(10s);
  EXPECT_TRUE(a.hold());
  clock_.advance(10s);
  EXPECT_FALSE(b.hold()) << "it was renewed 10 s ago, which b sees only now";
  clock_.advance(14s);
  EXPECT_FALSE(b.hold());
  clock_.advance(1s);
  EXPECT_TRUE(b.hold());
  EXPECT_FALSE(a.hold());
  EXPECT_EQ(api_.client().require(kube::resources::kLeases, {"velero", "l"})["spec"]["leaseTransitions"], 1);
}

TEST_F(LeaseTest, GivenBackItIsTakenAtOnce) {
  auto a = lease("a"), b = lease("b");
  EXPECT_TRUE(a.hold());
  b.release();
  EXPECT_FALSE(b.hold());
  a.release();
  EXPECT_TRUE(b.hold());
}

TEST_F(LeaseTest, OfManyThatWantItAtOnceOneGetsIt) {
  std::atomic<int> holders = 0;
  std::vector<std::unique_ptr<kube::Client>> clients;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) clients.push_back(api_.new_client());
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&, i] {
      Lease mine(*clients[static_cast<size_t>(i)], {"velero", "l"}, "server-" + std::to_string(i), 15s,
                 clock_);
      if (mine.hold()) ++holders;
    });
  threads.clear();
  EXPECT_EQ(holders, 1);
}

TEST_F(LeaseTest, AServerIsAliveWhileItsLeaseIsRenewedAndDeadWhenItGaveItBack) {
  ServerPresence here(api_.client(), "velero", "here", clock_, {}, 15s);
  EXPECT_TRUE(here.is_alive("here"));
  EXPECT_FALSE(here.is_alive("never-seen"));
  EXPECT_FALSE(here.is_alive(""));
  const auto client = api_.new_client();
  {
    ServerPresence other(*client, "velero", "other", clock_, {}, 15s);
    other.start({});
    EXPECT_TRUE(here.is_alive("other"));
  }
  EXPECT_FALSE(here.is_alive("other"));
}

TEST_F(LeaseTest, AServerThatWentSilentIsDeadAfterTheLeasesDuration) {
  ServerPresence here(api_.client(), "velero", "here", clock_, {}, 15s);
  // As a killed process leaves it.
  const auto client = api_.new_client();
  {
    ServerPresence killed(*client, "velero", "killed", clock_, {}, 1h);
    killed.start({});
    auto lease = api_.client().list(kube::resources::kLeases, "velero").at(0);
    killed.stop();
    lease["metadata"].erase("resourceVersion");
    api_.client().create(kube::resources::kLeases, lease);
  }
  EXPECT_TRUE(here.is_alive("killed"));
  clock_.advance(59min);
  EXPECT_TRUE(here.is_alive("killed"));
  clock_.advance(1min);
  EXPECT_FALSE(here.is_alive("killed"));
}

TEST_F(LeaseTest, AStandbyLeadsWhenTheLeaderEndsAndNeverBesideIt) {
  base::SystemClock clock;
  std::atomic<int> leading = 0, most = 0;
  base::CancelSource stop_first, stop_second;
  const auto lead = [&](std::atomic<bool>& started) {
    return [&](const base::CancelToken& token) {
      most = std::max<int>(most, ++leading);
      started = true;
      token.sleep(1h);
      --leading;
    };
  };
  std::atomic<bool> first_leads = false, second_leads = false;
  const auto other = api_.new_client();
  LeaderElection first(api_.client(), {"velero", "l"}, "first", clock, {}, 2s);
  LeaderElection second(*other, {"velero", "l"}, "second", clock, {}, 2s);
  std::jthread a([&] { first.run(lead(first_leads), stop_first.token()); });
  await("the first to lead", [&] { return first_leads.load(); });
  std::jthread b([&] { second.run(lead(second_leads), stop_second.token()); });
  stop_first.cancel();
  a.join();
  await("the second to lead", [&] { return second_leads.load(); });
  stop_second.cancel();
  b.join();
  EXPECT_EQ(most, 1);
}

TEST_F(LeaseTest, ALeaderThatCannotRenewStopsBeforeAnotherMayBegin) {
  base::SystemClock clock;
  std::atomic<bool> cut = false, leads = false, stopped = false;
  FakeApi api(clock);
  api.on_request([&](const net::ServerRequest& request) {
    if (cut && request.path.find("/leases/") != std::string::npos)
      throw base::Error(base::ErrorCode::kUnavailable, "cut off");
  });
  base::CancelSource stop;
  LeaderElection election(api.client(), {"velero", "l"}, "me", clock, {}, 1500ms);
  std::jthread thread([&] {
    election.run(
        [&](const base::CancelToken& token) {
          leads = true;
          stopped = !token.sleep(1h);
        },
        stop.token());
  });
  await("to lead", [&] { return leads.load(); });
  cut = true;
  await("the loss of the lead", [&] { return stopped.load(); });
  stop.cancel();
  thread.join();
  EXPECT_TRUE(stopped);
}

}  // namespace
}  // namespace salvor::server
