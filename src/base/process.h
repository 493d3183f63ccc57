// Child processes: credential plugins, test services, tools. Arguments are argv, never a shell line. Not for
// the pods of the embedded control plane, which need namespaces of their own.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"

namespace salvor::base {

struct ProcessOptions {
  std::map<std::string, std::string> environment;  // added to, or replacing, the parent's
  std::filesystem::path directory;                 // empty: the parent's
  std::optional<std::filesystem::path> output;     // both output streams go to this file (spawn only)
  std::string input;                               // what the child reads (run only)
};

struct ProcessResult {
  int exit_code = 0;  // 128 + signal when killed by one
  std::string output;
  std::string error_output;
};

// Runs to the end. On timeout or cancellation the child's process group is killed and an Error is thrown
// (kTimeout, kCancelled). A program that is not there is kNotFound. A non-zero exit is a result, not an
// Error.
ProcessResult run_process(const std::vector<std::string>& argv, const ProcessOptions& options = {},
                          std::chrono::nanoseconds timeout = std::chrono::hours(24),
                          const CancelToken& cancel = {});

// A process that runs beside this one, in a process group of its own; the destructor kills the group and
// reaps.
class Process {
 public:
  Process(const std::vector<std::string>& argv, const ProcessOptions& options = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  void signal(int number);
  // Waits for the end; nullopt if it still runs at the deadline. exit code as in ProcessResult.
  std::optional<int> wait(std::chrono::nanoseconds timeout);

 private:
  pid_t pid_ = -1;
  std::optional<int> exit_code_;
};

}  // namespace salvor::base
