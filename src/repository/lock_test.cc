#include "repository/lock.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>

#include "base/error.h"
#include "codec/hash.h"
#include "repository/identity.h"
#include "repository/repository_test_support.h"

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
  std::shared_ptr<storage::ObjectStore> store_ = fixture_.memory_store();
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

TEST_F(Lock, IsRefreshedUnderANewName) {
  LockOptions options = kShared;
  options.refresh_every = std::chrono::milliseconds(1);
  const LockGuard guard(*repository_, options);
  const std::string first = guard.name();
  fixture_.clock.advance(std::chrono::minutes(5));
  ASSERT_TRUE(eventually([&] { return guard.name() != first && !store_->stat("locks/" + first); }));
  EXPECT_FALSE(guard.lost());
}

TEST_F(Lock, CancelsItsWorkWhenSomebodyRemovedIt) {
  LockOptions options = kShared;
  options.refresh_every = std::chrono::milliseconds(1);
  const LockGuard guard(*repository_, options);
  ASSERT_TRUE(eventually([&] {
    for (const auto& file : repository_->list_files(FileKind::kLock)) {
      repository_->remove_file(FileKind::kLock, file.name);
    }
    return guard.token().cancelled();
  }));
  EXPECT_TRUE(guard.lost());
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
