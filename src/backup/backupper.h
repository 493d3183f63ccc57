// Makes one backup: collect -> hooks -> items -> volumes -> upload. Called by the Backup reconciler, which
// has defaulted and validated the object (velero/validation.h) and owns it in the cluster. One call a backup;
// independent calls may run side by side.
//
// Objects stream from the list answers into the tarball, which is uploaded while it grows, so memory does not
// depend on their number but for their names. Pods, claims and volumes pass through an unlinked spool file,
// because hooks and volume data may take long while a list must not.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "backup/snapshot_provider.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "kube/client.h"
#include "kube/discovery.h"
#include "velero/backup_store.h"
#include "velero/constants.h"
#include "velero/resource_policies.h"
#include "velero/types.h"

namespace salvor::backup {

struct BackupServices {
  kube::Client& client;
  const kube::Discovery& discovery;  // refreshed by the caller
  const base::Clock& clock;
  base::Random& random;
  velero::BackupStore& store;
  base::Logger logger;  // the server's; the backup's own log is written besides
  // The provider of a VolumeSnapshotLocation of spec.volumeSnapshotLocations; throws why there is none. Null:
  // no native snapshots.
  std::function<std::unique_ptr<SnapshotProvider>(const std::string& location)> snapshot_provider;
  // URL of the repository of a namespace's volumes, and what makes sure that it is there. Null: pods' volumes
  // cannot be backed up.
  std::function<std::string(const std::string& name_space)> repository;
  // Whether a node agent serves the node. Null: not asked.
  std::function<bool(const std::string& node)> node_agent_runs;
  // status with phase InProgress, or Finalizing[PartiallyFailed] when only the upload is left, and progress;
  // at most once a second, from the calling thread. May be null.
  std::function<void(const velero::BackupStatus&)> progress;
  // Removes a snapshot of a backup that failed; throws why it cannot. Null: they stay.
  std::function<void(const velero::NativeSnapshot&)> delete_snapshot;
  // Asked before pieces are written or removed: false when another server makes this backup by now; then the
  // store is left alone and the backup ends as Failed. Null: always.
  std::function<bool()> may_write;
};

struct BackupOptions {
  std::string name_space = velero::kDefaultNamespace;  // the server's
  std::string uploader_type = "restic";
  int page_size = 500;
  bool all_versions = false;   // of each kind, not the preferred one only
  bool csi_snapshots = false;  // of claims that are bound to CSI volumes
  std::chrono::nanoseconds pod_volume_timeout = std::chrono::hours(4);
  velero::ResourcePolicies policies;  // of spec.resourcePolicy
};

// Runs the backup to its end and returns its final status: Completed, PartiallyFailed (errors were logged),
// or Failed with a failureReason when there is no backup in the store: its name is taken, the store failed,
// or it was cancelled. What the store then still holds of it is removed, but for the log. `backup` has
// status.startTimestamp (else: now). Throws only our own bugs.
velero::BackupStatus run_backup(const velero::Backup& backup, const BackupServices& services,
                                const BackupOptions& options, const base::CancelToken& cancel);

}  // namespace salvor::backup
