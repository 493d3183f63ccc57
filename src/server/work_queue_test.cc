#include "server/work_queue.h"

#include <gtest/gtest.h>

#include "server/controller.h"

namespace salvor::server {
namespace {

using namespace std::chrono_literals;

TEST(WorkQueueTest, HandsOutEachNameOnceOldestRankFirst) {
  base::SeededRandom random(1);
  WorkQueue queue(random);
  queue.add("late", "2");
  queue.add("early", "1");
  queue.add("late", "2");
  queue.add("first");
  EXPECT_EQ(queue.take({}), "first");
  EXPECT_EQ(queue.take({}), "early");
  EXPECT_EQ(queue.take({}), "late");
  for (const auto* name : {"first", "early", "late"}) queue.done(name);
  EXPECT_TRUE(queue.idle());
}

TEST(WorkQueueTest, ANameAddedWhileItIsWorkedOnComesAgainAfterwards) {
  base::SeededRandom random(1);
  WorkQueue queue(random);
  queue.add("a");
  EXPECT_EQ(queue.take({}), "a");
  queue.add("a");
  queue.add("b");
  EXPECT_EQ(queue.take({}), "b");
  queue.done("b");
  queue.done("a");
  EXPECT_EQ(queue.take({}), "a");
  queue.done("a");
  EXPECT_TRUE(queue.idle());
}

TEST(WorkQueueTest, DelayedNamesBecomeDueAndTheEarlierTimeWins) {
  base::SeededRandom random(1);
  WorkQueue queue(random);
  queue.add_after("a", 1h);
  queue.add_after("a", 1ms);
  EXPECT_EQ(queue.take({}), "a");
  queue.done("a");
  queue.add_after_failure("b");
  EXPECT_EQ(queue.take({}), "b");
}

TEST(WorkQueueTest, WaitingEndsWhenCancelled) {
  base::SeededRandom random(1);
  WorkQueue queue(random);
  base::CancelSource cancel;
  std::jthread canceller([&] { cancel.cancel(); });
  EXPECT_EQ(queue.take(cancel.token()), std::nullopt);
}

TEST(MergePatchTest, SaysOnlyWhatDiffersAndAppliesBack) {
  const auto from = Json::parse(R"({"a":1,"b":{"c":[1],"d":"x"},"e":{"f":1},"g":"same"})");
  const auto to = Json::parse(R"({"a":2,"b":{"c":[1,2]},"g":"same","h":{"i":null}})");
  const auto patch = merge_patch(from, to);
  EXPECT_EQ(patch.dump(), R"({"a":2,"b":{"c":[1,2],"d":null},"h":{"i":null},"e":null})");
  auto target = from;
  apply_merge_patch(target, patch);
  EXPECT_EQ(target.dump(), R"({"a":2,"b":{"c":[1,2]},"g":"same","h":{}})");
  EXPECT_TRUE(merge_patch(from, from).empty());
}

TEST(MetricsTest, WritesPrometheusText) {
  Metrics metrics;
  metrics.declare_counter("c_total", "counts\nthings");
  metrics.declare_histogram("h", "takes", {1, 2.5});
  metrics.add("c_total", {{"schedule", "a\"b"}});
  metrics.add("c_total", {{"schedule", "a\"b"}}, 2);
  metrics.observe("h", {}, 2);
  metrics.observe("h", {}, 9);
  EXPECT_EQ(metrics.text(),
            "# HELP c_total counts\\nthings\n# TYPE c_total counter\nc_total{schedule=\"a\\\"b\"} 3\n"
            "# HELP h takes\n# TYPE h histogram\nh_bucket{le=\"1\"} 0\nh_bucket{le=\"2.5\"} 1\n"
            "h_bucket{le=\"+Inf\"} 2\nh_sum 11\nh_count 2\n");
}

}  // namespace
}  // namespace salvor::server
