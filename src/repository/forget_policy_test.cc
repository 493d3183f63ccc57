#include "repository/forget_policy.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace salvor::repository {
namespace {

Snapshot at(const std::string& time, std::vector<std::string> tags = {}, const std::string& host = "a",
            std::vector<std::string> paths = {"/x"}) {
  static std::uint8_t number = 0;
  Snapshot snapshot;
  snapshot.id.bytes[0] = ++number;
  snapshot.time = time;
  snapshot.tags = std::move(tags);
  snapshot.hostname = host;
  snapshot.paths = std::move(paths);
  return snapshot;
}

const base::Time kNow = *base::parse_rfc3339("2026-06-01T00:00:00Z");

std::vector<std::string> kept(const std::vector<Snapshot>& snapshots, const ForgetPolicy& policy) {
  std::vector<std::string> times;
  for (const Snapshot& snapshot : apply_policy(snapshots, policy, kNow).keep) times.push_back(snapshot.time);
  return times;
}

using Times = std::vector<std::string>;

TEST(ForgetPolicy, KeepsTheLastOnes) {
  const std::vector<Snapshot> list{at("2026-05-01T10:00:00Z"), at("2026-05-03T10:00:00Z"),
                                   at("2026-05-02T10:00:00Z")};
  EXPECT_EQ(kept(list, {.last = 2}), (Times{"2026-05-03T10:00:00Z", "2026-05-02T10:00:00Z"}));
  EXPECT_EQ(kept(list, {.last = -1}).size(), 3U);
  const auto decision = apply_policy(list, {.last = 1}, kNow);
  EXPECT_EQ(decision.remove.size(), 2U);
  ASSERT_EQ(decision.reasons.size(), 1U);
  EXPECT_EQ(decision.reasons[0].matches, Times{"last snapshot"});
}

TEST(ForgetPolicy, KeepsTheNewestOfEachDayAndTheOldestOfAll) {
  const std::vector<Snapshot> list{at("2026-05-01T08:00:00Z"), at("2026-05-01T10:00:00Z"),
                                   at("2026-05-02T08:00:00Z"), at("2026-05-02T10:00:00Z"),
                                   at("2026-05-03T08:00:00Z")};
  EXPECT_EQ(kept(list, {.daily = 2}), (Times{"2026-05-03T08:00:00Z", "2026-05-02T10:00:00Z"}));
  EXPECT_EQ(kept(list, {.daily = 5}), (Times{"2026-05-03T08:00:00Z", "2026-05-02T10:00:00Z",
                                             "2026-05-01T10:00:00Z", "2026-05-01T08:00:00Z"}));
  const auto decision = apply_policy(list, {.daily = 5}, kNow);
  EXPECT_EQ(decision.reasons.back().matches, Times{"oldest daily snapshot"});
}

TEST(ForgetPolicy, TakesEachTimeOnItsOwnClock) {
  // 23:30 of the 1st and 00:30 of the 2nd in Berlin, the same day in UTC.
  const std::vector<Snapshot> list{at("2026-05-01T23:30:00+02:00"), at("2026-05-02T00:30:00+02:00"),
                                   at("2026-04-01T00:00:00+02:00")};
  EXPECT_EQ(kept(list, {.daily = 2}), (Times{"2026-05-02T00:30:00+02:00", "2026-05-01T23:30:00+02:00"}));
}

TEST(ForgetPolicy, CountsIsoWeeksAcrossTheYearsEnd) {
  // Tuesday 2024-12-31 and Wednesday 2025-01-01 lie in week 1 of 2025; Sunday 2024-12-29 in week 52.
  const std::vector<Snapshot> list{at("2024-12-29T12:00:00Z"), at("2024-12-31T12:00:00Z"),
                                   at("2025-01-01T12:00:00Z"), at("2024-12-01T12:00:00Z")};
  EXPECT_EQ(kept(list, {.weekly = 2}), (Times{"2025-01-01T12:00:00Z", "2024-12-29T12:00:00Z"}));
  EXPECT_EQ(kept(list, {.monthly = 2}), (Times{"2025-01-01T12:00:00Z", "2024-12-31T12:00:00Z"}));
  EXPECT_EQ(kept(list, {.yearly = 2}), (Times{"2025-01-01T12:00:00Z", "2024-12-31T12:00:00Z"}));
  EXPECT_EQ(kept(list, {.hourly = 1}), (Times{"2025-01-01T12:00:00Z"}));
}

TEST(ForgetPolicy, KeepsWhatIsWithinADurationOfTheNewest) {
  const std::vector<Snapshot> list{at("2026-05-31T10:00:00Z"), at("2026-05-24T10:00:00Z"),
                                   at("2026-05-24T10:00:01Z"), at("2026-04-30T11:00:00Z")};
  EXPECT_EQ(kept(list, {.within = CalendarDuration::parse("7d")}),
            (Times{"2026-05-31T10:00:00Z", "2026-05-24T10:00:01Z"}));
  // A month before the 31st of May is the 31st of April, which is the 1st of May.
  EXPECT_EQ(kept(list, {.within = CalendarDuration::parse("1m")}).size(), 3U);
  EXPECT_EQ(kept(list, {.within = CalendarDuration::parse("1m24h")}).size(), 4U);
  EXPECT_EQ(kept(list, {.within_daily = CalendarDuration::parse("8d")}),
            (Times{"2026-05-31T10:00:00Z", "2026-05-24T10:00:01Z"}));
}

TEST(ForgetPolicy, DoesNotCountBackFromTheFuture) {
  const std::vector<Snapshot> list{at("2030-01-01T00:00:00Z"), at("2026-05-31T10:00:00Z"),
                                   at("2026-05-20T10:00:00Z")};
  EXPECT_EQ(kept(list, {.within = CalendarDuration::parse("2d")}),
            (Times{"2030-01-01T00:00:00Z", "2026-05-31T10:00:00Z"}));
}

TEST(ForgetPolicy, KeepsWhatHasAllTagsOfOneList) {
  const std::vector<Snapshot> list{at("2026-05-01T10:00:00Z", {"a", "b"}), at("2026-05-02T10:00:00Z", {"a"}),
                                   at("2026-05-03T10:00:00Z", {"c"}), at("2026-05-04T10:00:00Z")};
  EXPECT_EQ(kept(list, {.tags = {{"a", "b"}, {"c"}}}),
            (Times{"2026-05-03T10:00:00Z", "2026-05-01T10:00:00Z"}));
}

TEST(ForgetPolicy, UsesUpACountAlsoWhenAnotherRuleKeeps) {
  const std::vector<Snapshot> list{at("2026-05-01T10:00:00Z"), at("2026-05-02T10:00:00Z"),
                                   at("2026-05-03T10:00:00Z")};
  EXPECT_EQ(kept(list, {.last = 1, .daily = 1}), Times{"2026-05-03T10:00:00Z"});
}

TEST(ForgetPolicy, ReadsDurationsAndCounts) {
  const auto duration = CalendarDuration::parse("1y5m7d2h");
  EXPECT_EQ(duration.years, 1);
  EXPECT_EQ(duration.months, 5);
  EXPECT_EQ(duration.days, 7);
  EXPECT_EQ(duration.hours, 2);
  EXPECT_THROW(CalendarDuration::parse("5"), base::Error);
  EXPECT_THROW(CalendarDuration::parse("5w"), base::Error);
  EXPECT_THROW(CalendarDuration::parse("d"), base::Error);
  EXPECT_EQ(parse_keep_count("unlimited", "--keep-last"), -1);
  EXPECT_EQ(parse_keep_count("7", "--keep-last"), 7);
  EXPECT_THROW(parse_keep_count("-2", "--keep-last"), base::Error);
  EXPECT_THROW(parse_keep_count("x", "--keep-last"), base::Error);
  EXPECT_TRUE(ForgetPolicy{}.is_empty());
  EXPECT_FALSE(ForgetPolicy{.yearly = 1}.is_empty());
}

TEST(ForgetPolicy, GroupsByHostPathsAndTags) {
  const std::vector<Snapshot> list{at("2026-05-01T10:00:00Z", {"t"}, "a", {"/x", "/y"}),
                                   at("2026-05-02T10:00:00Z", {}, "a", {"/y", "/x"}),
                                   at("2026-05-03T10:00:00Z", {}, "b", {"/x"})};
  EXPECT_EQ(group_snapshots(list, GroupBy::parse("host,paths")).size(), 2U);
  EXPECT_EQ(group_snapshots(list, GroupBy::parse("host,paths,tags")).size(), 3U);
  EXPECT_EQ(group_snapshots(list, GroupBy::parse("")).size(), 1U);
  EXPECT_EQ(group_snapshots(list, GroupBy::parse("paths"))[0].paths.size(), 1U);
  EXPECT_THROW(GroupBy::parse("size"), base::Error);
}

}  // namespace
}  // namespace salvor::repository
