#include "repository/lock.h"

#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <mutex>
#include <vector>

#include "base/error.h"
#include "codec/json.h"
#include "repository/identity.h"

namespace salvor::repository {
namespace {

using base::ErrorCode;
using codec::Json;

constexpr auto kFirstRetry = std::chrono::seconds(5), kLongestRetry = std::chrono::seconds(60);

struct HeldLock {
  std::string name;
  base::Time modified;  // by the store's clock
  LockDocument document;
};

// What locks/ holds. Empty files, a rival's interrupted write, are no locks.
std::vector<HeldLock> read_locks(Repository& repository, const base::CancelToken& cancel) {
  std::vector<HeldLock> locks;
  for (const StoredFile& file : repository.list_files(FileKind::kLock, cancel)) {
    if (file.size == 0) continue;
    try {
      const std::string json = repository.load_document(FileKind::kLock, file.name, cancel);
      locks.push_back({file.name, file.modified, decode_lock(json, file.name)});
    } catch (const base::Error& error) {
      if (error.code() != ErrorCode::kNotFound) throw;  // released since the listing
    }
  }
  return locks;
}

std::string describe_lock(const HeldLock& lock) {
  return fmt::format("lock {} ({}, PID {} on {} by {}, since {})", lock.name.substr(0, 8),
                     lock.document.exclusive ? "exclusive" : "shared", lock.document.pid,
                     lock.document.hostname, lock.document.username, lock.document.time);
}

// "" when the system does not tell.
std::string this_pid_space() {
  std::ifstream boot("/proc/sys/kernel/random/boot_id");
  std::string id;
  struct stat space {};
  if (!std::getline(boot, id) || stat("/proc/self/ns/pid", &space) != 0) return "";
  return fmt::format("{}/{}", id, space.st_ino);
}

bool is_gone(std::int64_t pid) {
  return pid > 0 && kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH;
}

bool is_old(const LockDocument& lock, base::Time now, base::Duration stale_after) {
  const auto time = base::parse_rfc3339(lock.time);
  return !time || now - *time > stale_after;
}

// As `unlock` takes it, which is restic's rule.
bool is_stale(const LockDocument& lock, const Identity& me, base::Time now, base::Duration stale_after) {
  return is_old(lock, now, stale_after) || (lock.hostname == me.hostname && is_gone(lock.pid));
}

// Needs nobody's judgement. A host name would not do: containers that do not see each other's processes may
// share one.
bool is_of_dead_process(const LockDocument& lock, const std::string& pid_space) {
  return !lock.pid_space.empty() && lock.pid_space == pid_space && is_gone(lock.pid);
}

// Removes what no living process holds. A lock is old only if two clocks agree: its writer's against ours,
// and the store's, which timed the lock `own` just now; one clock may be wrong by any amount.
std::vector<HeldLock> remove_dead(Repository& repository, std::vector<HeldLock> locks, const std::string& own,
                                  const LockOptions& options, const base::CancelToken& cancel) {
  const auto mine = std::ranges::find(locks, own, &HeldLock::name);
  if (mine == locks.end()) base::fail(ErrorCode::kLocked, "the lock {} was removed by someone else", own);
  const base::Time store_time = mine->modified, now = repository.environment().clock.now();
  const std::string pid_space = this_pid_space();
  std::erase_if(locks, [&](const HeldLock& lock) {
    if (lock.name == own) return false;
    const bool old =
        is_old(lock.document, now, options.stale_after) && store_time - lock.modified > options.stale_after;
    if (!old && !is_of_dead_process(lock.document, pid_space)) return false;
    repository.environment().logger.warning("removing the stale {}", describe_lock(lock));
    repository.remove_file(FileKind::kLock, lock.name, cancel);
    return true;
  });
  return locks;
}

// Those that only a look at the store's clock can tell dead from living.
std::vector<HeldLock> without_suspects(std::vector<HeldLock> locks, base::Time now,
                                       const LockOptions& options) {
  const std::string pid_space = this_pid_space();
  std::erase_if(locks, [&](const HeldLock& lock) {
    return is_old(lock.document, now, options.stale_after) || is_of_dead_process(lock.document, pid_space);
  });
  return locks;
}

void refuse_conflict(const std::vector<HeldLock>& locks, LockMode mode, const std::string& own) {
  for (const HeldLock& lock : locks) {
    if (lock.name == own || (mode == LockMode::kShared && !lock.document.exclusive)) continue;
    base::fail(
        ErrorCode::kLocked,
        "repository is already locked: {}\nhint: if its process no longer runs, remove the lock with unlock",
        describe_lock(lock));
  }
}

std::string write_lock(Repository& repository, LockMode mode, const base::CancelToken& cancel) {
  const Identity identity = current_identity();
  LockDocument lock;
  lock.time = format_rfc3339_nano(repository.environment().clock.now());
  lock.exclusive = mode == LockMode::kExclusive;
  lock.hostname = identity.hostname;
  lock.username = identity.username;
  lock.pid = identity.pid;
  lock.uid = identity.uid;
  lock.gid = identity.gid;
  lock.pid_space = this_pid_space();
  return repository.save_document(FileKind::kLock, encode_lock(lock), cancel);
}

std::string acquire(Repository& repository, const LockOptions& options, const base::CancelToken& cancel) {
  const base::Time now = repository.environment().clock.now();
  refuse_conflict(without_suspects(read_locks(repository, cancel), now, options), options.mode, "");
  const std::string own = write_lock(repository, options.mode, cancel);
  try {
    if (!repository.store().lists_at_once() && !cancel.sleep(options.settle)) cancel.check();
    refuse_conflict(remove_dead(repository, read_locks(repository, cancel), own, options, cancel),
                    options.mode, own);
  } catch (...) {
    repository.remove_file(FileKind::kLock, own, {});
    throw;
  }
  return own;
}

std::string acquire_with_retries(Repository& repository, const LockOptions& options,
                                 const base::CancelToken& cancel) {
  base::Duration pause = kFirstRetry, waited{0};
  for (;;) {
    try {
      return acquire(repository, options, cancel);
    } catch (const base::Error& error) {
      const base::Duration left = options.retry_for - waited;
      if (error.code() != ErrorCode::kLocked || left <= base::Duration{0}) throw;
      const base::Duration next = std::min(pause, left);
      if (!cancel.sleep(next)) cancel.check();
      waited += next;
      pause = std::min<base::Duration>(pause * 2, kLongestRetry);
    }
  }
}

}  // namespace

std::string encode_lock(const LockDocument& lock) {
  Json json = Json::object();
  json["time"] = lock.time;
  json["exclusive"] = lock.exclusive;
  json["hostname"] = lock.hostname;
  json["username"] = lock.username;
  json["pid"] = lock.pid;
  if (lock.uid != 0) json["uid"] = lock.uid;
  if (lock.gid != 0) json["gid"] = lock.gid;
  if (!lock.pid_space.empty()) json["pid_space"] = lock.pid_space;
  return codec::to_json(json);
}

LockDocument decode_lock(std::string_view json, std::string_view name) {
  const Json document = Json::parse(json, nullptr, false);
  if (!document.is_object()) base::fail(ErrorCode::kCorrupt, "lock {}: not a JSON object", name);
  LockDocument lock;
  try {
    lock.time = codec::get_string(document, {"time"});
    lock.exclusive = document.value("exclusive", false);
    lock.hostname = codec::get_string(document, {"hostname"});
    lock.username = codec::get_string(document, {"username"});
    lock.pid = document.value("pid", std::int64_t{0});
    lock.uid = document.value("uid", std::uint32_t{0});
    lock.gid = document.value("gid", std::uint32_t{0});
    lock.pid_space = document.value("pid_space", std::string());
  } catch (const Json::exception&) {
    base::fail(ErrorCode::kCorrupt, "lock {}: a member of the wrong type", name);
  }
  return lock;
}

struct LockGuard::Impl {
  Impl(Repository& r, const LockOptions& o, const base::CancelToken& c)
      : repository(r),
        options(o),
        name(acquire_with_retries(r, o, c)),
        refreshed(std::chrono::steady_clock::now()),
        forward(c.stop_token(), Forward{this}),
        thread([this](std::stop_token stop) { run(stop); }) {}

  struct Forward {
    Impl* impl;
    void operator()() const { impl->source.cancel(); }
  };

  void run(const std::stop_token& stop) {
    std::unique_lock lock(mutex);
    while (!stop.stop_requested()) {
      wake.wait_for(lock, stop, options.refresh_every, [] { return false; });
      if (stop.stop_requested()) return;
      lock.unlock();
      refresh();
      lock.lock();
    }
  }

  void refresh() {
    const auto& log = repository.environment().logger;
    try {
      // The old file is there until the new one is: the lock is held without a gap. Had someone removed it,
      // taking it up again would be wrong.
      if (!repository.store().stat(fmt::format("locks/{}", current()))) {
        lose("it was removed by someone else");
        return;
      }
      const std::string fresh = write_lock(repository, options.mode, {});
      const std::string old = [&] {
        std::lock_guard lock(mutex);
        return std::exchange(name, fresh);
      }();
      refreshed = std::chrono::steady_clock::now();
      repository.remove_file(FileKind::kLock, old, {});
    } catch (const base::Error& error) {
      log.warning("cannot refresh the repository lock: {}", error.message());
      // Others may take the lock for stale soon: stop before that.
      const auto patience = options.stale_after - options.refresh_every - options.refresh_every / 2;
      if (std::chrono::steady_clock::now() - refreshed > patience) lose("it could not be refreshed in time");
    }
  }

  void lose(std::string_view why) {
    repository.environment().logger.error("the repository lock is lost: {}", why);
    is_lost = true;
    source.cancel();
  }

  std::string current() const {
    std::lock_guard lock(mutex);
    return name;
  }

  Repository& repository;
  const LockOptions options;
  mutable std::mutex mutex;
  std::condition_variable_any wake;
  std::string name;                                 // guarded by mutex; of the file in locks/
  std::chrono::steady_clock::time_point refreshed;  // only the thread uses it
  std::atomic<bool> is_lost = false;
  base::CancelSource source;
  std::stop_callback<Forward> forward;
  std::jthread thread;  // last
};

LockGuard::LockGuard(Repository& repository, const LockOptions& options, const base::CancelToken& cancel)
    : impl_(std::make_unique<Impl>(repository, options, cancel)) {}

LockGuard::~LockGuard() {
  if (impl_ == nullptr) return;
  base::Logger logger = impl_->repository.environment().logger;
  try {
    release();
  } catch (const std::exception& error) {
    logger.warning("cannot remove the repository lock: {}", base::describe(error));
  }
}

base::CancelToken LockGuard::token() const {
  return impl_->source.token();
}
bool LockGuard::lost() const {
  return impl_->is_lost;
}
std::string LockGuard::name() const {
  return impl_->current();
}

void LockGuard::release() {
  if (impl_->thread.joinable()) {
    impl_->thread.request_stop();
    impl_->thread.join();
  }
  std::string name;
  {
    std::lock_guard lock(impl_->mutex);
    name = std::exchange(impl_->name, "");
  }
  if (!name.empty()) impl_->repository.remove_file(FileKind::kLock, name, {});
}

size_t unlock(Repository& repository, bool all, const base::CancelToken& cancel, base::Duration stale_after) {
  const Identity me = current_identity();
  const base::Time now = repository.environment().clock.now();
  size_t removed = 0;
  for (const StoredFile& file : repository.list_files(FileKind::kLock, cancel)) {
    bool stale = all || file.size == 0;
    if (!stale) {
      try {
        const std::string json = repository.load_document(FileKind::kLock, file.name, cancel);
        stale = is_stale(decode_lock(json, file.name), me, now, stale_after);
      } catch (const base::Error& error) {
        if (error.code() == ErrorCode::kNotFound) continue;
        if (error.code() != ErrorCode::kCorrupt) throw;
        stale = now - file.modified > stale_after;  // unreadable: only its age speaks
      }
    }
    if (!stale) continue;
    repository.remove_file(FileKind::kLock, file.name, cancel);
    ++removed;
  }
  return removed;
}

}  // namespace salvor::repository
