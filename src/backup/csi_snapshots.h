// CSI snapshots of claims while they are backed up: one VolumeSnapshot per claim, many at once, followed by
// polling. One object a backup; one thread at a time.
//
//   begin -> cut (the storage has a handle: the data is that of now) -> ready -> taken up into the backup ->
//   retained (nothing in the cluster can take the data away any more) -> let go, when the backup is whole
//
// A failure of one snapshot is logged as an error that names the claim, and its VolumeSnapshot is removed
// with its data. Only kCancelled is thrown. What is still there when the backup fails, discard removes.
#pragma once

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "kube/client.h"
#include "velero/backup_types.h"
#include "velero/volume_info.h"
#include "volumes/csi_objects.h"

namespace salvor::backup {

using codec::Json;

// One of them, as far as it has come.
struct CsiSnapshot {
  enum class Stage { kBegun, kCut, kReady, kFailed };
  Stage stage = Stage::kBegun;
  kube::ObjectName claim, name;  // of the claim, of the VolumeSnapshot
  std::string volume, driver;    // PersistentVolume
  Json snapshot, content;        // as last seen; null before that
  Json snapshot_class;
  bool exists = false;    // in the cluster, as far as we know
  bool retained = false;  // the storage keeps the data
  std::optional<base::Time> started, completed;
  std::chrono::steady_clock::time_point cut_deadline, ready_deadline;
  std::string failure;
  base::Logger logger;
};

class CsiSnapshots {
 public:
  CsiSnapshots(kube::Client& client, const velero::Backup& backup, const base::Clock& clock,
               base::Random& random);

  // Asks for a snapshot of a claim that is bound to a CSI volume. Returns the name of its VolumeSnapshot,
  // also when that failed: a restore must not take the claim for one without data.
  std::string begin(const Json& claim, const Json& volume, const base::Logger& logger,
                    const base::CancelToken& cancel);
  // Waits until the storage has cut the snapshots of these claims, as far as there are any: for
  // csiSnapshotTimeout after each one's beginning.
  void wait_for_cut(const std::vector<kube::ObjectName>& claims, const base::CancelToken& cancel);
  // Waits until all are usable: for csiSnapshotTimeout until the cut, and itemOperationTimeout for what the
  // storage does after it.
  void wait_until_ready(const base::CancelToken& cancel);
  // Has the data kept whatever happens to the objects. Those that cannot be kept count as failed.
  void retain(const base::CancelToken& cancel);
  // Removes the objects of retained snapshots from the cluster, and what is left of failed ones with its
  // data. Failures are warnings: the backup's data is safe.
  void let_go(const base::Logger& logger);
  // Removes all snapshots, with their data. Failures are errors.
  void discard(const base::Logger& logger);

  bool any() const { return !all_.empty(); }
  const std::vector<CsiSnapshot>& all() const { return all_; }
  // The objects as they go into the backup, of snapshots that are ready.
  std::vector<Json> snapshots() const;
  std::vector<Json> contents() const;
  std::vector<Json> classes() const;  // each once
  // <backup>-volumeinfo.json.gz, without what only the PersistentVolume says.
  velero::VolumeInfo volume_info(const CsiSnapshot& snapshot) const;

 private:
  void create(CsiSnapshot& snapshot, const Json& claim, const base::CancelToken& cancel);
  const std::vector<Json>& all_classes(const base::CancelToken& cancel);
  void wait(const std::vector<CsiSnapshot*>& those, CsiSnapshot::Stage stage, size_t may_remain,
            const base::CancelToken& cancel);
  void poll(CsiSnapshot& snapshot, const base::CancelToken& cancel);
  void look(CsiSnapshot& snapshot, const base::CancelToken& cancel);
  void check_deadline(CsiSnapshot& snapshot);
  void fail(CsiSnapshot& snapshot, std::string why);
  Json stored_snapshot(const CsiSnapshot& snapshot) const;

  kube::Client& client_;
  const velero::Backup& backup_;
  const base::Clock& clock_;
  base::Random& random_;
  std::vector<CsiSnapshot> all_;
  std::optional<std::vector<Json>> classes_;  // once asked for
};

}  // namespace salvor::backup
