// SIGINT and SIGTERM as a cancellation: the first one fires the token, and whoever works writes what has to
// be written and ends; a second one ends the process at once. Starts a thread, so it comes after any fork.
// One per process, owned by main; the destructor restores the handlers.
#pragma once

#include <thread>

#include "base/cancel.h"
#include "base/file.h"

namespace salvor::cli {

class InterruptWatcher {
 public:
  explicit InterruptWatcher(base::CancelSource& source);
  ~InterruptWatcher();
  InterruptWatcher(const InterruptWatcher&) = delete;
  InterruptWatcher& operator=(const InterruptWatcher&) = delete;

 private:
  base::Fd read_end_, write_end_;
  std::thread thread_;
};

}  // namespace salvor::cli
