#include "restore/adaptive_workers.h"

#include <gtest/gtest.h>

#include <atomic>

namespace salvor::restore {
namespace {

class AdaptiveLimitTest : public testing::Test {
 protected:
  void round() {
    const unsigned size = limit_.limit();
    for (unsigned i = 0; i < size; ++i) limit_.enter({});
    for (unsigned i = 0; i < size; ++i) limit_.leave();
  }
  std::uint64_t refused_ = 0;
  AdaptiveLimit limit_{4, 8, [this] { return refused_; }, {}};
};

TEST_F(AdaptiveLimitTest, GrowsByOneAfterEachGoodRoundUpToTheMost) {
  round();
  EXPECT_EQ(limit_.limit(), 5U);
  for (int i = 0; i < 10; ++i) round();
  EXPECT_EQ(limit_.limit(), 8U);
}

TEST_F(AdaptiveLimitTest, IsHalvedOnceForAllThatWereRefusedTogether) {
  for (int i = 0; i < 4; ++i) limit_.enter({});
  for (int i = 0; i < 4; ++i) {
    ++refused_;
    limit_.leave();
  }
  EXPECT_EQ(limit_.limit(), 2U);
  limit_.enter({});
  ++refused_;
  limit_.leave();
  EXPECT_EQ(limit_.limit(), 1U);
  limit_.enter({});
  ++refused_;
  limit_.leave();
  EXPECT_EQ(limit_.limit(), 1U);
}

TEST_F(AdaptiveLimitTest, AFailureOfOnePieceEndsTheOthersAndIsRethrown) {
  // So many that the others cannot be through before the failure is noticed.
  constexpr size_t kPieces = 100'000'000;
  std::atomic<size_t> done = 0;
  EXPECT_THROW(run_adaptively(limit_, 4, kPieces,
                              [&](size_t i) {
                                if (i == 10) base::fail(base::ErrorCode::kInternal, "x");
                                ++done;
                              },
                              {}),
               base::Error);
  EXPECT_LT(done, kPieces - 1);
  round();  // all places were given back
}

}  // namespace
}  // namespace salvor::restore
