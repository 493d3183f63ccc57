#include "restore/restore_hooks.h"

#include <map>

#include "base/duration.h"
#include "base/thread_pool.h"
#include "kube/pod_command.h"
#include "restore/actions/json_edit.h"
#include "velero/includes_excludes.h"

namespace salvor::restore {
namespace {

constexpr std::chrono::seconds kDefaultExecTimeout{30};
constexpr std::chrono::milliseconds kPollInterval{500};
constexpr size_t kPodsAtOnce = 8;

// "post.hook.restore.velero.io/command" and so on.
std::string annotation(const std::map<std::string, std::string>& annotations, const char* prefix,
                       const char* key) {
  const auto entry = annotations.find(std::string(prefix) + key);
  return entry == annotations.end() ? "" : entry->second;
}

base::Duration parse_timeout(const std::string& text) {
  return base::parse_duration(text).value_or(base::Duration(0));
}

bool hook_is_for(const velero::RestoreResourceHookSpec& hook, const Json& pod,
                 const std::string& name_space) {
  const velero::IncludesExcludes namespaces(hook.included_namespaces, hook.excluded_namespaces);
  const velero::IncludesExcludes resources(hook.included_resources, hook.excluded_resources);
  return namespaces.includes(name_space) && (resources.includes("pods") || resources.includes("pod")) &&
         (!hook.label_selector || hook.label_selector->matches(kube::labels_of(pod)));
}

struct InitContainers {
  std::vector<Json> containers;
  base::Duration timeout{0};  // of the hook that allows the longest; 0: none says
};

InitContainers init_containers_of(const Json& pod, const velero::RestoreHooks& hooks,
                                  const std::string& target_namespace, base::Random& random) {
  constexpr const char* kPrefix = "init.hook.restore.velero.io/";
  const auto annotations = kube::annotations_of(pod);
  const std::string image = annotation(annotations, kPrefix, "container-image");
  if (!image.empty()) {
    std::string name = annotation(annotations, kPrefix, "container-name");
    if (name.empty()) name = "velero-restore-init-" + random.uuid().substr(0, 8);
    Json container{{"name", name}, {"image", image}};
    if (const auto command = kube::parse_annotated_command(annotation(annotations, kPrefix, "command"));
        !command.empty()) {
      container["command"] = command;
    }
    return {{container}, parse_timeout(annotation(annotations, kPrefix, "timeout"))};
  }
  InitContainers found;
  for (const auto& hook : hooks.resources) {
    if (!hook_is_for(hook, pod, target_namespace)) continue;
    for (const auto& post : hook.post_hooks) {
      if (!post.init) continue;
      const auto& more = post.init->init_containers;
      found.containers.insert(found.containers.end(), more.begin(), more.end());
      found.timeout = std::max(found.timeout, post.init->timeout);
    }
  }
  return found;
}

const Json* status_of(const Json& pod, const char* list, const std::string& container) {
  const Json* const statuses = codec::find(pod, {"status", list});
  if (statuses == nullptr || !statuses->is_array()) return nullptr;
  for (const auto& status : *statuses) {
    if (codec::get_string(status, {"name"}) == container) return &status;
  }
  return nullptr;
}

// The container's state in the pod's status: running, ready, or over.
enum class Readiness { kWaiting, kReady, kOver };

Readiness readiness(const std::optional<Json>& pod, const PostHook& hook) {
  if (!pod) return Readiness::kOver;
  const std::string phase = codec::get_string(*pod, {"status", "phase"});
  if (phase == "Succeeded" || phase == "Failed") return Readiness::kOver;
  // Sidecars are init containers that keep running.
  for (const char* list : {"containerStatuses", "initContainerStatuses"}) {
    const Json* const status = status_of(*pod, list, hook.exec.container);
    if (status == nullptr) continue;
    const bool running = codec::find(*status, {"state", "running"}) != nullptr;
    const Json* const ready = codec::find(*status, {"ready"});
    const bool is_ready = ready != nullptr && ready->is_boolean() && ready->get<bool>();
    return running && (is_ready || !hook.exec.wait_for_ready.value_or(false)) ? Readiness::kReady
                                                                              : Readiness::kWaiting;
  }
  return Readiness::kWaiting;
}

bool has_container(const Json& pod, const std::string& name) {
  for (const char* list : {"containers", "initContainers"}) {
    const Json* const containers = codec::find(pod, {"spec", list});
    if (containers == nullptr || !containers->is_array()) continue;
    for (const auto& container : *containers) {
      if (codec::get_string(container, {"name"}) == name) return true;
    }
  }
  return false;
}

void wait_until_ready(kube::Client& client, const PostHook& hook, const base::CancelToken& cancel) {
  const auto start = std::chrono::steady_clock::now();
  for (;;) {
    const auto pod = client.get(kube::resources::kPods, hook.pod, cancel);
    if (pod && !has_container(*pod, hook.exec.container))
      base::fail(base::ErrorCode::kNotFound, "the pod has no such container");
    switch (readiness(pod, hook)) {
      case Readiness::kReady:
        return;
      case Readiness::kOver:
        base::fail(base::ErrorCode::kNotFound, "the pod ended before its hook could run");
      case Readiness::kWaiting:
        break;
    }
    const auto limit = hook.exec.wait_timeout;
    if (limit.count() > 0 && std::chrono::steady_clock::now() - start > limit) {
      base::fail(base::ErrorCode::kTimeout, "container {} was not running after {}", hook.exec.container,
                 base::format_duration(limit));
    }
    if (!cancel.sleep(kPollInterval)) cancel.check();
  }
}

void run_hook(kube::Client& client, base::Random& random, const PostHook& hook, const base::Logger& logger,
              const base::CancelToken& cancel) {
  wait_until_ready(client, hook, cancel);
  const auto timeout =
      hook.exec.exec_timeout.count() > 0 ? hook.exec.exec_timeout : base::Duration(kDefaultExecTimeout);
  kube::run_pod_command(client, random, {hook.pod, hook.exec.container, hook.exec.command, timeout},
                        logger.with("hook", hook.name).with("pod", hook.pod.to_string()), cancel);
}

// Until the hook's init containers have ended; kTimeout when that lasts longer than the hook allows.
void wait_for_init_hook(kube::Client& client, const InitHook& hook, const base::CancelToken& cancel) {
  const auto deadline = std::chrono::steady_clock::now() + hook.timeout;
  for (;;) {
    const auto pod = client.get(kube::resources::kPods, hook.pod, cancel);
    if (!pod) return;
    const bool over = std::all_of(hook.containers.begin(), hook.containers.end(), [&](const auto& container) {
      const Json* const status = status_of(*pod, "initContainerStatuses", container);
      return status != nullptr && codec::find(*status, {"state", "terminated"}) != nullptr;
    });
    if (over) return;
    if (std::chrono::steady_clock::now() > deadline)
      base::fail(base::ErrorCode::kTimeout, "not finished after {}", base::format_duration(hook.timeout));
    if (!cancel.sleep(kPollInterval)) cancel.check();
  }
}

struct HooksOfPod {
  std::vector<InitHook> init;
  std::vector<PostHook> post;
};

HookOutcome run_hooks_of_pod(kube::Client& client, base::Random& random, const HooksOfPod& hooks,
                             const base::Logger& logger, const base::CancelToken& cancel) {
  HookOutcome outcome;
  const auto failed = [&](const kube::ObjectName& pod, std::string message) {
    logger.error("{}", message);
    outcome.errors.emplace_back(pod, std::move(message));
  };
  for (const auto& hook : hooks.init) {
    try {
      wait_for_init_hook(client, hook, cancel);
    } catch (const base::Error& error) {
      cancel.check();
      failed(hook.pod, fmt::format("init hook of pod {} failed: containers {}: {}", hook.pod.to_string(),
                                   fmt::join(hook.containers, ", "), error.message()));
    }
  }
  for (const auto& hook : hooks.post) {
    ++outcome.attempted;
    try {
      run_hook(client, random, hook, logger, cancel);
    } catch (const base::Error& error) {
      if (error.code() == base::ErrorCode::kCancelled && cancel.cancelled()) throw;
      ++outcome.failed;
      failed(hook.pod, fmt::format("hook {} in container {} of pod {} failed: {}", hook.name,
                                   hook.exec.container, hook.pod.to_string(), error.message()));
      if (hook.exec.on_error != "Continue") break;
    }
  }
  return outcome;
}

}  // namespace

std::optional<InitHook> add_init_hooks(Json& pod, const velero::RestoreHooks& hooks,
                                       const std::string& target_namespace, base::Random& random) {
  const auto [added, timeout] = init_containers_of(pod, hooks, target_namespace, random);
  if (added.empty()) return std::nullopt;
  InitHook hook{{target_namespace, kube::name_of(pod)}, {}, timeout};
  for (const auto& container : added) hook.containers.push_back(codec::get_string(container, {"name"}));
  Json containers = Json::array();
  Json* const existing = actions::find_mutable(pod, {"spec", "initContainers"});
  const bool has_existing = existing != nullptr && existing->is_array();
  size_t next = 0;
  if (has_existing && !existing->empty() && codec::get_string((*existing)[0], {"name"}) == "restore-wait") {
    containers.push_back((*existing)[next++]);
  }
  for (const auto& container : added) containers.push_back(container);
  for (; has_existing && next < existing->size(); ++next) containers.push_back((*existing)[next]);
  pod["spec"]["initContainers"] = std::move(containers);
  return hook;
}

std::vector<PostHook> post_hooks_of(const Json& pod, const velero::RestoreHooks& hooks,
                                    const std::string& target_namespace) {
  constexpr const char* kPrefix = "post.hook.restore.velero.io/";
  const kube::ObjectName name{target_namespace, kube::name_of(pod)};
  const auto annotations = kube::annotations_of(pod);
  std::vector<PostHook> found;
  if (const auto command = kube::parse_annotated_command(annotation(annotations, kPrefix, "command"));
      !command.empty()) {
    velero::ExecRestoreHook exec;
    exec.command = command;
    exec.container = annotation(annotations, kPrefix, "container");
    exec.on_error = annotation(annotations, kPrefix, "on-error");
    exec.exec_timeout = parse_timeout(annotation(annotations, kPrefix, "exec-timeout"));
    exec.wait_timeout = parse_timeout(annotation(annotations, kPrefix, "wait-timeout"));
    exec.wait_for_ready = annotation(annotations, kPrefix, "wait-for-ready") == "true";
    found.push_back({name, "<from-annotation>", exec});
  } else {
    for (const auto& hook : hooks.resources) {
      if (!hook_is_for(hook, pod, target_namespace)) continue;
      for (const auto& post : hook.post_hooks) {
        if (post.exec) found.push_back({name, hook.name, *post.exec});
      }
    }
  }
  for (auto& hook : found) {
    if (hook.exec.container.empty()) hook.exec.container = kube::first_container(pod);
  }
  return found;
}

HookOutcome run_restore_hooks(kube::Client& client, base::Random& random,
                              const std::vector<InitHook>& init_hooks,
                              const std::vector<PostHook>& post_hooks, const base::Logger& logger,
                              const base::CancelToken& cancel) {
  std::map<kube::ObjectName, HooksOfPod> by_pod;
  for (const auto& hook : init_hooks) {
    if (hook.timeout.count() > 0) by_pod[hook.pod].init.push_back(hook);
  }
  for (const auto& hook : post_hooks) by_pod[hook.pod].post.push_back(hook);
  HookOutcome total;
  if (by_pod.empty()) return total;
  base::ThreadPool pool(std::min(kPodsAtOnce, by_pod.size()));
  std::vector<std::future<HookOutcome>> running;
  for (const auto& [pod, hooks] : by_pod) {
    running.push_back(pool.submit(
        [&, hooks = &hooks] { return run_hooks_of_pod(client, random, *hooks, logger, cancel); }));
  }
  for (auto& future : running) {
    HookOutcome one = future.get();
    total.attempted += one.attempted;
    total.failed += one.failed;
    std::move(one.errors.begin(), one.errors.end(), std::back_inserter(total.errors));
  }
  return total;
}

}  // namespace salvor::restore
