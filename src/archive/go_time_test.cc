#include "archive/go_time.h"

#include <gtest/gtest.h>

namespace salvor::archive {
namespace {

// 2024-02-29T08:05:09.120034Z, a Thursday
constexpr Moment kMoment{1709193909, 120034000};

TEST(GoTime, WritesEveryElementOfALayout) {
  EXPECT_EQ(format_go_time("2006-01-02T15:04:05Z07:00", kMoment, 0), "2024-02-29T08:05:09Z");
  EXPECT_EQ(format_go_time("2006-01-02T15:04:05Z07:00", kMoment, 3600), "2024-02-29T09:05:09+01:00");
  EXPECT_EQ(format_go_time("Mon Jan 2 15:04:05 -0700 MST 2006", kMoment, -12600, "NST"),
            "Thu Feb 29 04:35:09 -0330 NST 2024");
  EXPECT_EQ(format_go_time("Monday, 02-Jan-06 03:04:05 PM", kMoment, 5 * 3600),
            "Thursday, 29-Feb-24 01:05:09 PM");
  EXPECT_EQ(format_go_time("January _2 002 3:4:5pm -07 Z0700", kMoment, 0), "February 29 060 8:5:9am +00 Z");
}

TEST(GoTime, WritesFractionsWithAndWithoutZeros) {
  EXPECT_EQ(format_go_time("05.000", kMoment, 0), "09.120");
  EXPECT_EQ(format_go_time("05.999999999", kMoment, 0), "09.120034");
  EXPECT_EQ(format_go_time("05.999", Moment{kMoment.seconds, 0}, 0), "09");
  EXPECT_EQ(format_go_time("05,00", kMoment, 0), "09,12");
}

TEST(GoTime, KeepsWhatIsNoElement) {
  EXPECT_EQ(format_go_time("at_[x]", kMoment, 0), "at_[x]");
  EXPECT_EQ(format_go_time("2006-01-02_15-04-05", kMoment, 0), "2024-02-29_08-05-09");
}

}  // namespace
}  // namespace salvor::archive
