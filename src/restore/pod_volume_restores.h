// The file data of restored pods: one PodVolumeRestore object for each volume with a PodVolumeBackup, handled
// by the node agent of the node that the pod lands on. Thread-safe.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/log.h"
#include "base/random.h"
#include "kube/client.h"
#include "velero/backup_contents.h"
#include "velero/types.h"
#include "velero/volume_info.h"

namespace salvor::restore {

class PodVolumeRestores {
 public:
  // `location` is where the backup lies now, which need not be the name it was made under.
  PodVolumeRestores(kube::Client& client, const velero::Restore& restore, std::string name_space,
                    std::string location, const std::vector<velero::PodVolumeBackup>& backups,
                    base::Random& random, base::Logger logger);

  // Volumes of a backed-up pod whose data can be restored.
  std::vector<std::string> volumes_of(const kube::ObjectName& backed_up_pod) const;
  // Claims, by their backed-up name, whose data is in a repository, readable or not. Old PodVolumeBackups do
  // not name theirs: then the backed-up pod does.
  std::set<kube::ObjectName> claims(const velero::BackupContents& contents) const;
  // Why volumes of a pod that have data cannot be filled with it: one text for each.
  std::vector<std::string> unreadable_volumes_of(const kube::ObjectName& backed_up_pod) const;

  // Orders the restore of all volumes of a pod that was just created. May be repeated.
  void start(const kube::ObjectName& backed_up_pod, const codec::Json& created_pod,
             const base::CancelToken& cancel);

  struct Failure {
    kube::ObjectName pod;  // in the target cluster
    std::string message;
  };
  // Until all that were started are finished, or the timeout.
  std::vector<Failure> wait(std::chrono::nanoseconds timeout, const base::CancelToken& cancel);
  bool any() const;
  // Elements of <restore>-volumeinfo.json.gz for what was started.
  codec::Json volume_info() const;

 private:
  struct Started {
    std::string name;  // of the PodVolumeRestore
    kube::ObjectName pod;
    const velero::PodVolumeBackup* backup;
    bool finished = false;
    std::string phase;
  };

  // Volume -> PodVolumeRestore.
  std::map<std::string, std::string> ordered_before(const codec::Json& pod,
                                                    const base::CancelToken& cancel) const;
  bool is_started(const velero::PodVolumeBackup& backup) const;
  std::map<std::string, std::string> uploader_settings() const;

  kube::Client& client_;
  const velero::Restore& restore_;
  const std::string name_space_;
  const std::string location_;
  base::Random& random_;
  const base::Logger logger_;
  // Constant after construction.
  std::map<kube::ObjectName, std::vector<const velero::PodVolumeBackup*>> by_pod_;
  std::map<kube::ObjectName, std::vector<const velero::PodVolumeBackup*>> unreadable_;
  mutable std::mutex mutex_;
  std::vector<Started> started_;  // guarded by mutex_
};

}  // namespace salvor::restore
