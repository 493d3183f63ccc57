// Brings a backup's objects and volumes back: plan -> order -> apply -> wait for volume data -> hooks. Called
// by the Restore reconciler, which owns the object's phase and uploads what comes out here, and by dry runs.
// One call a restore; independent calls may run side by side. Objects of one kind are applied by several
// threads, as many as the API server takes, kinds one after the other. An API server that is gone or answers
// 429 or 500 is waited for.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "kube/client.h"
#include "kube/discovery.h"
#include "restore/persistent_volumes.h"
#include "restore/plan.h"
#include "velero/backup_contents.h"
#include "velero/constants.h"
#include "velero/resource_list.h"
#include "velero/results.h"
#include "velero/types.h"
#include "velero/volume_info.h"

namespace salvor::restore {

struct RestoreServices {
  kube::Client& client;
  kube::Discovery& discovery;  // refreshed here after custom resource definitions were restored
  const base::Clock& clock;
  base::Random& random;
  base::Logger logger;  // this restore's own: what it says is the restore's log
  PersistentVolumes::CreateVolume create_volume;
  std::function<void(const velero::RestoreProgress&)>
      progress;  // may be null; from any thread, one at a time
  // May be null. All objects and the data of their volumes are there; what is left are provisioned volumes'
  // policies and labels, and hooks. With the number of errors so far. On the calling thread.
  std::function<void(size_t errors)> finalizing = nullptr;
};

struct RestoreOptions {
  std::string name_space = velero::kDefaultNamespace;  // the server's
  std::vector<std::string> resource_priorities;        // empty: default_resource_priorities()
  std::string helper_image;                            // see ActionContext
  std::chrono::nanoseconds resource_timeout = std::chrono::minutes(10);
  std::chrono::nanoseconds terminating_resource_timeout = std::chrono::minutes(10);
  std::chrono::nanoseconds pod_volume_timeout = std::chrono::hours(4);
  unsigned connections = 16;       // objects of one kind in flight at first,
  unsigned most_connections = 48;  // and at most
  std::chrono::nanoseconds longest_outage =
      std::chrono::minutes(5);  // of the API server, before objects fail
  // Changes nothing; the outcome's plan tells what would be done. create_volume is not called.
  bool dry_run = false;
};

struct RestoreInput {
  const velero::Restore& restore;  // defaulted and validated; backup_name is set
  const velero::Backup& backup;
  const velero::BackupContents& contents;
  std::vector<velero::NativeSnapshot> snapshots;            // <backup>-volumesnapshots.json.gz
  std::vector<velero::PodVolumeBackup> pod_volume_backups;  // <backup>-podvolumebackups.json.gz
  std::vector<velero::VolumeInfo> volume_infos;             // <backup>-volumeinfo.json.gz
};

struct RestoreOutcome {
  velero::Results results;         // warnings and errors
  velero::ResourceList resources;  // with outcomes: created, updated, failed, skipped
  velero::RestoreProgress progress;
  velero::HookStatus hooks;
  codec::Json volume_info = codec::Json::array();  // restores/<r>/<r>-volumeinfo.json.gz
  Plan plan;                                       // of a dry run, in the order of the work
};

// Throws only what ends the restore as Failed: cancellation, contents that cannot be read at all, an API
// server that cannot be asked for its kinds, a modifier or plugin configuration that cannot be understood.
// Everything about one object lands in the outcome.
RestoreOutcome run_restore(const RestoreInput& input, const RestoreServices& services,
                           const RestoreOptions& options, const base::CancelToken& cancel);

}  // namespace salvor::restore
