// Has node agents back up pods' volumes: one PodVolumeBackup per volume, created together and awaited. One
// watch follows all of a backup's PodVolumeBackups. Methods are called by one thread; the watch runs in
// another.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "backup/pod_volumes.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/log.h"
#include "kube/client.h"
#include "velero/backup_types.h"
#include "velero/pod_volume_types.h"

namespace salvor::backup {

struct ClaimedVolume {
  PodVolume volume;
  std::string claim_uid;  // "" without a claim
};

class PodVolumeBackups {
 public:
  struct Options {
    std::string name_space;  // the server's
    std::string uploader_type;
    std::chrono::nanoseconds timeout;
  };
  PodVolumeBackups(kube::Client& client, const velero::Backup& backup, Options options);
  // Stops the watch.
  ~PodVolumeBackups();

  // Creates the objects and waits until all have ended. Failures are logged as errors, one per volume. Throws
  // only kCancelled, after asking the node agents to stop.
  std::vector<velero::PodVolumeBackup> back_up(const Json& pod, const std::vector<ClaimedVolume>& volumes,
                                               const std::string& repository, const base::Logger& logger,
                                               const base::CancelToken& cancel);
  // All that back_up has returned so far.
  const std::vector<velero::PodVolumeBackup>& all() const { return all_; }

 private:
  Json manifest(const Json& pod, const ClaimedVolume& volume, const std::string& repository) const;
  void start_watch();
  void watch();
  void remember(velero::PodVolumeBackup state);
  std::optional<velero::PodVolumeBackup> state_of(const std::string& name);
  bool all_finished(const std::vector<std::string>& names);
  // Waits for an event, or a moment when none can come.
  void wait_for_news(const std::vector<std::string>& names, const base::CancelToken& cancel);
  void ask_again(const std::vector<std::string>& names, const base::CancelToken& cancel);
  void cancel_operations(const std::vector<std::string>& names);
  bool pod_is_gone(const Json& pod, const base::CancelToken& cancel);

  kube::Client& client_;
  const velero::Backup& backup_;
  const Options options_;
  std::vector<velero::PodVolumeBackup> all_;

  std::mutex mutex_;
  std::condition_variable_any news_;
  std::map<std::string, velero::PodVolumeBackup> states_;  // guarded by mutex_
  bool watching_ = false;                                  // guarded by mutex_
  base::CancelSource stop_;
  std::thread thread_;
};

}  // namespace salvor::backup
