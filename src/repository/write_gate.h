// Where a repository asks every held lock before it writes an index or snapshot or removes a file: a process
// that slept until others took its lock for stale must not go on as if nothing had happened. A pack alone
// does no harm, nor does a lock file; they are not asked for. Owned by the repository; thread-safe.
#pragma once

#include <functional>
#include <shared_mutex>
#include <unordered_map>

namespace salvor::repository {

class WriteGate {
 public:
  // Refuses by throwing.
  using Check = std::function<void()>;

  // `owner` only distinguishes the checks.
  void add(const void* owner, Check check);
  // When it returns, the owner's check does not run and will not.
  void remove(const void* owner);
  // Runs all checks.
  void ask();

 private:
  std::shared_mutex mutex_;
  std::unordered_map<const void*, Check> checks_;  // guarded by mutex_, which is shared while they run
};

}  // namespace salvor::repository
