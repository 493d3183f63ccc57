#include "velero/cron.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace salvor::velero {
namespace {

std::string next(std::string_view expression, std::string_view after, const std::string& zone = "") {
  auto time = CronSchedule::parse(expression, zone).next(*base::parse_rfc3339(after));
  return time ? base::format_rfc3339(*time) : "never";
}

std::string parse_error(std::string_view expression) {
  try {
    CronSchedule::parse(expression);
    return "";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kInvalidArgument);
    return error.message();
  }
}

TEST(Cron, RunsAtTheNextMatchingMinute) {
  EXPECT_EQ(next("0 2 * * *", "2026-11-22T01:59:59Z"), "2026-11-22T02:00:00Z");
  EXPECT_EQ(next("0 2 * * *", "2026-11-22T02:00:00Z"), "2026-11-23T02:00:00Z");
  EXPECT_EQ(next("*/15 * * * *", "2026-12-31T23:46:00Z"), "2027-01-01T00:00:00Z");
  EXPECT_EQ(next("5,35 9-17/4 * * *", "2026-11-22T09:05:00Z"), "2026-11-22T09:35:00Z");
  EXPECT_EQ(next("10/20 * * * *", "2026-11-22T09:31:00Z"), "2026-11-22T09:50:00Z");
}

TEST(Cron, KnowsMonthAndDayNamesAndLeapYears) {
  EXPECT_EQ(next("0 0 29 FEB ?", "2026-01-01T00:00:00Z"), "2028-02-29T00:00:00Z");
  EXPECT_EQ(next("0 3 * * sun", "2026-11-22T03:00:00Z"), "2026-11-29T03:00:00Z");
  EXPECT_EQ(next("0 3 * * Mon-Fri", "2026-11-20T04:00:00Z"), "2026-11-23T03:00:00Z");
  EXPECT_EQ(next("0 0 30 2 *", "2026-01-01T00:00:00Z"), "never");
}

TEST(Cron, TwoRestrictedDayFieldsAreAlternativesOneWithAStarIsACondition) {
  EXPECT_EQ(next("0 0 13 * 5", "2026-11-22T00:00:00Z"), "2026-11-27T00:00:00Z");
  EXPECT_EQ(next("0 0 13 * *", "2026-11-22T00:00:00Z"), "2026-12-13T00:00:00Z");
  EXPECT_EQ(next("0 0 * * 5", "2026-11-22T00:00:00Z"), "2026-11-27T00:00:00Z");
}

TEST(Cron, DescriptorsAndPeriods) {
  EXPECT_EQ(next("@daily", "2026-11-22T10:00:00Z"), "2026-11-23T00:00:00Z");
  EXPECT_EQ(next("@hourly", "2026-11-22T10:00:00Z"), "2026-11-22T11:00:00Z");
  EXPECT_EQ(next("@weekly", "2026-11-23T10:00:00Z"), "2026-11-29T00:00:00Z");
  EXPECT_EQ(next("@yearly", "2026-11-23T10:00:00Z"), "2027-01-01T00:00:00Z");
  EXPECT_EQ(next("@every 1h30m", "2026-11-22T10:00:00.7Z"), "2026-11-22T11:30:00Z");
  EXPECT_EQ(next("@every 10ms", "2026-11-22T10:00:00Z"), "2026-11-22T10:00:01Z");
}

TEST(Cron, FollowsTheZonesClock) {
  EXPECT_EQ(next("CRON_TZ=America/New_York 0 2 * * *", "2026-11-22T00:00:00Z"), "2026-11-22T07:00:00Z");
  EXPECT_EQ(next("TZ=Asia/Kolkata 30 6 * * *", "2026-11-22T00:00:00Z"), "2026-11-22T01:00:00Z");
  EXPECT_EQ(next("0 0 * * *", "2026-07-01T12:00:00Z", "Europe/Berlin"), "2026-07-01T22:00:00Z");
}

TEST(Cron, SkipsALocalTimeThatDoesNotExistAndRepeatsOneThatOccursTwice) {
  // Berlin: 2026-03-29 02:00 -> 03:00, 2026-10-25 03:00 -> 02:00.
  EXPECT_EQ(next("30 2 * * *", "2026-03-28T12:00:00Z", "Europe/Berlin"), "2026-03-30T00:30:00Z");
  EXPECT_EQ(next("30 2 * * *", "2026-10-24T12:00:00Z", "Europe/Berlin"), "2026-10-25T00:30:00Z");
  EXPECT_EQ(next("30 2 * * *", "2026-10-25T00:30:00Z", "Europe/Berlin"), "2026-10-25T01:30:00Z");
  EXPECT_EQ(next("30 2 * * *", "2026-10-25T01:30:00Z", "Europe/Berlin"), "2026-10-26T01:30:00Z");
}

TEST(Cron, NamesWhatIsWrong) {
  EXPECT_EQ(parse_error(""), "empty spec string");
  EXPECT_EQ(parse_error("x"), "expected exactly 5 fields, found 1: [x]");
  EXPECT_EQ(parse_error("0 2 * *"), "expected exactly 5 fields, found 4: [0 2 * *]");
  EXPECT_EQ(parse_error("0 0 2 * * *"), "expected exactly 5 fields, found 6: [0 0 2 * * *]");
  EXPECT_EQ(parse_error("60 * * * *"), "end of range (60) above maximum (59): 60");
  EXPECT_EQ(parse_error("* * * * 7"), "end of range (7) above maximum (6): 7");
  EXPECT_EQ(parse_error("* * 0 * *"), "beginning of range (0) below minimum (1): 0");
  EXPECT_EQ(parse_error("5-3 * * * *"), "beginning of range (5) beyond end of range (3): 5-3");
  EXPECT_EQ(parse_error("*/0 * * * *"), "step of range should be a positive number: */0");
  EXPECT_EQ(parse_error("1-2-3 * * * *"), "too many hyphens: 1-2-3");
  EXPECT_EQ(parse_error("1/2/3 * * * *"), "too many slashes: 1/2/3");
  EXPECT_EQ(parse_error("a * * * *"),
            "failed to parse int from a: strconv.Atoi: parsing \"a\": invalid syntax");
  EXPECT_EQ(parse_error("@fortnightly"), "unrecognized descriptor: @fortnightly");
  EXPECT_EQ(parse_error("CRON_TZ=Mars/Olympus 0 2 * * *"),
            "provided bad location Mars/Olympus: unknown time zone Mars/Olympus");
  EXPECT_NE(parse_error("@every forever").find("failed to parse duration"), std::string::npos);
}

}  // namespace
}  // namespace salvor::velero
