#include "local/runtime/controllers/job.h"

#include "kube/conditions.h"
#include "local/runtime/container_record.h"

namespace salvor::local {
namespace {

namespace resources = kube::resources;
using codec::get_string;
using kube::has_condition;
using std::chrono::milliseconds;

// Restarts inside of a pod count as failures too (restartPolicy OnFailure).
int restarts_of(const Json& pod) {
  int count = 0;
  const Json* containers = codec::find(pod, {"status", "containerStatuses"});
  if (containers == nullptr || !containers->is_array()) return 0;
  for (const auto& container : *containers) count += container.value("restartCount", 0);
  return count;
}

}  // namespace

std::vector<Controller::Trigger> JobController::triggers() {
  return {on_self(resources::kJobs), on_owned(resources::kPods, "Job")};
}

std::optional<milliseconds> JobController::remove_when_expired(const Json& job) {
  const Json* ttl = codec::find(job, {"spec", "ttlSecondsAfterFinished"});
  if (ttl == nullptr || !ttl->is_number()) return std::nullopt;
  std::string end = get_string(job, {"status", "completionTime"});
  if (end.empty()) {
    for (const auto& condition : job.at("status").value("conditions", Json::array())) {
      if (get_string(condition, {"type"}) == "Failed") end = get_string(condition, {"lastTransitionTime"});
    }
  }
  const auto ended = base::parse_rfc3339(end);
  if (!ended) return std::nullopt;
  const auto left = *ended + std::chrono::seconds(ttl->get<int>()) - context_.clock.now();
  if (left.count() > 0) return std::chrono::ceil<milliseconds>(left);
  client().remove(resources::kJobs, {kube::namespace_of(job), kube::name_of(job)}, "Background",
                  kube::uid_of(job), context_.cancel);
  return std::nullopt;
}

std::optional<milliseconds> JobController::reconcile(const ObjectName& key) {
  const auto job = client().get(resources::kJobs, key, context_.cancel);
  if (!job || kube::is_being_deleted(*job)) return std::nullopt;
  if (has_condition(*job, "Complete") || has_condition(*job, "Failed")) return remove_when_expired(*job);

  const Owner owner{*job, "batch/v1", "Job"};
  std::vector<Json> active;
  int succeeded = 0, failed = 0, restarts = 0, ready = 0;
  for (auto& pod : owned_objects(context_, resources::kPods, selector_of(*job), owner)) {
    succeeded += phase_of(pod) == "Succeeded";
    failed += phase_of(pod) == "Failed";
    if (pod_over(pod)) continue;
    restarts += restarts_of(pod);
    ready += pod_ready(pod);
    if (!kube::is_being_deleted(pod)) active.push_back(std::move(pod));
  }
  const int parallelism = int_at(*job, {"spec", "parallelism"}, 1);
  const Json* completions_value = codec::find(*job, {"spec", "completions"});
  const bool any_success = completions_value == nullptr || !completions_value->is_number();  // a work queue
  const int completions = any_success ? 1 : completions_value->get<int>();
  const base::Time now = context_.clock.now();
  const bool suspended = job->at("spec").value("suspend", false);

  Json status{{"succeeded", succeeded}, {"failed", failed}};
  Json conditions = job->value("status", Json::object()).value("conditions", Json::array());
  if (get_string(*job, {"status", "startTime"}).empty() && !suspended)
    status["startTime"] = base::format_rfc3339(now);
  const auto started = base::parse_rfc3339(get_string(*job, {"status", "startTime"})).value_or(now);
  const int deadline = int_at(*job, {"spec", "activeDeadlineSeconds"}, 0);
  const bool late = deadline > 0 && now - started >= std::chrono::seconds(deadline);
  const bool enough = any_success ? succeeded > 0 && active.empty() : succeeded >= completions;
  const bool too_many_failures = failed + restarts > int_at(*job, {"spec", "backoffLimit"}, 6);
  std::optional<milliseconds> again;
  if (enough) {
    set_condition(conditions, "Complete", true, "CompletionsReached",
                  "Reached expected number of succeeded pods", now);
    status["completionTime"] = base::format_rfc3339(now);
  } else if (late || too_many_failures) {
    set_condition(conditions, "Failed", true, late ? "DeadlineExceeded" : "BackoffLimitExceeded",
                  late ? "Job was active longer than specified deadline"
                       : "Job has reached the specified backoff limit",
                  now);
  }
  if (enough || late || too_many_failures || suspended) {
    for (const auto& pod : active) delete_pod(context_, pod);
    active.clear();
    again = milliseconds(100);  // once more, for ttlSecondsAfterFinished
    if (suspended) again.reset();
  } else {
    const int left = any_success ? (succeeded > 0 ? 0 : parallelism) : completions - succeeded;
    const int wanted = std::min(parallelism, left);
    // As kubelet's restarts, new pods after failures come ever later: 1 s, 2 s, 4 s, ...
    if (failed > 0 && static_cast<int>(active.size()) < wanted) {
      const auto last = started + std::chrono::seconds((1 << std::min(failed, 8)) - 1);
      if (now < last) again = std::chrono::ceil<milliseconds>(last - now);
    }
    for (int missing = again ? 0 : wanted - static_cast<int>(active.size()); missing > 0; --missing) {
      Json pod = pod_from_template(job->at("spec").at("template"), owner);
      pod["metadata"]["name"] = key.name + "-" + context_.random.name_suffix();
      active.push_back(client().create(resources::kPods, pod, context_.cancel));
    }
    if (deadline > 0) again = std::chrono::ceil<milliseconds>(started + std::chrono::seconds(deadline) - now);
  }
  status["active"] = active.size();
  status["ready"] = active.empty() ? 0 : ready;
  status["conditions"] = conditions;
  write_status(context_, resources::kJobs, *job, status);
  return again;
}

}  // namespace salvor::local
