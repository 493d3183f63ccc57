#include "storage/decorators.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "storage/faults.h"
#include "storage/memory_object_store.h"

namespace salvor::storage {
namespace {

using base::ErrorCode;
using std::chrono::milliseconds;

ErrorCode code_of(const std::function<void()>& function) {
  try {
    function();
  } catch (const base::Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorCode::kInternal;
}

class DecoratorTest : public testing::Test {
 protected:
  std::shared_ptr<ObjectStore> retrying(int attempts = 8) {
    return with_retry(faults_, {attempts, milliseconds(1), milliseconds(1)},
                      std::make_shared<base::SeededRandom>(1));
  }
  std::vector<std::string> keys() {
    std::vector<std::string> found;
    for_each_object(*memory_, "", {}, [&](const ObjectInfo& object) { found.push_back(object.key); });
    return found;
  }

  const base::ManualClock clock_{base::Time(std::chrono::hours(500'000))};
  std::shared_ptr<ObjectStore> memory_ = make_memory_object_store(clock_);
  std::shared_ptr<FaultStore> faults_ = std::make_shared<FaultStore>(memory_);
};

using RetryStoreTest = DecoratorTest;
using FaultStoreTest = DecoratorTest;
using CountingStoreTest = DecoratorTest;
using ThrottleStoreTest = DecoratorTest;

TEST_F(RetryStoreTest, AStoreThatFailsFiveTimesWorksInTheEnd) {
  faults_->add_rule({.first = 1, .count = 5});
  const auto store = retrying();
  store->put("k", "data");
  EXPECT_EQ(memory_->get("k"), "data");
  for (const auto& call : std::initializer_list<std::function<void()>>{
           [&] { EXPECT_EQ(store->get("k"), "data"); }, [&] { EXPECT_EQ(store->get_range("k", 1, 2), "at"); },
           [&] { EXPECT_TRUE(store->stat("k")); },
           [&] { EXPECT_EQ(store->list_page({}).objects.size(), 1u); },
           [&] { store->start_upload("u")->commit(); }, [&] { store->put_if_absent("l", "x"); },
           [&] { store->remove("k"); }}) {
    faults_->clear_rules();
    faults_->add_rule({.first = 1, .count = 5});
    call();
  }
  EXPECT_EQ(keys(), (std::vector<std::string>{"l", "u"}));
}

TEST_F(RetryStoreTest, GivesUpAfterItsAttempts) {
  faults_->add_rule({.count = -1, .code = ErrorCode::kTimeout});
  EXPECT_EQ(code_of([&] { retrying(3)->put("k", "data"); }), ErrorCode::kTimeout);
}

TEST_F(RetryStoreTest, DoesNotRepeatWhatCannotSucceed) {
  Counters counters;
  const auto store =
      with_retry(with_counting(memory_, counters), {}, std::make_shared<base::SeededRandom>(1));
  EXPECT_EQ(code_of([&] { store->get("missing"); }), ErrorCode::kNotFound);
  EXPECT_EQ(counters.operations, 1u);
}

TEST_F(RetryStoreTest, ABrokenStreamGoesOnWhereItBroke) {
  std::string data(20 * 1024 * 1024 + 5, 'a');
  for (size_t i = 0; i < data.size(); i += 1000) data[i] = static_cast<char>('a' + i / 1000 % 26);
  memory_->put("k", data);
  faults_->add_rule({.operation = Operation::kGet, .effect = FaultRule::Effect::kTruncate, .amount = 1000});
  faults_->add_rule({.operation = Operation::kGet, .count = 3, .effect = FaultRule::Effect::kErrorAfter});
  base::StringSink sink;
  EXPECT_EQ(retrying()->get_stream("k", sink), data.size());
  EXPECT_TRUE(sink.data() == data);
}

TEST_F(RetryStoreTest, AReadersFailureIsNotRepeated) {
  memory_->put("k", "data");
  int calls = 0;
  base::FunctionSink sink([&](std::string_view) {
    ++calls;
    throw base::Error(ErrorCode::kUnavailable, "the reader's own", true);
  });
  EXPECT_EQ(code_of([&] { retrying()->get_stream("k", sink); }), ErrorCode::kUnavailable);
  EXPECT_EQ(calls, 1);
}

TEST_F(RetryStoreTest, PutIfAbsentKnowsItsOwnObjectAfterALostAnswer) {
  faults_->add_rule(
      {.operation = Operation::kPut, .effect = FaultRule::Effect::kErrorAfter, .code = ErrorCode::kTimeout});
  retrying()->put_if_absent("k", "mine");
  EXPECT_EQ(memory_->get("k"), "mine");
  EXPECT_EQ(code_of([&] { retrying()->put_if_absent("k", "mine"); }), ErrorCode::kAlreadyExists);
}

TEST_F(RetryStoreTest, ACommitWhoseAnswerIsLostIsRepeated) {
  faults_->add_rule({.operation = Operation::kCommit, .effect = FaultRule::Effect::kErrorAfter});
  const auto upload = retrying()->start_upload("k");
  upload->write("data");
  upload->commit();
  EXPECT_EQ(memory_->get("k"), "data");
}

TEST_F(RetryStoreTest, ACancellationEndsThePause) {
  base::CancelSource source;
  faults_->add_rule({.count = -1});
  const auto store = with_retry(faults_, {100, std::chrono::hours(1), std::chrono::hours(1)},
                                std::make_shared<base::SeededRandom>(1));
  const std::jthread canceller([&] { source.cancel(); });
  EXPECT_EQ(code_of([&] { store->put("k", "x", source.token()); }), ErrorCode::kCancelled);
}

TEST_F(FaultStoreTest, RulesCountMatchingCalls) {
  faults_->add_rule({.operation = Operation::kPut,
                     .key_glob = "data/*",
                     .first = 2,
                     .count = 2,
                     .code = ErrorCode::kNoSpace});
  faults_->put("data/1", "x");
  faults_->put("index/1", "x");
  EXPECT_EQ(code_of([&] { faults_->put("data/2", "x"); }), ErrorCode::kNoSpace);
  EXPECT_EQ(code_of([&] { faults_->put("data/3", "x"); }), ErrorCode::kNoSpace);
  faults_->put("data/4", "x");
  EXPECT_EQ(keys(), (std::vector<std::string>{"data/1", "data/4", "index/1"}));
  EXPECT_EQ(faults_->writes(), 3u);
}

TEST_F(FaultStoreTest, AnErrorAfterwardsLeavesTheEffect) {
  faults_->add_rule(
      {.operation = Operation::kPut, .effect = FaultRule::Effect::kErrorAfter, .code = ErrorCode::kTimeout});
  EXPECT_EQ(code_of([&] { faults_->put("k", "x"); }), ErrorCode::kTimeout);
  EXPECT_EQ(memory_->get("k"), "x");
}

TEST_F(FaultStoreTest, TruncatesAndFlips) {
  memory_->put("k", "0123456789");
  faults_->add_rule(
      {.operation = Operation::kGet, .count = 2, .effect = FaultRule::Effect::kTruncate, .amount = 4});
  faults_->add_rule({.operation = Operation::kGet,
                     .first = 3,
                     .count = 2,
                     .effect = FaultRule::Effect::kFlipBit,
                     .amount = 2});
  base::StringSink truncated, flipped;
  EXPECT_EQ(faults_->get("k"), "0123");
  EXPECT_EQ(faults_->get_stream("k", truncated), 4u);
  EXPECT_EQ(faults_->get("k"), "0133456789");
  EXPECT_EQ(faults_->get_stream("k", flipped), 10u);
  EXPECT_EQ(truncated.data(), "0123");
  EXPECT_EQ(flipped.data(), "0133456789");
  EXPECT_EQ(faults_->get("k"), "0123456789");
  faults_->add_rule({.operation = Operation::kPut, .effect = FaultRule::Effect::kTruncate, .amount = 1});
  faults_->put("torn", "abc");
  EXPECT_EQ(memory_->get("torn"), "a");
}

TEST_F(FaultStoreTest, AnUploadCanBreakInTheMiddle) {
  faults_->add_rule({.operation = Operation::kUpload, .first = 3});
  const auto upload = faults_->start_upload("k");
  upload->write("one");
  EXPECT_EQ(code_of([&] { upload->write("two"); }), ErrorCode::kUnavailable);
  EXPECT_FALSE(memory_->stat("k"));
}

TEST_F(FaultStoreTest, AFrozenStoreTakesNoMoreWrites) {
  faults_->freeze_after_writes(2);
  faults_->put("a", "x");
  faults_->start_upload("b")->commit();
  for (const auto& call : std::initializer_list<std::function<void()>>{
           [&] { faults_->put("c", "x"); }, [&] { faults_->put_if_absent("d", "x"); },
           [&] { faults_->remove("a"); }, [&] { faults_->start_upload("e")->commit(); }}) {
    EXPECT_EQ(code_of(call), ErrorCode::kUnavailable);
  }
  EXPECT_EQ(faults_->get("a"), "x");
  EXPECT_EQ(keys(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(faults_->writes(), 2u);
}

TEST_F(FaultStoreTest, DyingCallsTheActionAndFreezes) {
  int deaths = 0;
  faults_->on_die([&] { ++deaths; });
  faults_->add_rule({.operation = Operation::kPut, .key_glob = "index/*", .effect = FaultRule::Effect::kDie});
  faults_->put("data/1", "x");
  EXPECT_EQ(code_of([&] { faults_->put("index/1", "x"); }), ErrorCode::kUnavailable);
  EXPECT_EQ(deaths, 1);
  EXPECT_EQ(code_of([&] { faults_->put("data/2", "x"); }), ErrorCode::kUnavailable);
  EXPECT_EQ(keys(), std::vector<std::string>{"data/1"});
}

TEST_F(FaultStoreTest, ADelayHonoursTheToken) {
  base::CancelSource source;
  faults_->add_rule({.effect = FaultRule::Effect::kDelay, .amount = 3'600'000});
  const std::jthread canceller([&] { source.cancel(); });
  EXPECT_EQ(code_of([&] { faults_->put("k", "x", source.token()); }), ErrorCode::kCancelled);
}

TEST_F(CountingStoreTest, CountsOperationsBytesAndErrors) {
  Counters counters;
  const auto store = with_counting(memory_, counters);
  store->put("k", "12345");
  const auto upload = store->start_upload("u");
  upload->write("123");
  upload->commit();
  EXPECT_EQ(store->get("k"), "12345");
  EXPECT_EQ(store->get_range("k", 0, 2), "12");
  base::StringSink sink;
  store->get_stream("u", sink);
  EXPECT_EQ(code_of([&] { store->get("missing"); }), ErrorCode::kNotFound);
  EXPECT_EQ(counters.operations, 7u);
  EXPECT_EQ(counters.bytes_written, 8u);
  EXPECT_EQ(counters.bytes_read, 10u);
  EXPECT_EQ(counters.errors, 1u);
}

TEST_F(ThrottleStoreTest, KeepsBelowItsRate) {
  const auto store = with_throttle(memory_, 1'000'000, 2'000'000);
  const std::string data(50'000, 'x');
  auto start = std::chrono::steady_clock::now();
  store->put("k", data);
  store->put("k", data);
  EXPECT_GE(std::chrono::steady_clock::now() - start, milliseconds(100));
  start = std::chrono::steady_clock::now();
  base::StringSink sink;
  store->get_stream("k", sink);
  store->get("k");
  EXPECT_GE(std::chrono::steady_clock::now() - start, milliseconds(50));
  EXPECT_EQ(sink.data(), data);
}

TEST_F(ThrottleStoreTest, HonoursTheToken) {
  base::CancelSource source;
  const auto store = with_throttle(memory_, 1, 0);
  const std::jthread canceller([&] { source.cancel(); });
  EXPECT_EQ(code_of([&] { store->put("k", "an hour's worth of data", source.token()); }),
            ErrorCode::kCancelled);
}

}  // namespace
}  // namespace salvor::storage
