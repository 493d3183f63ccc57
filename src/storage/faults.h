// The one fault store of all tests: a decorator that misbehaves by rules. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/error.h"
#include "storage/object_store.h"

namespace salvor::storage {

// kPut: put and put_if_absent. kGet: get, get_range, get_stream. kUpload: start_upload, and each write to an
// upload, so that the third matching call is the second piece. kList matches the prefix instead of a key.
enum class Operation { kPut, kGet, kStat, kList, kRemove, kUpload, kCommit, kAny };

struct FaultRule {
  enum class Effect {
    kErrorBefore,  // throws, nothing happened
    kErrorAfter,   // the operation happened, then throws: "timed out, may have happened"
    kTruncate,     // a get returns, or a put stores, only the first `amount` bytes
    kFlipBit,      // bit 0 of byte `amount` of what a get returns is flipped
    kDelay,        // `amount` milliseconds, honours the cancellation token
    kHideTimes,    // a list tells no `modified`, as stores that have none
    kDie,          // calls the store's `on_die` (a crash test's _exit or a frozen store), then throws
  };
  Operation operation = Operation::kAny;
  std::string key_glob = "*";
  int first = 1;  // the rule acts on the matching calls number first .. first+count-1 (1-based)
  int count = 1;  // -1: for ever
  Effect effect = Effect::kErrorBefore;
  std::uint64_t amount = 0;
  base::ErrorCode code = base::ErrorCode::kUnavailable;
  bool retryable = true;
};

class FaultStore : public ObjectStore {
 public:
  explicit FaultStore(std::shared_ptr<ObjectStore> under);
  void add_rule(FaultRule rule);
  void clear_rules();
  // What a kDie rule calls (a crash test's _exit); if it returns, the store freezes as freeze_after_writes(0)
  // does.
  void on_die(std::function<void()> action);
  // After the n-th mutating call (put, put_if_absent, commit, remove) from now every further mutating call
  // throws kUnavailable (not retryable) without effect, as if the process had been killed. n = 0: at once.
  void freeze_after_writes(std::uint64_t n);
  std::uint64_t writes() const;  // mutating calls that took effect
  // From now on this store says that its requests are dear, whatever the one underneath says.
  void make_requests_dear();

  void put(const std::string& key, std::string_view data, const base::CancelToken& cancel = {}) override;
  void put_if_absent(const std::string& key, std::string_view data,
                     const base::CancelToken& cancel = {}) override;
  std::string get(const std::string& key, const base::CancelToken& cancel = {}) override;
  std::string get_range(const std::string& key, std::uint64_t offset, std::uint64_t length,
                        const base::CancelToken& cancel = {}) override;
  std::uint64_t get_stream(const std::string& key, base::Sink& into,
                           const base::CancelToken& cancel = {}) override;
  std::optional<ObjectInfo> stat(const std::string& key, const base::CancelToken& cancel = {}) override;
  ListPage list_page(const ListOptions& options, const base::CancelToken& cancel = {}) override;
  void remove(const std::string& key, const base::CancelToken& cancel = {}) override;
  std::unique_ptr<Upload> start_upload(const std::string& key, const base::CancelToken& cancel = {}) override;
  std::optional<std::string> presigned_get(const std::string& key, base::Duration valid_for) override;
  bool lists_at_once() const override;
  bool has_cheap_requests() const override;
  std::string describe() const override;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  // shared with the uploads it handed out
};

}  // namespace salvor::storage
