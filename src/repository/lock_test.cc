#include "repository/lock.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>

#include "base/error.h"
#include "codec/hash.h"
#include "repository/identity.h"
#include "repository/repository_test_support.h"
#include "storage/faults.h"

namespace salvor::repository {
namespace {

using base::ErrorCode;
using testing::Fixture;

constexpr LockOptions kShared{.mode = LockMode::kShared, .settle = base::Duration{0}};
constexpr LockOptions kExclusive{.mode = LockMode::kExclusive, .settle = base::Duration{0}};

class Lock : public ::testing::Test {
 protected:
  ErrorCode failure(const LockOptions& options) {
    try {
      const LockGuard guard(*repository_, options);
    } catch (const base::Error& error) {
      message_ = error.message();
      return error.code();
    }
    return ErrorCode::kInternal;
  }
  std::string write_foreign_lock(bool exclusive, const std::string& time, const std::string& host,
                                 std::int64_t pid) {
    LockDocument lock;
    lock.time = time;
    lock.exclusive = exclusive;
    lock.hostname = host;
    lock.username = "somebody";
    lock.pid = pid;
    return repository_->save_document(FileKind::kLock, encode_lock(lock));
  }
  size_t count() { return repository_->list_files(FileKind::kLock).size(); }
  // Sees every step of the simulated clock.
  static LockOptions attentive(LockOptions options) {
    options.look_every = std::chrono::milliseconds(1);
    return options;
  }
  // Never looks at the clock itself.
  static LockOptions sleepy(LockOptions options) {
    options.look_every = std::chrono::hours(1);
    return options;
  }
  template <typename Condition>
  bool eventually(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }

  Fixture fixture_;
  std::shared_ptr<storage::FaultStore> store_ =
      std::make_shared<storage::FaultStore>(fixture_.memory_store());
  std::unique_ptr<Repository> repository_ = fixture_.create(store_);
  std::string message_;
};

TEST_F(Lock, IsAFileFromConstructionToDestruction) {
  {
    const LockGuard guard(*repository_, kExclusive);
    EXPECT_EQ(count(), 1U);
    const auto document =
        decode_lock(repository_->load_document(FileKind::kLock, guard.name()), guard.name());
    EXPECT_TRUE(document.exclusive);
    EXPECT_EQ(document.pid, getpid());
    EXPECT_EQ(document.time, "2026-11-22T12:00:00Z");
  }
  EXPECT_EQ(count(), 0U);
}

TEST_F(Lock, IsSharedByReadersAndRefusedToAnExclusiveOne) {
  const LockGuard first(*repository_, kShared), second(*repository_, kShared);
  EXPECT_EQ(failure(kExclusive), ErrorCode::kLocked);
  EXPECT_NE(message_.find("PID " + std::to_string(getpid())), std::string::npos);
  EXPECT_EQ(count(), 2U);
}

TEST_F(Lock, OfALivingProcessElsewhereIsRefused) {
  write_foreign_lock(true, "2026-11-22T11:31:00Z", "elsewhere", 1);
  EXPECT_EQ(failure(kShared), ErrorCode::kLocked);
  EXPECT_EQ(failure(kExclusive), ErrorCode::kLocked);
  EXPECT_EQ(count(), 1U);
}

TEST_F(Lock, OldByItsWritersClockAloneIsRefused) {
  write_foreign_lock(true, "2020-01-01T00:00:00Z", "elsewhere", 1);  // but the store has it from now
  EXPECT_EQ(failure(kShared), ErrorCode::kLocked);
  EXPECT_EQ(count(), 1U);
}

TEST_F(Lock, OldByBothClocksIsRemovedByTheNext) {
  write_foreign_lock(true, "2026-11-22T12:00:00Z", "elsewhere", 1);
  fixture_.clock.advance(std::chrono::minutes(31));
  const LockGuard guard(*repository_, kExclusive);
  EXPECT_EQ(count(), 1U);
}

TEST_F(Lock, OfAProcessThatIsGoneIsRemovedByTheNext) {
  const pid_t child = fork();
  if (child == 0) raise(SIGKILL);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  LockDocument lock;
  {
    const LockGuard own(*repository_, kExclusive);
    lock = decode_lock(repository_->load_document(FileKind::kLock, own.name()), own.name());
  }
  ASSERT_FALSE(lock.pid_space.empty());
  lock.pid = child;
  repository_->save_document(FileKind::kLock, encode_lock(lock));
  {
    const LockGuard guard(*repository_, kExclusive);
    EXPECT_EQ(count(), 1U);
  }
  lock.pid_space = "another boot/1";
  repository_->save_document(FileKind::kLock, encode_lock(lock));
  EXPECT_EQ(failure(kShared), ErrorCode::kLocked);
}

TEST_F(Lock, RetriesUntilItsTimeIsOver) {
  const LockGuard held(*repository_, kExclusive);
  LockOptions options = kShared;
  options.retry_for = std::chrono::milliseconds(20);
  EXPECT_EQ(failure(options), ErrorCode::kLocked);
}

TEST_F(Lock, IgnoresEmptyFiles) {
  store_->put("locks/" + std::string(64, 'a'), "");
  const LockGuard guard(*repository_, kExclusive);
  EXPECT_EQ(count(), 2U);
}

TEST_F(Lock, ThatIsUnreadableBlocksUntilItIsOld) {
  store_->put("locks/" + std::string(64, 'b'), "cut short");
  EXPECT_EQ(failure(kShared), ErrorCode::kLocked);
  EXPECT_NE(message_.find("unreadable lock bbbbbbbb"), std::string::npos) << message_;
  fixture_.clock.advance(std::chrono::minutes(31));
  const LockGuard guard(*repository_, kExclusive);
  EXPECT_EQ(count(), 1U);
}

TEST_F(Lock, FromTheFutureBlocksForADayOfTheStoresClock) {
  write_foreign_lock(true, "2099-01-01T00:00:00Z", "elsewhere", 1);
  fixture_.clock.advance(std::chrono::hours(23));
  EXPECT_EQ(failure(kShared), ErrorCode::kLocked);
  fixture_.clock.advance(std::chrono::hours(2));
  const LockGuard guard(*repository_, kExclusive);
  EXPECT_EQ(count(), 1U);
}

TEST_F(Lock, OnAStoreWithoutTimesBlocksForADayOfItsWritersClock) {
  write_foreign_lock(true, "2026-11-22T12:00:00Z", "elsewhere", 1);
  store_->add_rule({.operation = storage::Operation::kList,
                    .count = -1,
                    .effect = storage::FaultRule::Effect::kHideTimes});
  fixture_.clock.advance(std::chrono::hours(23));
  EXPECT_EQ(failure(kShared), ErrorCode::kLocked);
  fixture_.clock.advance(std::chrono::hours(2));
  const LockGuard guard(*repository_, kExclusive);
  EXPECT_EQ(count(), 1U);
}

TEST_F(Lock, IsRefreshedUnderANewNameEveryFiveMinutes) {
  const LockGuard guard(*repository_, attentive(kShared));
  for (int i = 0; i < 12; ++i) {
    const std::string before = guard.name();
    fixture_.clock.advance(std::chrono::minutes(5));
    ASSERT_TRUE(eventually([&] { return guard.name() != before && !store_->stat("locks/" + before); })) << i;
    EXPECT_EQ(count(), 1U);
  }
  EXPECT_FALSE(guard.lost());
  // An hour has gone by, and it still holds.
  EXPECT_EQ(failure(kExclusive), ErrorCode::kLocked);
}

TEST_F(Lock, IsWrittenAnewWhenTheClockIsSetBack) {
  const LockGuard guard(*repository_, attentive(kExclusive));
  const std::string before = guard.name();
  fixture_.clock.advance(-std::chrono::hours(3));
  ASSERT_TRUE(eventually([&] { return guard.name() != before; }));
  EXPECT_FALSE(guard.lost());
  EXPECT_EQ(failure(kShared), ErrorCode::kLocked);
}

TEST_F(Lock, CancelsItsWorkWhenSomebodyRemovedIt) {
  const LockGuard guard(*repository_, attentive(kShared));
  unlock(*repository_, true);
  fixture_.clock.advance(std::chrono::minutes(5));
  ASSERT_TRUE(eventually([&] { return guard.token().cancelled(); }));
  EXPECT_NE(guard.loss()->message().find("removed by someone else"), std::string::npos);
  EXPECT_EQ(count(), 0U);
}

TEST_F(Lock, CancelsItsWorkWhenItCannotBeRefreshedBeforeItIsStale) {
  const LockGuard guard(*repository_, attentive(kShared));
  store_->add_rule({.operation = storage::Operation::kPut, .key_glob = "locks/*", .count = -1});
  fixture_.clock.advance(std::chrono::minutes(10));
  EXPECT_FALSE(guard.token().cancelled());
  fixture_.clock.advance(std::chrono::minutes(13));
  ASSERT_TRUE(eventually([&] { return guard.token().cancelled(); }));
  EXPECT_NE(guard.loss()->message().find("could not be refreshed in time"), std::string::npos);
}

TEST_F(Lock, SurvivesARefreshThatFailsOnce) {
  const LockGuard guard(*repository_, attentive(kShared));
  const std::string before = guard.name();
  store_->add_rule({.operation = storage::Operation::kPut, .key_glob = "locks/*"});
  fixture_.clock.advance(std::chrono::minutes(5));
  ASSERT_TRUE(eventually([&] { return guard.name() != before; }));
  EXPECT_FALSE(guard.lost());
}

// The machine sleeps, and the first to wake up is the thread that writes.
TEST_F(Lock, IsRefreshedBeforeTheFirstWriteAfterALongSleep) {
  const LockGuard guard(*repository_, sleepy(kShared));
  const std::string before = guard.name();
  fixture_.clock.advance(std::chrono::minutes(23));
  testing::save_simple_snapshot(*repository_, "data", "2026-11-22T12:00:00Z");
  EXPECT_NE(guard.name(), before);
  EXPECT_EQ(count(), 1U);
}

TEST_F(Lock, ThatOthersTookForStaleLetsNoWriteThrough) {
  const LockGuard guard(*repository_, sleepy(kShared));
  fixture_.clock.advance(std::chrono::minutes(31));
  const auto other = fixture_.open(store_);
  const LockGuard exclusive(*other, kExclusive);
  const auto before = testing::keys_below(*store_, "index/");
  for (const auto& write : std::vector<std::function<void()>>{
           [&] { testing::save_simple_snapshot(*repository_, "data", "2026-11-22T12:00:00Z"); },
           [&] { repository_->remove_file(FileKind::kPack, std::string(64, 'a')); }}) {
    try {
      write();
      FAIL() << "nothing was thrown";
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kLocked);
      EXPECT_NE(error.message().find("the repository lock is lost"), std::string::npos) << error.message();
    }
  }
  EXPECT_EQ(testing::keys_below(*store_, "index/"), before);
  EXPECT_TRUE(testing::keys_below(*store_, "snapshots/").empty());
  EXPECT_TRUE(guard.token().cancelled());
  // The other is not disturbed.
  testing::save_simple_snapshot(*other, "data", "2026-11-22T12:00:00Z");
}

TEST_F(Lock, PassesItsCallersCancellationOn) {
  base::CancelSource source;
  const LockGuard guard(*repository_, kShared, source.token());
  EXPECT_FALSE(guard.token().cancelled());
  source.cancel();
  EXPECT_TRUE(guard.token().cancelled());
  EXPECT_FALSE(guard.lost());
}

TEST_F(Lock, UnlockRemovesOnlyStaleOnes) {
  const std::string here = current_identity().hostname;
  write_foreign_lock(true, "2026-11-22T11:59:00Z", "elsewhere", 1);
  write_foreign_lock(false, "2026-11-22T11:59:00Z", here, getpid());
  EXPECT_EQ(unlock(*repository_, false), 0U);
  write_foreign_lock(true, "2026-11-22T11:29:00Z", "elsewhere", 1);    // older than half an hour
  write_foreign_lock(true, "2026-11-22T11:59:00Z", here, 0x3fffffff);  // no such process
  store_->put("locks/" + std::string(64, 'a'), "");
  EXPECT_EQ(unlock(*repository_, false), 3U);
  EXPECT_EQ(count(), 2U);
  EXPECT_EQ(unlock(*repository_, true), 2U);
  EXPECT_EQ(count(), 0U);
}

}  // namespace
}  // namespace salvor::repository
