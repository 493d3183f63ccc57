// Probes of one container: when they are due, what their results mean. Owned by the pod's worker, its thread
// only.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "local/runtime/pod_sandbox.h"

namespace salvor::local {

using SteadyTime = std::chrono::steady_clock::time_point;

class ContainerProbe {
 public:
  enum class Kind { kStartup, kReadiness, kLiveness };
  // spec: the container's startupProbe, readinessProbe or livenessProbe; container: to resolve named ports.
  ContainerProbe(Kind kind, const Json& spec, const Json& container, SteadyTime started);

  Kind kind() const { return kind_; }
  // Begins a check if one is due; ends one whose answer is there or late.
  void run(PodSandbox& sandbox, SteadyTime now);
  // Readable when a running check has its answer; -1: none runs.
  int descriptor() const { return running_.get(); }
  // When run has something to do at the latest.
  SteadyTime next() const { return running_.valid() ? deadline_ : due_; }

  // Enough successes or failures in a row.
  bool passed() const { return passed_; }
  bool failed() const { return failed_; }
  const std::string& message() const { return message_; }

 private:
  void result(const std::string& problem, SteadyTime now);

  Kind kind_;
  Json request_;
  std::chrono::milliseconds period_, timeout_;
  int success_threshold_, failure_threshold_;
  SteadyTime due_, deadline_;
  base::Fd running_;
  int successes_ = 0, failures_ = 0;
  bool passed_ = false, failed_ = false;
  std::string message_;
};

// Those that the container's spec has.
std::vector<ContainerProbe> make_probes(const Json& container, SteadyTime started);

}  // namespace salvor::local
