// The names of objects that a reconciler has to look at. A name is in it at most once, and never handed to
// two workers at a time: added while it is being worked on, it comes again afterwards. Thread-safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/cancel.h"
#include "base/random.h"

namespace salvor::server {

class WorkQueue {
 public:
  using Duration = std::chrono::nanoseconds;

  explicit WorkQueue(base::Random& random) : random_(random) {}

  // Names with a smaller rank come first, equal ones in the order in which they were added.
  void add(const std::string& name, const std::string& rank = "");
  // Becomes due after the delay, unless it was added before.
  void add_after(const std::string& name, Duration delay, const std::string& rank = "");
  // With a delay that doubles with each failure of this name, from 250 ms to 2 min, until `forget`.
  void add_after_failure(const std::string& name, const std::string& rank = "");
  void forget(const std::string& name);

  // Blocks; nullopt when cancelled. done must follow.
  std::optional<std::string> take(const base::CancelToken& cancel);
  void done(const std::string& name);

  // Nothing is due or being worked on; for tests.
  bool idle() const;

 private:
  using Instant = std::chrono::steady_clock::time_point;
  struct Ready {
    std::string rank;
    std::uint64_t number;
    std::string name;
    auto operator<=>(const Ready&) const = default;
  };

  void make_ready(const std::string& name, const std::string& rank);
  void promote_due(Instant now);

  base::Random& random_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  // All below are guarded by mutex_.
  std::uint64_t next_number_ = 0;
  std::set<Ready> ready_;
  std::set<std::string> ready_names_, working_;
  std::map<std::string, std::string> again_;  // name -> rank: added while being worked on
  std::map<std::string, std::pair<Instant, std::string>> delayed_;  // name -> due, rank
  std::map<std::string, int> failures_;
};

}  // namespace salvor::server
