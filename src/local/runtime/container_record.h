// What the worker of a pod knows of one of its containers, and how that reads in the pod's status. Values;
// the worker's thread only.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "local/runtime/container_probe.h"

namespace salvor::local {

struct ContainerRecord {
  enum class State { kWaiting, kStarting, kRunning, kTerminated };

  Json spec;
  std::string name;
  bool init = false;
  bool sidecar = false;  // an init container with restartPolicy Always
  State state = State::kWaiting;
  std::string waiting_reason = "ContainerCreating", waiting_message;
  int restarts = 0;
  int exit_code = 0, signal = 0;
  std::string end_message;  // why it could not be started
  base::Time started_at, finished_at;
  Json last_end;            // the state "terminated" before the last restart; null: none
  SteadyTime not_before{};  // the next start
  std::chrono::milliseconds backoff{0};
  bool killed_by_probe = false;
  std::vector<ContainerProbe> probes;

  bool running() const { return state == State::kRunning; }
  bool ended() const { return state == State::kTerminated; }
  bool succeeded() const { return ended() && exit_code == 0; }
  // All startup probes passed.
  bool started() const;
  bool ready() const;
};

// The entry of containerStatuses or initContainerStatuses.
Json container_status(const ContainerRecord& record, const std::string& id);
// {"exitCode": ..., "reason": ...} of an ended container.
Json terminated_state(const ContainerRecord& record, const std::string& id);

// phase, conditions and containers of a pod; `old` is its status before, for the times of conditions.
struct PodStatusInput {
  const Json& pod;
  const std::vector<ContainerRecord>& containers;
  std::string host_ip, pod_ip;
  std::string phase;
  base::Time start_time, now;
};
Json pod_status(const PodStatusInput& input, const Json& old);

// Sets a condition in the array, keeping lastTransitionTime when its status does not change.
void set_condition(Json& conditions, const std::string& type, bool status, const std::string& reason,
                   const std::string& message, base::Time now);

}  // namespace salvor::local
