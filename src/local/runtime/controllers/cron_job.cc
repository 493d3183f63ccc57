#include "local/runtime/controllers/cron_job.h"

#include "base/error.h"
#include "velero/cron.h"

namespace salvor::local {
namespace {

namespace resources = kube::resources;
using codec::get_string;
using std::chrono::milliseconds;

enum class JobState { kActive, kSucceeded, kFailed };

JobState state_of(const Json& job) {
  const Json* conditions = codec::find(job, {"status", "conditions"});
  if (conditions == nullptr || !conditions->is_array()) return JobState::kActive;
  for (const auto& condition : *conditions) {
    if (get_string(condition, {"status"}) != "True") continue;
    if (get_string(condition, {"type"}) == "Complete") return JobState::kSucceeded;
    if (get_string(condition, {"type"}) == "Failed") return JobState::kFailed;
  }
  return JobState::kActive;
}

}  // namespace

std::vector<Controller::Trigger> CronJobController::triggers() {
  return {on_self(resources::kCronJobs), on_owned(resources::kJobs, "CronJob")};
}

void CronJobController::create_job(const Json& cron_job, base::Time scheduled) {
  const Json& job_template = cron_job.at("spec").at("jobTemplate");
  Json metadata = job_template.value("metadata", Json::object());
  const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(scheduled.time_since_epoch()).count();
  metadata["name"] = fmt::format("{}-{}", kube::name_of(cron_job), minutes);
  metadata["namespace"] = kube::namespace_of(cron_job);
  metadata["annotations"]["batch.kubernetes.io/cronjob-scheduled-timestamp"] =
      base::format_rfc3339(scheduled);
  metadata["ownerReferences"] = Json::array({owner_reference(cron_job, "batch/v1", "CronJob")});
  try {
    client().create(resources::kJobs,
                    {{"apiVersion", "batch/v1"},
                     {"kind", "Job"},
                     {"metadata", metadata},
                     {"spec", job_template.at("spec")}},
                    context_.cancel);
  } catch (const base::Error& error) {
    if (error.code() != base::ErrorCode::kAlreadyExists) throw;
  }
}

std::vector<Json> CronJobController::clean_up(const Json& cron_job) {
  std::vector<Json> active, succeeded, failed;
  for (auto& job : client().list(resources::kJobs, kube::namespace_of(cron_job), {}, context_.cancel)) {
    const Json* owner = controller_of(job);
    if (owner == nullptr || get_string(*owner, {"uid"}) != kube::uid_of(cron_job)) continue;
    const JobState state = state_of(job);
    (state == JobState::kActive      ? active
     : state == JobState::kSucceeded ? succeeded
                                     : failed)
        .push_back(std::move(job));
  }
  for (auto& [jobs, limit] :
       {std::pair{&succeeded, int_at(cron_job, {"spec", "successfulJobsHistoryLimit"}, 3)},
        std::pair{&failed, int_at(cron_job, {"spec", "failedJobsHistoryLimit"}, 1)}}) {
    std::sort(jobs->begin(), jobs->end(), [](const Json& a, const Json& b) {
      return get_string(a, {"metadata", "creationTimestamp"}) <
             get_string(b, {"metadata", "creationTimestamp"});
    });
    for (int i = 0; i < static_cast<int>(jobs->size()) - limit; ++i) {
      const Json& job = (*jobs)[static_cast<size_t>(i)];
      client().remove(resources::kJobs, {kube::namespace_of(job), kube::name_of(job)}, "Background",
                      kube::uid_of(job), context_.cancel);
    }
  }
  return active;
}

std::optional<milliseconds> CronJobController::reconcile(const ObjectName& key) {
  const auto cron_job = client().get(resources::kCronJobs, key, context_.cancel);
  if (!cron_job || kube::is_being_deleted(*cron_job)) return std::nullopt;
  const auto active = clean_up(*cron_job);
  Json status{{"active", Json::array()}};
  for (const auto& job : active) {
    status["active"].push_back({{"apiVersion", "batch/v1"},
                                {"kind", "Job"},
                                {"namespace", kube::namespace_of(job)},
                                {"name", kube::name_of(job)},
                                {"uid", kube::uid_of(job)}});
  }
  std::optional<milliseconds> again;
  if (!cron_job->at("spec").value("suspend", false)) {
    const auto schedule = velero::CronSchedule::parse(get_string(*cron_job, {"spec", "schedule"}),
                                                      get_string(*cron_job, {"spec", "timeZone"}));
    const base::Time now = context_.clock.now();
    std::string last = get_string(*cron_job, {"status", "lastScheduleTime"});
    if (last.empty()) last = get_string(*cron_job, {"metadata", "creationTimestamp"});
    auto next = schedule.next(base::parse_rfc3339(last).value_or(now));
    std::optional<base::Time> due;  // the latest that was missed; earlier ones are not made up for
    for (int i = 0; next && *next <= now && i < 100'000; ++i) {
      due = next;
      next = schedule.next(*next);
    }
    const int patience = int_at(*cron_job, {"spec", "startingDeadlineSeconds"}, 0);
    if (due && patience > 0 && now - *due > std::chrono::seconds(patience)) due.reset();
    const std::string policy = get_string(*cron_job, {"spec", "concurrencyPolicy"});
    if (due && (policy != "Forbid" || active.empty())) {
      if (policy == "Replace") {
        for (const auto& job : active) {
          client().remove(resources::kJobs, {key.name_space, kube::name_of(job)}, "Background",
                          kube::uid_of(job), context_.cancel);
        }
      }
      create_job(*cron_job, *due);
      status["lastScheduleTime"] = base::format_rfc3339(*due);
    }
    if (next)
      again = std::chrono::ceil<milliseconds>(std::min<base::Duration>(*next - now, std::chrono::hours(1)));
  }
  write_status(context_, resources::kCronJobs, *cron_job, status);
  return again;
}

}  // namespace salvor::local
