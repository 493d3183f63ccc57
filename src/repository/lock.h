// restic's repository locks: files under locks/ that say who works on the repository and whether alone. A
// held lock is rewritten every five minutes. A lock is stale when it is older than thirty minutes by its
// writer's clock and by the store's; one of these alone has to say a day, because it may be wrong. A stale
// lock, and one whose process is proved dead (written in this pid namespace since this boot, and no such
// process), is removed by whoever finds it in the way: a job that was killed does not stop the next one.
// restic leaves that to `unlock`. Errors: kLocked when another's lock is in the way (the message says whose).
#pragma once

#include <condition_variable>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/error.h"
#include "repository/repository.h"

namespace salvor::repository {

enum class LockMode { kShared, kExclusive };

struct LockDocument {
  std::string time;  // RFC 3339
  bool exclusive = false;
  std::string hostname, username;
  std::int64_t pid = 0;
  // Where the pid counts: boot and pid namespace; "" in restic's locks. restic ignores the member.
  std::string pid_space;
  std::uint32_t uid = 0, gid = 0;
};

std::string encode_lock(const LockDocument& lock);
// Throws kCorrupt.
LockDocument decode_lock(std::string_view json, std::string_view name);

struct LockOptions {
  LockMode mode = LockMode::kShared;
  base::Duration retry_for{0};  // --retry-lock: keep trying for so long
  // Read the files back after this pause to see a rival that came at the same time; restic's value. No pause
  // on a store that lists at once: of two who each write and then list, the one who lists later sees both.
  base::Duration settle = std::chrono::milliseconds(200);
  base::Duration refresh_every = std::chrono::minutes(5);  // by the environment's clock
  base::Duration stale_after = std::chrono::minutes(30);
  base::Duration look_every = std::chrono::seconds(1);  // at the clock, which jumps when a machine wakes up
};

// Held from construction to destruction, refreshed by a thread of its own. The lock is lost when somebody
// removed it, or when no refresh succeeded for so long that others may take it for stale. Then its token
// fires: hand it to the work that the lock protects. Whoever writes to the repository after such a time
// without a refresh waits for one, and is refused with kLocked when the lock is lost (see write_gate.h).
class LockGuard {
 public:
  // `repository` must outlive the guard.
  LockGuard(Repository& repository, const LockOptions& options, const base::CancelToken& cancel = {});
  ~LockGuard();
  LockGuard(const LockGuard&) = delete;
  LockGuard& operator=(const LockGuard&) = delete;

  // Fires when the lock is lost, and when the token given at construction fires.
  base::CancelToken token() const;
  // Why the lock was lost; nullopt while it is held.
  std::optional<base::Error> loss() const;
  bool lost() const { return loss().has_value(); }
  // Removes the lock file and ends the thread; the destructor does the same and only logs a failure.
  void release();
  // The current lock file's name; changes with each refresh.
  std::string name() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Removes stale locks (older than stale_after, or of a process on this machine that no longer runs), or all
// of them. Empty lock files are removed too. Returns how many.
size_t unlock(Repository& repository, bool all, const base::CancelToken& cancel = {},
              base::Duration stale_after = std::chrono::minutes(30));

}  // namespace salvor::repository
