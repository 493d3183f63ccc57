#include "archive/local_zone.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace salvor::archive {
namespace {

class ZoneTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const char* zone = std::getenv("TZ")) before_ = zone;
  }
  void TearDown() override {
    if (before_) {
      setenv("TZ", before_->c_str(), 1);
    } else {
      unsetenv("TZ");
    }
    tzset();
  }
  static std::string format(const char* zone, std::int64_t seconds, std::int32_t nanoseconds = 0) {
    setenv("TZ", zone, 1);
    tzset();
    LocalZone local;
    return local.format({seconds, nanoseconds});
  }

  std::optional<std::string> before_;
};

TEST_F(ZoneTest, WritesTheOffsetThatTheZoneHadAtThatMoment) {
  EXPECT_EQ(format("CET-1CEST,M3.5.0,M10.5.0/3", 1655987696, 120000000), "2022-06-23T14:34:56.12+02:00");
  EXPECT_EQ(format("CET-1CEST,M3.5.0,M10.5.0/3", 1642941296), "2022-01-23T13:34:56+01:00");
  EXPECT_EQ(format("EST5", 0, 1), "1969-12-31T19:00:00.000000001-05:00");
  EXPECT_EQ(format("IST-5:30", 0), "1970-01-01T05:30:00+05:30");
}

TEST_F(ZoneTest, WritesOffsetZeroAsZ) {
  EXPECT_EQ(format("UTC0", 1655987696, 100), "2022-06-23T12:34:56.0000001Z");
  EXPECT_EQ(format("UTC0", -1), "1969-12-31T23:59:59Z");
  EXPECT_EQ(format("EST5", kZeroTimeSeconds), "0001-01-01T00:00:00Z");
}

TEST_F(ZoneTest, ClampsYearsToWhatRfc3339CanSay) {
  EXPECT_EQ(format("UTC0", 999999999999), "9999-12-31T23:59:59Z");
  EXPECT_EQ(format("UTC0", -999999999999), "0000-01-01T00:00:00Z");
}

TEST_F(ZoneTest, ParsesWhatItWrites) {
  for (const std::int64_t seconds : {std::int64_t{0}, std::int64_t{1655987696}, std::int64_t{-62135596800},
                                     std::int64_t{253402300799}, std::int64_t{951782400}}) {
    const Moment moment{seconds, seconds % 2 == 0 ? 120 : 0};
    setenv("TZ", "UTC0", 1);
    LocalZone zone;
    EXPECT_EQ(parse_moment(zone.format(moment)), moment);
  }
  EXPECT_EQ(parse_moment("2022-06-23T14:34:56.12+02:00"), (Moment{1655987696, 120000000}));
  EXPECT_FALSE(parse_moment("2022-06-23 14:34:56Z"));
  EXPECT_FALSE(parse_moment("2022-06-23T14:34:56"));
  EXPECT_FALSE(parse_moment("2022-13-23T14:34:56Z"));
}

}  // namespace
}  // namespace salvor::archive
