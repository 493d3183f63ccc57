#include "local/runtime/container_record.h"

#include "kube/object.h"

namespace salvor::local {
namespace {

using codec::find;
using codec::get_string;

std::string container_id(const ContainerRecord& record, const std::string& id) {
  return fmt::format("salvor://{}-{}-{}", id, record.name, record.restarts);
}

// Names of containers for which the predicate holds, as messages list them: "[a b]".
template <typename Predicate>
std::string names_of(const std::vector<ContainerRecord>& containers, Predicate predicate) {
  std::string text;
  for (const auto& record : containers) {
    if (predicate(record)) text += (text.empty() ? "" : " ") + record.name;
  }
  return text.empty() ? "" : "[" + text + "]";
}

}  // namespace

bool ContainerRecord::started() const {
  if (!running()) return false;
  for (const auto& probe : probes) {
    if (probe.kind() == ContainerProbe::Kind::kStartup && !probe.passed()) return false;
  }
  return true;
}

bool ContainerRecord::ready() const {
  if (!started()) return false;
  for (const auto& probe : probes) {
    if (probe.kind() == ContainerProbe::Kind::kReadiness && !probe.passed()) return false;
  }
  return true;
}

Json terminated_state(const ContainerRecord& record, const std::string& id) {
  Json state;
  state["exitCode"] = record.exit_code;
  if (record.signal != 0) state["signal"] = record.signal;
  state["reason"] = !record.end_message.empty() ? "StartError"
                    : record.exit_code == 0     ? "Completed"
                                                : "Error";
  if (!record.end_message.empty()) state["message"] = record.end_message;
  state["startedAt"] = base::format_rfc3339(record.started_at);
  state["finishedAt"] = base::format_rfc3339(record.finished_at);
  state["containerID"] = container_id(record, id);
  return state;
}

Json container_status(const ContainerRecord& record, const std::string& id) {
  Json status;
  status["name"] = record.name;
  status["image"] = get_string(record.spec, {"image"});
  status["imageID"] = "";
  status["restartCount"] = record.restarts;
  status["ready"] = record.init && !record.sidecar ? record.succeeded() : record.ready();
  status["started"] = record.started();
  Json state = Json::object();
  switch (record.state) {
    case ContainerRecord::State::kWaiting:
    case ContainerRecord::State::kStarting:
      state["waiting"] = {{"reason", record.waiting_reason}};
      if (!record.waiting_message.empty()) state["waiting"]["message"] = record.waiting_message;
      break;
    case ContainerRecord::State::kRunning:
      state["running"] = {{"startedAt", base::format_rfc3339(record.started_at)}};
      break;
    case ContainerRecord::State::kTerminated:
      state["terminated"] = terminated_state(record, id);
      break;
  }
  status["state"] = std::move(state);
  status["lastState"] = Json::object();
  if (!record.last_end.is_null()) status["lastState"]["terminated"] = record.last_end;
  if (record.running() || record.ended()) status["containerID"] = container_id(record, id);
  return status;
}

void set_condition(Json& conditions, const std::string& type, bool status, const std::string& reason,
                   const std::string& message, base::Time now) {
  if (!conditions.is_array()) conditions = Json::array();
  Json* found = nullptr;
  for (auto& condition : conditions) {
    if (get_string(condition, {"type"}) == type) found = &condition;
  }
  const std::string text = status ? "True" : "False";
  Json condition{{"type", type}, {"status", text}, {"lastProbeTime", nullptr}};
  const bool same = found != nullptr && get_string(*found, {"status"}) == text;
  condition["lastTransitionTime"] =
      same ? get_string(*found, {"lastTransitionTime"}) : base::format_rfc3339(now);
  if (!reason.empty()) condition["reason"] = reason;
  if (!message.empty()) condition["message"] = message;
  if (found != nullptr) {
    *found = std::move(condition);
  } else {
    conditions.push_back(std::move(condition));
  }
}

Json pod_status(const PodStatusInput& input, const Json& old) {
  const std::string id = kube::uid_of(input.pod);
  const bool over = input.phase == "Succeeded" || input.phase == "Failed";
  Json conditions = old.value("conditions", Json::array());
  const auto not_initialized = names_of(input.containers, [](const ContainerRecord& record) {
    return record.init && (record.sidecar ? !record.started() : !record.succeeded());
  });
  const auto not_ready = names_of(input.containers, [](const ContainerRecord& record) {
    return (!record.init || record.sidecar) && !record.ready();
  });
  const std::string why =
      over ? (input.phase == "Succeeded" ? "PodCompleted" : "PodFailed") : "ContainersNotReady";
  set_condition(conditions, "PodScheduled", true, "", "", input.now);
  set_condition(conditions, "Initialized", not_initialized.empty() || input.phase == "Succeeded",
                not_initialized.empty() ? "" : "ContainersNotInitialized",
                not_initialized.empty() ? "" : "containers with incomplete status: " + not_initialized,
                input.now);
  const bool ready = not_ready.empty() && !over;
  const std::string message = ready || over ? "" : "containers with unready status: " + not_ready;
  set_condition(conditions, "ContainersReady", ready, ready ? "" : why, message, input.now);
  set_condition(conditions, "Ready", ready, ready ? "" : why, message, input.now);

  Json status;
  status["phase"] = input.phase;
  status["conditions"] = std::move(conditions);
  status["hostIP"] = input.host_ip;
  status["hostIPs"] = Json::array({{{"ip", input.host_ip}}});
  if (!input.pod_ip.empty()) {
    status["podIP"] = input.pod_ip;
    status["podIPs"] = Json::array({{{"ip", input.pod_ip}}});
  }
  status["startTime"] = base::format_rfc3339(input.start_time);
  if (!old.contains("qosClass")) status["qosClass"] = "BestEffort";
  Json init = Json::array(), main = Json::array();
  for (const auto& record : input.containers)
    (record.init ? init : main).push_back(container_status(record, id));
  if (!init.empty()) status["initContainerStatuses"] = std::move(init);
  status["containerStatuses"] = std::move(main);
  return status;
}

}  // namespace salvor::local
