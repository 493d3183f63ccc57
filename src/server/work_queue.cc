#include "server/work_queue.h"

#include <algorithm>

#include "base/retry.h"

namespace salvor::server {

namespace {
constexpr base::RetryPolicy kFailureDelay{
    .attempts = 1, .first_delay = std::chrono::milliseconds(250), .longest_delay = std::chrono::minutes(2)};
}

void WorkQueue::make_ready(const std::string& name, const std::string& rank) {
  delayed_.erase(name);
  if (working_.contains(name)) {
    again_[name] = rank;
    return;
  }
  if (!ready_names_.insert(name).second) return;
  ready_.insert({rank, next_number_++, name});
}

void WorkQueue::add(const std::string& name, const std::string& rank) {
  std::lock_guard lock(mutex_);
  make_ready(name, rank);
  changed_.notify_one();
}

void WorkQueue::add_after(const std::string& name, Duration delay, const std::string& rank) {
  std::lock_guard lock(mutex_);
  if (ready_names_.contains(name)) return;
  const auto due = std::chrono::steady_clock::now() + std::min<Duration>(delay, std::chrono::hours(24));
  const auto [entry, added] = delayed_.try_emplace(name, due, rank);
  if (!added) entry->second.first = std::min(entry->second.first, due);
  changed_.notify_one();
}

void WorkQueue::add_after_failure(const std::string& name, const std::string& rank) {
  Duration delay;
  {
    std::lock_guard lock(mutex_);
    const auto failures = std::min(++failures_[name], 20);
    delay = base::backoff(kFailureDelay, failures + 1, random_);
  }
  add_after(name, delay, rank);
}

void WorkQueue::forget(const std::string& name) {
  std::lock_guard lock(mutex_);
  failures_.erase(name);
}

void WorkQueue::promote_due(Instant now) {
  for (auto entry = delayed_.begin(); entry != delayed_.end();) {
    if (entry->second.first > now) {
      ++entry;
      continue;
    }
    const auto name = entry->first;
    const auto rank = entry->second.second;
    entry = delayed_.erase(entry);
    make_ready(name, rank);
  }
}

std::optional<std::string> WorkQueue::take(const base::CancelToken& cancel) {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (cancel.cancelled()) return std::nullopt;
    promote_due(std::chrono::steady_clock::now());
    if (!ready_.empty()) {
      const auto name = ready_.begin()->name;
      ready_.erase(ready_.begin());
      ready_names_.erase(name);
      working_.insert(name);
      return name;
    }
    auto wake = std::chrono::steady_clock::now() + std::chrono::hours(1);
    for (const auto& [name, entry] : delayed_) wake = std::min(wake, entry.first);
    changed_.wait_until(lock, cancel.stop_token(), wake, [&] {
      return !ready_.empty() || std::any_of(delayed_.begin(), delayed_.end(),
                                            [&](const auto& entry) { return entry.second.first < wake; });
    });
  }
}

void WorkQueue::done(const std::string& name) {
  std::lock_guard lock(mutex_);
  working_.erase(name);
  const auto again = again_.find(name);
  if (again == again_.end()) return;
  const auto rank = again->second;
  again_.erase(again);
  make_ready(name, rank);
  changed_.notify_one();
}

bool WorkQueue::idle() const {
  std::lock_guard lock(mutex_);
  return ready_.empty() && working_.empty();
}

}  // namespace salvor::server
