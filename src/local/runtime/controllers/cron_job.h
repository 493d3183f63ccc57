// CronJob: a Job at each time of its schedule, unless it is suspended.
#pragma once

#include "local/runtime/controllers/controller.h"

namespace salvor::local {

class CronJobController final : public Controller {
 public:
  using Controller::Controller;
  std::string_view name() const override { return "cronjob"; }
  std::vector<Trigger> triggers() override;
  std::optional<std::chrono::milliseconds> reconcile(const ObjectName& key) override;

 private:
  void create_job(const Json& cron_job, base::Time scheduled);
  // Removes the oldest ended jobs past the limits; returns those that still run.
  std::vector<Json> clean_up(const Json& cron_job);
};

}  // namespace salvor::local
