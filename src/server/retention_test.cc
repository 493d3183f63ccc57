#include "server/retention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "server/controllers_test_support.h"
#include "server/garbage_collector.h"
#include "server/schedule_controller.h"

namespace salvor::server {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

BackupBrief backup(const std::string& name, const std::string& started,
                   const std::string& phase = "Completed") {
  return {name, phase, *base::parse_rfc3339(started)};
}

TEST(RetentionPolicyTest, ReadsItsAnnotationsAndRefusesWhatItDoesNotKnow) {
  const auto policy = retention_policy({{"salvor.io/keep-last", "3"},
                                        {"salvor.io/keep-weekly", "unlimited"},
                                        {"salvor.io/keep-within", "1m7d"},
                                        {"salvor.io/keep-last-good", "false"},
                                        {"other", "x"}});
  EXPECT_EQ(policy.keep.last, 3);
  EXPECT_EQ(policy.keep.weekly, -1);
  EXPECT_EQ(policy.keep.within.months, 1);
  EXPECT_FALSE(policy.keep_last_good);
  EXPECT_TRUE(retention_policy({}).keep.is_empty());
  EXPECT_TRUE(retention_policy({}).keep_last_good);
  for (const auto& [key, value] : std::map<std::string, std::string>{{"salvor.io/keep-last", "many"},
                                                                     {"salvor.io/keep-daly", "3"},
                                                                     {"salvor.io/keep-within", "long"},
                                                                     {"salvor.io/keep-last-good", "yes"}})
    EXPECT_THROW(retention_policy({{key, value}}), base::Error) << key;
}

TEST(RetentionPolicyTest, GrandfatherFatherSonKeepsTheNewestOfEachPeriod) {
  std::vector<BackupBrief> backups;
  for (int day = 1; day <= 28; ++day)
    for (const auto* hour : {"02", "14"})
      backups.push_back(
          backup(fmt::format("b-{:02}-{}", day, hour), fmt::format("2026-02-{:02}T{}:00:00Z", day, hour)));
  const auto now = *base::parse_rfc3339("2026-03-01T00:00:00Z");
  const auto gone = superseded(
      backups,
      retention_policy(
          {{"salvor.io/keep-last", "2"}, {"salvor.io/keep-daily", "4"}, {"salvor.io/keep-weekly", "3"}}),
      now);
  std::set<std::string> left;
  for (const auto& one : backups) left.insert(one.name);
  for (const auto& name : gone) left.erase(name);
  // The last two; the newest of four days; of three weeks, which end on Sundays, the 15th and the 22nd.
  EXPECT_THAT(left, ElementsAre("b-15-14", "b-22-14", "b-25-14", "b-26-14", "b-27-14", "b-28-02", "b-28-14"));
}

TEST(RetentionPolicyTest, BackupsThatAreNotCompletedNeitherCountNorGo) {
  const std::vector<BackupBrief> backups{
      backup("good", "2026-02-01T00:00:00Z"), backup("half", "2026-02-02T00:00:00Z", "PartiallyFailed"),
      backup("failed", "2026-02-03T00:00:00Z", "Failed"), backup("older", "2026-01-01T00:00:00Z")};
  EXPECT_EQ(last_good(backups)->name, "good");
  EXPECT_THAT(superseded(backups, retention_policy({{"salvor.io/keep-last", "1"}}),
                         *base::parse_rfc3339("2026-03-01T00:00:00Z")),
              ElementsAre("older"));
}

class ScheduleRetentionTest : public ControllersTest {
 protected:
  void create_backup(const std::string& stamp, const std::string& phase = "Completed",
                     Json annotations = Json::object()) {
    const auto name = "daily-" + stamp;
    auto object = create(resources::kBackups, "Backup", name, {{"storageLocation", "default"}},
                         {{"phase", phase},
                          {"startTimestamp", fmt::format("2026-11-{}T02:00:00Z", stamp)},
                          {"expiration", "2026-11-21T00:00:00Z"}},
                         {{"velero.io/schedule-name", "daily"}});
    for (const auto& [key, value] : annotations.items()) annotate(resources::kBackups, name, key, value);
  }
  std::vector<std::string> requested() {
    std::vector<std::string> result;
    for (const auto& request : api_.client().list(resources::kDeleteBackupRequests, "velero"))
      result.push_back(text(request, {"spec", "backupName"}));
    return result;
  }
  GarbageCollector collector_{context_};
};

TEST_F(ScheduleRetentionTest, TheLastGoodBackupOfAScheduleNeverExpires) {
  create_location();
  create_backup("18");
  create_backup("19");
  create_backup("20", "PartiallyFailed");
  for (const auto* stamp : {"18", "19", "20"}) collector_.reconcile(std::string("daily-") + stamp, {});
  EXPECT_THAT(requested(), UnorderedElementsAre("daily-18", "daily-20"));
  EXPECT_THAT(recorded_events(), Contains("Backup/daily-19 ExpirationHeld"));
  // A newer one makes it dispensable.
  create_backup("21");
  collector_.reconcile("daily-19", {});
  EXPECT_THAT(requested(), Contains("daily-19"));
}

TEST_F(ScheduleRetentionTest, KeepingTheLastGoodOneCanBeSwitchedOffOnTheScheduleOrTheBackup) {
  create_location();
  create_backup("19", "Completed", {{"salvor.io/keep-last-good", "false"}});
  collector_.reconcile("daily-19", {});
  EXPECT_THAT(requested(), ElementsAre("daily-19"));
  // The Schedule's own word counts more than the copy.
  create_schedule("0 2 * * *");
  create_backup("20", "Completed", {{"salvor.io/keep-last-good", "false"}});
  collector_.reconcile("daily-20", {});
  EXPECT_THAT(requested(), ElementsAre("daily-19"));
  annotate(resources::kSchedules, "daily", "salvor.io/keep-last-good", "false");
  collector_.reconcile("daily-20", {});
  EXPECT_THAT(requested(), ElementsAre("daily-19", "daily-20"));
}

TEST_F(ScheduleRetentionTest, WithKeepAnnotationsNumbersDecideInsteadOfTheTimeToLive) {
  create_location();
  create_schedule("0 2 * * *");
  annotate(resources::kSchedules, "daily", "salvor.io/keep-last", "2");
  for (const auto* stamp : {"16", "17", "18", "19"}) create_backup(stamp);
  for (const auto* stamp : {"16", "17", "18", "19"}) collector_.reconcile(std::string("daily-") + stamp, {});
  EXPECT_THAT(requested(), IsEmpty()) << "expired, but numbers decide";
  collector_.reconcile("schedule/daily", {});
  collector_.reconcile("schedule/daily", {});
  EXPECT_THAT(requested(), UnorderedElementsAre("daily-16", "daily-17"));
}

TEST_F(ScheduleRetentionTest, AMalformedPolicyIsSaidByTheScheduleAndRemovesNothing) {
  create_location();
  create_schedule("0 2 * * *");
  annotate(resources::kSchedules, "daily", "salvor.io/keep-last", "two");
  create_backup("18");
  create_backup("19");
  collector_.reconcile("schedule/daily", {});
  EXPECT_THAT(requested(), IsEmpty());
  ScheduleController schedules(context_);
  schedules.reconcile("daily", {});
  EXPECT_EQ(phase(resources::kSchedules, "daily"), "FailedValidation");
  EXPECT_THAT(get(resources::kSchedules, "daily")["status"]["validationErrors"].dump(),
              HasSubstr("keep-last"));
}

}  // namespace
}  // namespace salvor::server
