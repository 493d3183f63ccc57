#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>

#include "base/bounded_queue.h"
#include "base/clock.h"
#include "base/duration.h"
#include "base/file.h"
#include "base/json_log.h"
#include "base/log.h"
#include "base/process.h"
#include "base/random.h"
#include "base/retry.h"
#include "base/scratch.h"
#include "base/text.h"
#include "base/thread_pool.h"

namespace salvor::base {
namespace {

TEST(Duration, FormatsAsGoDoes) {
  for (const auto& [text, shown] : std::map<std::string, std::string>{{"720h", "720h0m0s"},
                                                                      {"1h30m", "1h30m0s"},
                                                                      {"90s", "1m30s"},
                                                                      {"1.5s", "1.5s"},
                                                                      {"0", "0s"},
                                                                      {"250ms", "250ms"},
                                                                      {"1us", "1\xC2\xB5s"},
                                                                      {"-5s", "-5s"}}) {
    const auto duration = parse_duration(text);
    ASSERT_TRUE(duration) << text;
    EXPECT_EQ(format_duration(*duration), shown);
  }
}

TEST(Duration, RefusesWhatGoRefuses) {
  for (const char* text : {"", "5", "h", "1x", "1h5", ".s", "-", "1e3s", "10000000000h"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(Clock, Rfc3339RoundTripsAndHonoursOffsets) {
  const auto time = parse_rfc3339("2026-11-22T21:57:08.123456Z");
  ASSERT_TRUE(time);
  EXPECT_EQ(format_rfc3339(*time), "2026-11-22T21:57:08Z");
  EXPECT_EQ(format_rfc3339_micro(*time), "2026-11-22T21:57:08.123456Z");
  EXPECT_EQ(format_compact_utc(*time), "20261122215708");
  EXPECT_EQ(parse_rfc3339("2026-11-22T23:57:08.123456+02:00"), time);
  for (const char* text :
       {"", "2026-11-22", "2026-13-22T00:00:00Z", "2026-11-22T00:00:00", "2026-11-22T00:00:00.Z"}) {
    EXPECT_FALSE(parse_rfc3339(text)) << text;
  }
}

TEST(Log, JsonLinesAreOneObjectEachWithTheFieldsBesideTheMessage) {
  const auto time = *parse_rfc3339("2026-11-22T21:57:08Z");
  EXPECT_EQ(
      format_json_log_line(time, LogLevel::kWarning, "a \"quoted\"\nline\t\x01", {{"backup", "velero/x"}}),
      R"({"time":"2026-11-22T21:57:08Z","level":"warning","msg":"a \"quoted\"\nline\t\u0001","backup":"velero/x"})"
      "\n");
  // Neither do foreign bytes break a line, nor does a field hide the message.
  EXPECT_EQ(format_json_log_line(time, LogLevel::kInfo, "\xff\xc3\xa4\xe2\x82", {{"msg", "x"}}),
            "{\"time\":\"2026-11-22T21:57:08Z\",\"level\":\"info\",\"msg\":"
            "\"\xEF\xBF\xBD\xc3\xa4\xEF\xBF\xBD\xEF\xBF\xBD\","
            "\"fields.msg\":\"x\"}\n");
}

TEST(Log, WritesLogrusLinesAndCountsThem) {
  StringSink out;
  const ManualClock clock(*parse_rfc3339("2026-11-22T21:57:08Z"));
  const auto sink = std::make_shared<StreamLogSink>(out, clock);
  const Logger logger = Logger(sink).with("backup", "velero/manual-full").with("name", "a b");
  logger.warning("it \"works\"\n{}", 1);
  logger.debug("not shown");
  EXPECT_EQ(out.data(),
            "time=\"2026-11-22T21:57:08Z\" level=warning msg=\"it \\\"works\\\"\\n1\" "
            "backup=velero/manual-full name=\"a b\"\n");
  EXPECT_EQ(sink->warnings(), 1);
  EXPECT_EQ(sink->errors(), 0);
}

TEST(Retry, RepeatsRetryableErrorsUpToTheLimit) {
  SeededRandom random(1);
  const RetryPolicy policy{.attempts = 3, .first_delay = std::chrono::milliseconds(1)};
  int calls = 0;
  EXPECT_EQ(retry(policy, random, {},
                  [&] {
                    if (++calls < 3) throw Error(ErrorCode::kUnavailable, "busy", true);
                    return calls;
                  }),
            3);
  calls = 0;
  EXPECT_THROW(retry(policy, random, {},
                     [&]() -> int {
                       ++calls;
                       throw Error(ErrorCode::kNotFound, "gone");
                     }),
               Error);
  EXPECT_EQ(calls, 1);
}

TEST(Retry, DelaysDoubleAndStayBelowTheLongest) {
  SeededRandom random(1);
  const RetryPolicy policy{.attempts = 9,
                           .first_delay = std::chrono::milliseconds(100),
                           .longest_delay = std::chrono::milliseconds(1000)};
  for (int attempt = 2; attempt < 40; ++attempt) {
    const auto delay = backoff(policy, attempt, random).count();
    const std::int64_t whole = std::min<std::int64_t>(1000, 100LL << std::min(attempt - 2, 10));
    EXPECT_GE(delay, whole / 2);
    EXPECT_LE(delay, whole);
  }
}

TEST(Cancel, EndsASleepAtOnce) {
  CancelSource source;
  source.cancel();
  EXPECT_FALSE(source.token().sleep(std::chrono::hours(1)));
  EXPECT_THROW(source.token().check(), Error);
}

TEST(BoundedQueue, DeliversWhatWasPushedBeforeClose) {
  BoundedQueue<int> queue(2);
  std::thread producer([&] {
    for (int i = 0; i < 100; ++i) queue.push(i);
    queue.close();
  });
  int expected = 0;
  while (const auto item = queue.pop()) EXPECT_EQ(*item, expected++);
  producer.join();
  EXPECT_EQ(expected, 100);
  EXPECT_FALSE(queue.push(1));
}

TEST(ThreadPool, ReturnsResultsAndExceptions) {
  ThreadPool pool(2);
  EXPECT_EQ(pool.submit([] { return 7; }).get(), 7);
  auto failing = pool.submit([]() -> int { throw Error(ErrorCode::kInternal, "x"); });
  EXPECT_THROW(failing.get(), Error);
}

TEST(File, AtomicWriteReplacesTheWholeFileAndLeavesNoOther) {
  const TempDir dir;
  const auto path = dir.path() / "file";
  write_file_atomic(path, "one", 0600);
  write_file_atomic(path, "two", 0600);
  EXPECT_EQ(read_file(path), "two");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir.path()), {}), 1);
  EXPECT_FALSE(read_file_if_exists(dir.path() / "none"));
  EXPECT_THROW(read_file(dir.path() / "none"), Error);
}

TEST(Process, CapturesOutputExitCodeAndInput) {
  const auto result = run_process({"sh", "-c", "cat; echo oops >&2; exit 3"}, {.input = "hello"});
  EXPECT_EQ(result.output, "hello");
  EXPECT_EQ(result.error_output, "oops\n");
  EXPECT_EQ(result.exit_code, 3);
}

TEST(Process, SaysWhichProgramIsMissing) {
  try {
    run_process({"no-such-program-here"});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNotFound);
    EXPECT_NE(error.message().find("no-such-program-here"), std::string::npos);
  }
}

TEST(Process, KillsTheWholeGroupAtTheTimeout) {
  try {
    run_process({"sh", "-c", "sleep 100 & sleep 100"}, {}, std::chrono::milliseconds(50));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kTimeout);
  }
}

TEST(Process, ReportsTheSignalThatEndedIt) {
  Process process({"sleep", "100"});
  EXPECT_FALSE(process.wait(std::chrono::milliseconds(1)));
  process.signal(SIGTERM);
  EXPECT_EQ(process.wait(std::chrono::seconds(10)), 128 + SIGTERM);
}

TEST(Text, SplitsTrimsAndMatches) {
  EXPECT_EQ(split("a,,b", ','), (std::vector<std::string>{"a", "", "b"}));
  EXPECT_TRUE(split("", ',').empty());
  EXPECT_EQ(trim(" \t x y\n"), "x y");
  EXPECT_TRUE(glob_match("kube-*", "kube-system"));
  EXPECT_FALSE(glob_match("kube-?", "kube-system"));
}

TEST(Scratch, IsUsableAtEverySizeInAnyOrder) {
  Scratch scratch;
  for (const size_t size :
       {0UL, 1UL, 40UL << 20, 4UL << 20, 30UL << 20, 17UL, 5UL << 20, 100UL << 20, 1UL << 20}) {
    const std::span<char> bytes = scratch.take(size);
    ASSERT_EQ(bytes.size(), size);
    std::fill(bytes.begin(), bytes.end(), 'x');
    EXPECT_TRUE(std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == 'x'; })) << size;
  }
  Scratch other = std::move(scratch);
  EXPECT_EQ(other.take(3).size(), 3U);
  EXPECT_EQ(scratch.take(5).size(), 5U) << "what was moved from begins anew";
}

TEST(Random, UuidHasVersionAndVariant) {
  SeededRandom random(7);
  const std::string uuid = random.uuid();
  ASSERT_EQ(uuid.size(), 36U);
  EXPECT_EQ(uuid[14], '4');
  EXPECT_NE(std::string_view("89ab").find(uuid[19]), std::string_view::npos);
  EXPECT_NE(uuid, random.uuid());
}

}  // namespace
}  // namespace salvor::base
