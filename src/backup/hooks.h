// Exec hooks of backups: commands that run in a pod's container before and after the pod is backed up, from
// the pod's annotations or the backup's spec. One object a backup; one thread at a time.
//
// A command that outlives its timeout is ended: hooks are started through the container's /bin/sh with a mark
// in their environment, by which a second exec finds and kills them and all their children. Containers
// without /bin/sh get the plain command, which only ends with its connection if the container runtime sees to
// that.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "backup/resource_filter.h"
#include "base/cancel.h"
#include "base/log.h"
#include "base/random.h"
#include "kube/client.h"
#include "velero/backup_types.h"

namespace salvor::backup {

using codec::Json;

enum class HookPhase { kPre, kPost };

// The hooks that a pod's annotations ask for; empty if they name no command for the phase.
std::vector<velero::ExecHook> hooks_from_annotations(const std::map<std::string, std::string>& annotations,
                                                     HookPhase phase);

class HookRunner {
 public:
  HookRunner(kube::Client& client, base::Random& random, const velero::BackupHooks& hooks,
             const kube::Discovery& discovery);

  struct Outcome {
    // False if a hook failed whose onError is not Continue: then the rest did not run and, before the backup,
    // neither the pod nor its volumes are to be backed up.
    bool succeeded = true;
    int done = 0;  // hooks that ran and did not fail
  };
  // Runs the pod's hooks in order. Failures are logged as errors. Throws only kCancelled.
  Outcome run(const Json& pod, HookPhase phase, const base::Logger& logger, const base::CancelToken& cancel);

  const velero::HookStatus& status() const { return status_; }

 private:
  struct SpecEntry {
    std::string name;
    velero::IncludesExcludes namespaces, resources;
    std::optional<kube::LabelSelector> selector;
    std::vector<velero::BackupResourceHook> pre, post;
  };
  struct Planned {
    std::string name;
    const char* source;
    velero::ExecHook hook;
  };

  std::vector<Planned> plan(const Json& pod, HookPhase phase) const;
  // Throws why it failed.
  void execute(const Json& pod, const velero::ExecHook& hook, const base::Logger& logger,
               const base::CancelToken& cancel);

  kube::Client& client_;
  base::Random& random_;
  std::vector<SpecEntry> entries_;
  velero::HookStatus status_;
};

}  // namespace salvor::backup
