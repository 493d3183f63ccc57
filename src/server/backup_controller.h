// Backup objects that are New: fills in defaults, validates, runs the backup engine and records its outcome.
// Oldest first; as many at a time as the server allows, but never two that share a namespace, here or on
// another server.
//
// Nothing is run twice: a backup belongs to the server that wrote its identity into it together with the
// phase InProgress, which of several servers only one can. One that was left in the middle, because its
// server died, is begun anew by the next server that finds it; one whose server was told to stop goes back to
// New.
#pragma once

#include "server/controller.h"
#include "server/volume_services.h"

namespace salvor::server {

class BackupController final : public Controller {
 public:
  BackupController(const Context& context, const VolumeServices& volumes)
      : Controller("backup", context), volumes_(volumes) {}
  int workers() const override { return std::max(1, context_.options.concurrent_backups); }
  std::vector<Watched> watches() override;
  Requeue reconcile(const std::string& name, const base::CancelToken& cancel) override;

 private:
  using Running = Operations::Running;
  void handle(const kube::WatchEvent& event);
  Requeue start(Stored<velero::Backup>& backup, const base::CancelToken& cancel);
  Requeue take_over(Stored<velero::Backup>& backup, const base::CancelToken& cancel);
  bool adopt_from_store(Stored<velero::Backup>& backup, const base::CancelToken& cancel);
  void begin_anew(Stored<velero::Backup>& backup, const base::CancelToken& cancel);
  void clear_earlier_attempt(const velero::Backup& backup, const base::CancelToken& cancel);
  void remove_volumes(const velero::Backup& backup, std::optional<base::Time> made_before);
  std::vector<std::string> prepare(velero::Backup& backup, const base::CancelToken& cancel);
  void run(Stored<velero::Backup>& backup, const Running& running, const base::CancelToken& cancel);
  void finish(Stored<velero::Backup>& backup, const base::CancelToken& cancel);
  void give_back(Stored<velero::Backup>& backup, const std::string& why);
  bool make_ready(Stored<velero::Backup>& backup, const base::CancelToken& cancel);
  std::string overlapping_claim(const velero::Backup& backup, const base::CancelToken& cancel);
  velero::BackupStatus run_engine(Stored<velero::Backup>& backup, const Running& running,
                                  const base::Logger& log);
  void note_size(const velero::Backup& backup, velero::BackupStore& store);
  bool is_ours(const std::string& name, const base::CancelToken& cancel);
  bool node_agent_runs(const std::string& node, const base::CancelToken& cancel);
  void count(const velero::Backup& backup);

  const VolumeServices& volumes_;
};

// Annotations in which servers keep notes about their work; what is written to a bucket does without them.
void remove_server_notes(velero::ObjectMeta& metadata);

}  // namespace salvor::server
