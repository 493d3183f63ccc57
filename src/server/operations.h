// The backups and restores that run in this process: how many may, which may not run side by side, and how
// one is stopped from outside. Thread-safe.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/cancel.h"

namespace salvor::server {

// Whether two lists of included namespaces, which may hold patterns, may name the same one. Empty means all.
bool namespaces_overlap(const std::vector<std::string>& a, const std::vector<std::string>& b);

class Operations {
 public:
  enum class StopReason { kNone, kRequested, kTakenOver };

  // One that runs; gone when destroyed. Its Operations outlive it.
  class Running {
   public:
    ~Running();
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    // Fires when the operation is stopped, or with the token that it was started with.
    base::CancelToken token() const { return source_.token(); }
    StopReason stop_reason() const;

   private:
    friend class Operations;
    Running(Operations& owner, const base::CancelToken& parent)
        : owner_(owner), forward_(parent.stop_token(), std::function<void()>([this] { source_.cancel(); })) {}

    Operations& owner_;
    base::CancelSource source_;
    std::stop_callback<std::function<void()>> forward_;
    std::map<std::string, Running*>::iterator entry_;
    std::vector<std::string> namespaces_;
    StopReason reason_ = StopReason::kNone;  // guarded by owner_.mutex_
  };

  // Null when an operation of that name runs, or one whose namespaces overlap.
  std::unique_ptr<Running> start(const std::string& name, std::vector<std::string> namespaces,
                                 const base::CancelToken& cancel);
  bool is_running(const std::string& name) const;
  // Whether one with these namespaces could start now.
  bool has_room_for(const std::vector<std::string>& namespaces) const;
  // False if no such operation runs here. The first reason stays.
  bool stop(const std::string& name, StopReason reason);
  // An operation that was claimed, or not: the answer was lost. In doubt until one of that name starts.
  void doubt(const std::string& name);
  bool is_in_doubt(const std::string& name) const;

 private:
  bool overlaps(const std::vector<std::string>& namespaces) const;  // with mutex_ held

  mutable std::mutex mutex_;
  std::map<std::string, Running*> running_;  // guarded by mutex_
  std::set<std::string> in_doubt_;           // guarded by mutex_
};

}  // namespace salvor::server
