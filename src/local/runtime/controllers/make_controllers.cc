#include "local/runtime/controllers/controller.h"
#include "local/runtime/controllers/cron_job.h"
#include "local/runtime/controllers/daemon_set.h"
#include "local/runtime/controllers/deployment.h"
#include "local/runtime/controllers/endpoints.h"
#include "local/runtime/controllers/job.h"
#include "local/runtime/controllers/pod_collector.h"
#include "local/runtime/controllers/replica_set.h"
#include "local/runtime/controllers/scheduler.h"
#include "local/runtime/controllers/stateful_set.h"
#include "local/runtime/controllers/volume_binder.h"
#include "local/runtime/controllers/volume_reclaimer.h"

namespace salvor::local {

std::vector<std::unique_ptr<Controller>> make_controllers(ControllerContext& context) {
  std::vector<std::unique_ptr<Controller>> result;
  result.push_back(std::make_unique<DeploymentController>(context));
  result.push_back(std::make_unique<ReplicaSetController>(context));
  result.push_back(std::make_unique<StatefulSetController>(context));
  result.push_back(std::make_unique<DaemonSetController>(context));
  result.push_back(std::make_unique<JobController>(context));
  result.push_back(std::make_unique<CronJobController>(context));
  result.push_back(std::make_unique<VolumeBinder>(context));
  result.push_back(std::make_unique<VolumeReclaimer>(context));
  result.push_back(std::make_unique<Scheduler>(context));
  result.push_back(std::make_unique<PodCollector>(context));
  result.push_back(std::make_unique<EndpointsController>(context));
  return result;
}

}  // namespace salvor::local
