#include "repository/lock.h"

#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <fstream>
#include <mutex>
#include <vector>

#include "base/error.h"
#include "codec/json.h"
#include "repository/identity.h"
#include "repository/layout.h"
#include "repository/write_gate.h"

namespace salvor::repository {
namespace {

using base::ErrorCode;
using codec::Json;

constexpr auto kFirstRetry = std::chrono::seconds(5), kLongestRetry = std::chrono::seconds(60);

// What a single clock has to say for a lock to be stale.
constexpr auto kStaleByOneClock = std::chrono::hours(24);

struct HeldLock {
  std::string name;
  base::Time modified;                   // by the store's clock; 1970 when the store does not tell
  std::optional<LockDocument> document;  // nullopt: unreadable
  std::string damage;                    // why
};

std::optional<HeldLock> read_lock(Repository& repository, const StoredFile& file,
                                  const base::CancelToken& cancel) {
  HeldLock lock{file.name, file.modified, std::nullopt, {}};
  try {
    lock.document = decode_lock(repository.load_document(FileKind::kLock, file.name, cancel), file.name);
  } catch (const base::Error& error) {
    if (error.code() == ErrorCode::kNotFound) return std::nullopt;  // released since the listing
    if (error.code() != ErrorCode::kCorrupt) throw;
    lock.damage = error.message();
  }
  return lock;
}

// What locks/ holds. Empty files, a rival's interrupted write, are no locks.
std::vector<HeldLock> read_locks(Repository& repository, const base::CancelToken& cancel) {
  std::vector<HeldLock> locks;
  for (const StoredFile& file : repository.list_files(FileKind::kLock, cancel)) {
    if (file.size == 0) continue;
    if (auto lock = read_lock(repository, file, cancel)) locks.push_back(std::move(*lock));
  }
  return locks;
}

std::string describe_lock(const HeldLock& lock) {
  if (!lock.document) return fmt::format("unreadable lock {} ({})", lock.name.substr(0, 8), lock.damage);
  return fmt::format("lock {} ({}, PID {} on {} by {}, since {})", lock.name.substr(0, 8),
                     lock.document->exclusive ? "exclusive" : "shared", lock.document->pid,
                     lock.document->hostname, lock.document->username, lock.document->time);
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
bool is_of_dead_process(const HeldLock& lock, const std::string& pid_space) {
  return lock.document && !lock.document->pid_space.empty() && lock.document->pid_space == pid_space &&
         is_gone(lock.document->pid);
}

// Two clocks have to agree: the writer's against ours, and the store's, which timed our own lock just now. A
// lock's writer may live in any year, and so may we; a day by one clock alone is no drift any more, and a
// living process would have written a new lock three hundred times in it.
bool is_dead_by_clocks(const HeldLock& lock, const HeldLock& own, base::Time now,
                       base::Duration stale_after) {
  const bool store_tells = lock.modified != base::Time{} && own.modified != base::Time{};
  const base::Duration by_store = store_tells ? own.modified - lock.modified : base::Duration{0};
  if (by_store > kStaleByOneClock) return true;
  if (!lock.document) return by_store > stale_after;
  if (!store_tells) return is_old(*lock.document, now, kStaleByOneClock);
  return by_store > stale_after && is_old(*lock.document, now, stale_after);
}

// Removes what no living process holds.
std::vector<HeldLock> remove_dead(Repository& repository, std::vector<HeldLock> locks, const std::string& own,
                                  const LockOptions& options, const base::CancelToken& cancel) {
  const auto found = std::ranges::find(locks, own, &HeldLock::name);
  if (found == locks.end()) base::fail(ErrorCode::kLocked, "the lock {} was removed by someone else", own);
  const HeldLock mine = *found;
  const base::Time now = repository.environment().clock.now();
  const std::string pid_space = this_pid_space();
  std::erase_if(locks, [&](const HeldLock& lock) {
    if (lock.name == own) return false;
    if (!is_dead_by_clocks(lock, mine, now, options.stale_after) && !is_of_dead_process(lock, pid_space)) {
      return false;
    }
    repository.environment().logger.warning("removing the stale {}", describe_lock(lock));
    repository.remove_file(FileKind::kLock, lock.name, cancel);
    return true;
  });
  return locks;
}

bool conflicts(const HeldLock& lock, LockMode mode) {
  return mode == LockMode::kExclusive || !lock.document || lock.document->exclusive;
}

void refuse_conflict(const std::vector<HeldLock>& locks, LockMode mode, const std::string& own) {
  for (const HeldLock& lock : locks) {
    if (lock.name == own || !conflicts(lock, mode)) continue;
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

// Whether it is worth a lock of our own, by which the store's clock can be read, to tell dead from living.
bool is_suspect(const HeldLock& lock, base::Time now, const LockOptions& options,
                const std::string& pid_space) {
  if (!lock.document || is_of_dead_process(lock, pid_space)) return true;
  const auto time = base::parse_rfc3339(lock.document->time);
  return is_old(*lock.document, now, options.stale_after) || *time - now > options.stale_after;
}

std::string acquire(Repository& repository, const LockOptions& options, const base::CancelToken& cancel) {
  auto locks = read_locks(repository, cancel);
  std::erase_if(locks, [&, now = repository.environment().clock.now(), pid_space = this_pid_space()](
                           const HeldLock& lock) { return is_suspect(lock, now, options, pid_space); });
  refuse_conflict(locks, options.mode, "");
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
        forward(c.stop_token(), Forward{this}),
        thread([this](std::stop_token stop) { run(stop); }) {
    repository.write_gate().add(this, [this] { check(); });
  }

  struct Forward {
    Impl* impl;
    void operator()() const { impl->source.cancel(); }
  };

  // Others may take the lock for stale soon; restic's value.
  base::Duration patience() const {
    return options.stale_after - options.refresh_every - options.refresh_every / 2;
  }

  // Since the last refresh, by whichever clock says more: one stands still while the machine sleeps, the
  // other may be set. A clock that was set back makes a refresh due, so that the file has a time of this
  // clock.
  base::Duration age() const {
    const base::Duration steady = std::chrono::steady_clock::now() - refreshed_steady.load();
    const base::Duration wall = repository.environment().clock.now() - refreshed.load();
    return std::max(steady, wall < base::Duration{0} ? options.refresh_every : wall);
  }

  void run(const std::stop_token& stop) {
    std::unique_lock lock(mutex);
    while (!stop.stop_requested()) {
      wake.wait_for(lock, stop, options.look_every, [] { return false; });
      if (stop.stop_requested() || reason) return;
      const base::Duration since = age();
      if (since < options.refresh_every) continue;
      // What failed is tried again in a while, not at once.
      const auto now = std::chrono::steady_clock::now();
      if (now < next_attempt) continue;
      next_attempt = now + std::min<base::Duration>(options.refresh_every / 5, 15 * options.look_every);
      refresh(since > patience());
    }
  }

  // Before each write of the repository: a process that slept for long has to find its lock first.
  void check() {
    if (age() <= patience() && !is_lost) return;
    std::lock_guard lock(mutex);
    if (!reason && age() > patience()) refresh(true);
    if (reason) throw *reason;
  }

  // With the mutex held. `last_chance`: a failure is the loss of the lock.
  void refresh(bool last_chance) {
    try {
      // The old file is there until the new one is: the lock is held without a gap. Had someone removed it,
      // taking it up again would be wrong, for others may have worked meanwhile.
      if (!is_there()) return lose("it was removed by someone else");
      const base::Time now = repository.environment().clock.now();
      const std::string fresh = write_lock(repository, options.mode, {});
      if (last_chance && !is_there()) {
        repository.remove_file(FileKind::kLock, fresh, {});
        return lose("it was removed by someone else");
      }
      const std::string old = std::exchange(name, fresh);
      refreshed = now;
      refreshed_steady = std::chrono::steady_clock::now();
      repository.remove_file(FileKind::kLock, old, {});
    } catch (const base::Error& error) {
      repository.environment().logger.warning("cannot refresh the repository lock: {}", error.message());
      if (last_chance && age() > patience()) lose("it could not be refreshed in time: " + error.message());
    }
  }

  bool is_there() { return repository.store().stat(object_key(FileKind::kLock, name)).has_value(); }

  void lose(const std::string& why) {
    reason = base::Error(ErrorCode::kLocked, "the repository lock is lost: " + why);
    repository.environment().logger.error("{}", reason->message());
    is_lost = true;
    source.cancel();
  }

  Repository& repository;
  const LockOptions options;
  mutable std::mutex mutex;  // also: only one refreshes
  std::condition_variable_any wake;
  std::string name;                   // guarded by mutex; of the file in locks/
  std::optional<base::Error> reason;  // guarded by mutex; why the lock is lost
  std::atomic<bool> is_lost = false;
  std::chrono::steady_clock::time_point next_attempt;  // guarded by mutex
  std::atomic<base::Time> refreshed = repository.environment().clock.now();
  std::atomic<std::chrono::steady_clock::time_point> refreshed_steady = std::chrono::steady_clock::now();
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
std::optional<base::Error> LockGuard::loss() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->reason;
}
std::string LockGuard::name() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->name;
}

void LockGuard::release() {
  impl_->repository.write_gate().remove(impl_.get());
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
        // Unreadable: only its age speaks, where the store tells it.
        stale = file.modified != base::Time{} && now - file.modified > stale_after;
      }
    }
    if (!stale) continue;
    repository.remove_file(FileKind::kLock, file.name, cancel);
    ++removed;
  }
  return removed;
}

}  // namespace salvor::repository
