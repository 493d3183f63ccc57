// Expired backups: creates a DeleteBackupRequest for each Backup whose time to live is over. Also counts
// Backups and Restores for the metrics.
#pragma once

#include <map>
#include <mutex>
#include <set>

#include "server/controller.h"
#include "server/retention.h"

namespace salvor::server {

class GarbageCollector final : public Controller {
 public:
  explicit GarbageCollector(const Context& context) : Controller("gc", context) {}
  std::vector<Watched> watches() override;
  // `name` is that of a Backup, or "schedule/" and the value of the label velero.io/schedule-name: all
  // backups of that schedule.
  Requeue reconcile(const std::string& name, const base::CancelToken& cancel) override;

 private:
  Requeue reconcile_schedule(const std::string& schedule, const base::CancelToken& cancel);
  Requeue reconcile_backup(const std::string& name, const base::CancelToken& cancel);
  std::vector<BackupBrief> backups_of(const std::string& schedule, const base::CancelToken& cancel);
  RetentionPolicy policy_of(const velero::Backup& backup, const base::CancelToken& cancel);
  // Whether the last good backup of a schedule is all that keeps it.
  bool is_held(const velero::Backup& backup, const base::CancelToken& cancel);
  void request_deletion(Stored<velero::Backup>& backup, const std::string& why,
                        const base::CancelToken& cancel);
  // "" when the location can be deleted from, else the value of the label velero.io/gc-failure.
  std::string failure_of(const velero::Backup& backup, const base::CancelToken& cancel);
  bool is_requested(const std::string& backup, const base::CancelToken& cancel);

  std::set<std::string> held_;  // those of which the log tells already; used by the one worker only
};

// What metrics say of the objects that there are: velero_backup_total, velero_restore_total, and per schedule
// the newest Completed backup, which a server that starts learns from them.
class ObjectCounts final : public Controller {
 public:
  explicit ObjectCounts(const Context& context) : Controller("object-counts", context) {}
  std::vector<Watched> watches() override;
  Requeue reconcile(const std::string&, const base::CancelToken&) override { return std::nullopt; }

 private:
  void note_success(const Json& backup);

  std::mutex mutex_;
  std::map<std::string, std::set<std::string>> names_;  // metric -> objects; guarded by mutex_
};

}  // namespace salvor::server
