// The schedules of the seed deployment run by a simulated clock for 90 days: how many backups each of them
// has alive is known beforehand for every day.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/duration.h"
#include "server/backup_controller.h"
#include "server/backup_deletion.h"
#include "server/controllers_test_support.h"
#include "server/garbage_collector.h"
#include "server/location_controller.h"
#include "server/schedule_controller.h"

namespace salvor::server {
namespace {

using base::Duration;
using base::Time;

struct Seed {
  const char *name, *cron;
  Duration ttl, interval;
  Duration phase;  // of its runs within an interval, counted from a Sunday's midnight
};

constexpr Duration kDay = std::chrono::hours(24);
const Seed kSeeds[] = {{"neurectomy-hourly", "0 * * * *", 24h, 1h, 0h},
                       {"neurectomy-daily", "0 2 * * *", 720h, kDay, 2h},
                       {"neurectomy-weekly", "0 3 * * 0", 12 * 7 * kDay, 7 * kDay, 3h},
                       {"dr-replication", "*/15 * * * *", 48h, 15min, 0h}};

// Runs reconcilers without threads: events go to whom they concern, and what asks to come again comes when
// the simulated clock says so.
class Simulation {
 public:
  Simulation(FakeApi& api, base::ManualClock& clock, std::vector<Controller*> controllers)
      : api_(api), clock_(clock), controllers_(std::move(controllers)) {
    for (auto* controller : controllers_)
      for (auto& watched : controller->watches()) watches_.push_back(std::move(watched));
  }

  void run_until(Time end) {
    settle();
    while (!due_.empty() && due_.begin()->first <= end) {
      const auto [at, who] = *due_.begin();
      due_.erase(due_.begin());
      waiting_.erase(who);
      if (at > clock_.now()) clock_.set(at);
      who.first->queue().add(who.second);
      settle();
    }
    clock_.set(end);
    settle();
  }

 private:
  using Who = std::pair<Controller*, std::string>;  // whose queue, and the name in it

  // Until nothing has anything to do at this moment.
  void settle() {
    for (bool busy = true; busy;) {
      busy = false;
      for (const auto& change : api_.changes_since(position_))
        for (const auto& watched : watches_)
          if (watched.gvr.resource == change.resource) watched.handle(change.event);
      for (auto* controller : controllers_) busy = work(*controller) || busy;
    }
  }

  bool work(Controller& controller) {
    if (controller.queue().idle()) return false;
    const auto name = *controller.queue().take({});
    const auto again = controller.reconcile(name, {});
    controller.queue().done(name);
    if (again) come_again({&controller, name}, clock_.now() + *again);
    return true;
  }

  // The earliest of several moments counts, as in a queue.
  void come_again(const Who& who, Time at) {
    const auto [entry, added] = waiting_.try_emplace(who, at);
    if (!added) {
      if (entry->second <= at) return;
      due_.erase({entry->second, who});
      entry->second = at;
    }
    due_.insert({at, who});
  }

  FakeApi& api_;
  base::ManualClock& clock_;
  const std::vector<Controller*> controllers_;
  std::vector<Controller::Watched> watches_;
  std::set<std::pair<Time, Who>> due_;
  std::map<Who, Time> waiting_;  // the same by name
  size_t position_ = 0;
};

// Fifty thousand Events of no interest.
class NoEvents final : public EventRecorder {
 public:
  using EventRecorder::EventRecorder;
  void record(const Json&, Type, const std::string&, const std::string&) override {}
};

class SeedSchedulesTest : public ControllersTest {
 protected:
  SeedSchedulesTest() {
    clock_.set(kStart);
    // The simulation wakes everything exactly when it is due.
    options_.schedule_resync = kDay;
    options_.garbage_collection_frequency = 365 * kDay;
    create_location("default", {{"config", {{"root", bucket_root_.string()}}}});
  }

  ~SeedSchedulesTest() override { std::filesystem::remove_all(bucket_root_); }

  // In memory where there is such a place: a disk would be asked a hundred thousand times to write through.
  static std::filesystem::path make_root(base::Random& random) {
    const std::filesystem::path memory = "/dev/shm";
    const auto root =
        (std::filesystem::is_directory(memory) ? memory : std::filesystem::temp_directory_path()) /
        ("salvor-" + random.uuid());
    std::filesystem::create_directories(root / "bucket");
    return root;
  }

  // Runs at whole multiples of the interval; each lives for its time to live.
  static int expected(const Seed& seed, Time now) {
    int alive = 0;
    for (Time run = kWeekStart + seed.phase; run <= now; run += seed.interval)
      if (run > kStart && run + seed.ttl > now) ++alive;
    return alive;
  }
  // Runs these schedules for so many days; what is alive at the end.
  std::map<std::string, int> run(const std::set<std::string>& names, int days) {
    std::vector<Seed> seeds;
    std::copy_if(std::begin(kSeeds), std::end(kSeeds), std::back_inserter(seeds),
                 [&](const Seed& seed) { return names.contains(seed.name); });
    for (const auto& seed : seeds)
      create(resources::kSchedules, "Schedule", seed.name,
             {{"schedule", seed.cron},
              {"template", {{"ttl", base::format_duration(seed.ttl)}, {"storageLocation", "default"}}}});
    ScheduleController schedules(quiet_);
    BackupController backups(quiet_, volumes_);
    GarbageCollector collector(quiet_);
    BackupDeletion deletion(quiet_, volumes_);
    Simulation simulation(api_, clock_, {&schedules, &backups, &collector, &deletion});
    velero::BackupStore store(stores_.open(stores_.location("default")));
    for (int day = 1; day <= days; ++day) {
      // A moment at which nothing is due.
      const Time now = kWeekStart + day * kDay + 12h + 7min;
      simulation.run_until(now);
      const auto found = alive();
      size_t total = 0;
      for (const auto& seed : seeds) {
        const auto count = found.find(seed.name);
        EXPECT_EQ(count == found.end() ? 0 : count->second, expected(seed, now))
            << seed.name << " on day " << day;
        total += static_cast<size_t>(expected(seed, now));
      }
      // What is gone from the cluster is gone from the store.
      EXPECT_EQ(store.list_backups().size(), total) << "on day " << day;
    }
    return alive();
  }
  std::map<std::string, int> alive() {
    std::map<std::string, int> result;
    for (const auto& backup : api_.client().list(resources::kBackups, "velero")) {
      EXPECT_EQ(text(backup, {"status", "phase"}), "Completed") << kube::name_of(backup);
      ++result[kube::labels_of(backup).at(velero::label::kScheduleName)];
    }
    return result;
  }

  // Three hundred thousand requests: over a connection they take three times as long.
  const std::unique_ptr<kube::Client> direct_ = api_.in_process_client();
  LocationStores direct_stores_{*direct_, "velero", clock_, random_, {}};
  NoEvents no_events_{*direct_, clock_, random_, {}, "test"};
  Context quiet_{*direct_,       options_,   clock_,    random_,  {},       metrics_,
                 direct_stores_, no_events_, presence_, backups_, restores_};
  base::SystemRandom system_random_;
  const std::filesystem::path bucket_root_ = make_root(system_random_);
  static inline const Time kWeekStart = *base::parse_rfc3339("2026-11-22T00:00:00Z");  // a Sunday
  static inline const Time kStart = *base::parse_rfc3339("2026-11-22T00:20:00Z");
};

TEST_F(SeedSchedulesTest, KeepExactlyTheBackupsOfTheirRetentionOnEachOf90Days) {
  const auto last = run({"neurectomy-hourly", "neurectomy-daily", "neurectomy-weekly", "dr-replication"}, 90);
  EXPECT_EQ(last.at("neurectomy-hourly"), 24);
  EXPECT_EQ(last.at("neurectomy-daily"), 30);
  EXPECT_EQ(last.at("neurectomy-weekly"), 12);
  EXPECT_EQ(last.at("dr-replication"), 192);
}

}  // namespace
}  // namespace salvor::server
