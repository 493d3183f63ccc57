// Schedule objects: validates their expressions and creates a Backup whenever one is due. Missed runs
// collapse into one; a run waits while an earlier backup of the schedule is New or InProgress. Facts:
// Velero's schedule controller.
#pragma once

#include "server/controller.h"

namespace salvor::server {

class ScheduleController final : public Controller {
 public:
  explicit ScheduleController(const Context& context) : Controller("schedule", context) {}
  std::vector<Watched> watches() override;
  Requeue reconcile(const std::string& name, const base::CancelToken& cancel) override;

 private:
  void forget_metrics(const std::string& schedule);
  bool has_open_backup(const std::string& schedule, const base::CancelToken& cancel);
  void submit(Stored<velero::Schedule>& schedule, const base::CancelToken& cancel);
};

// The Backup that a schedule makes now. Pure.
velero::Backup backup_of_schedule(const velero::Schedule& schedule, base::Time now);

}  // namespace salvor::server
