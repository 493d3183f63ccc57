// Hooks of a restore: init containers put into pods before they are created, and commands run in their
// containers afterwards. Annotations of a pod win over the restore's own hooks. (Velero fact sheet
// section 6.)
#pragma once

#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/log.h"
#include "base/random.h"
#include "kube/client.h"
#include "velero/restore_types.h"

namespace salvor::restore {

using codec::Json;

// A command to run in a restored pod.
struct PostHook {
  kube::ObjectName pod;  // in the target cluster
  std::string name;      // of the hook, for messages
  velero::ExecRestoreHook exec;
};

// Init containers that were put into a pod.
struct InitHook {
  kube::ObjectName pod;                 // in the target cluster
  std::vector<std::string> containers;  // their names
  base::Duration timeout{0};            // 0: none
};

// Adds the init containers that annotations or the restore's hooks ask for, behind restore-wait.
// `target_namespace` is what hook filters match. nullopt: there are none for this pod.
std::optional<InitHook> add_init_hooks(Json& pod, const velero::RestoreHooks& hooks,
                                       const std::string& target_namespace, base::Random& random);

// The commands for this pod, in order. container is never empty.
std::vector<PostHook> post_hooks_of(const Json& pod, const velero::RestoreHooks& hooks,
                                    const std::string& target_namespace);

struct HookOutcome {
  int attempted = 0;
  int failed = 0;
  std::vector<std::pair<kube::ObjectName, std::string>> errors;  // pod, message
};

// For each pod: waits for init hooks that have a timeout to end, then, for each exec hook in order, for its
// container (Running, or Ready where asked) and runs it; pods run side by side. A failed hook whose onError
// is not Continue ends that pod's hooks, a hook that could not run in time has failed, and a command whose
// time is up is killed. Only exec hooks are counted. Never throws but kCancelled.
HookOutcome run_restore_hooks(kube::Client& client, base::Random& random,
                              const std::vector<InitHook>& init_hooks,
                              const std::vector<PostHook>& post_hooks, const base::Logger& logger,
                              const base::CancelToken& cancel);

}  // namespace salvor::restore
