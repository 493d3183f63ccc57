#include "restore/restore_hooks.h"

#include <map>

#include "base/duration.h"
#include "base/thread_pool.h"
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

// A value that begins with "[" is a JSON array of strings; anything else, or a malformed array, is one
// argument.
std::vector<std::string> parse_command(const std::string& text) {
  if (text.empty()) return {};
  if (text.front() == '[') {
    const Json parsed = Json::parse(text, nullptr, false);
    if (parsed.is_array() &&
        std::all_of(parsed.begin(), parsed.end(), [](const Json& e) { return e.is_string(); })) {
      return parsed.get<std::vector<std::string>>();
    }
  }
  return {text};
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

std::string first_container(const Json& pod) {
  const Json* const containers = codec::find(pod, {"spec", "containers"});
  if (containers == nullptr || !containers->is_array() || containers->empty()) return "";
  return codec::get_string(containers->front(), {"name"});
}

std::vector<Json> init_containers_of(const Json& pod, const velero::RestoreHooks& hooks,
                                     const std::string& target_namespace, base::Random& random) {
  constexpr const char* kPrefix = "init.hook.restore.velero.io/";
  const auto annotations = kube::annotations_of(pod);
  const std::string image = annotation(annotations, kPrefix, "container-image");
  if (!image.empty()) {
    std::string name = annotation(annotations, kPrefix, "container-name");
    if (name.empty()) name = "velero-restore-init-" + random.uuid().substr(0, 8);
    Json container{{"name", name}, {"image", image}};
    if (const auto command = parse_command(annotation(annotations, kPrefix, "command")); !command.empty()) {
      container["command"] = command;
    }
    return {container};
  }
  std::vector<Json> containers;
  for (const auto& hook : hooks.resources) {
    if (!hook_is_for(hook, pod, target_namespace)) continue;
    for (const auto& post : hook.post_hooks) {
      if (post.init)
        containers.insert(containers.end(), post.init->init_containers.begin(),
                          post.init->init_containers.end());
    }
  }
  return containers;
}

// The container's state in the pod's status: running, ready, or over.
enum class Readiness { kWaiting, kReady, kOver };

Readiness readiness(const std::optional<Json>& pod, const PostHook& hook) {
  if (!pod) return Readiness::kOver;
  const std::string phase = codec::get_string(*pod, {"status", "phase"});
  if (phase == "Succeeded" || phase == "Failed") return Readiness::kOver;
  const Json* const statuses = codec::find(*pod, {"status", "containerStatuses"});
  if (statuses == nullptr || !statuses->is_array()) return Readiness::kWaiting;
  for (const auto& status : *statuses) {
    if (codec::get_string(status, {"name"}) != hook.exec.container) continue;
    const bool running = codec::find(status, {"state", "running"}) != nullptr;
    const Json* const ready = codec::find(status, {"ready"});
    const bool is_ready = ready != nullptr && ready->is_boolean() && ready->get<bool>();
    return running && (is_ready || !hook.exec.wait_for_ready.value_or(false)) ? Readiness::kReady
                                                                              : Readiness::kWaiting;
  }
  return Readiness::kWaiting;
}

void wait_until_ready(kube::Client& client, const PostHook& hook, const base::CancelToken& cancel) {
  const auto start = std::chrono::steady_clock::now();
  for (;;) {
    switch (readiness(client.get(kube::resources::kPods, hook.pod, cancel), hook)) {
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

void run_hook(kube::Client& client, const PostHook& hook, const base::Logger& logger,
              const base::CancelToken& cancel) {
  wait_until_ready(client, hook, cancel);
  base::StringSink output, error_output;
  kube::ExecOptions options{.command = hook.exec.command, .container = hook.exec.container};
  options.output = &output;
  options.error_output = &error_output;
  options.timeout =
      hook.exec.exec_timeout.count() > 0 ? hook.exec.exec_timeout : base::Duration(kDefaultExecTimeout);
  const int exit_code = client.exec(hook.pod, options, cancel).exit_code;
  logger.info("hook {} in {}: stdout: {}", hook.name, hook.pod.to_string(), output.data());
  logger.info("hook {} in {}: stderr: {}", hook.name, hook.pod.to_string(), error_output.data());
  if (exit_code != 0)
    base::fail(base::ErrorCode::kInternal, "command terminated with exit code {}", exit_code);
}

HookOutcome run_hooks_of_pod(kube::Client& client, const std::vector<PostHook>& hooks,
                             const base::Logger& logger, const base::CancelToken& cancel) {
  HookOutcome outcome;
  for (const auto& hook : hooks) {
    ++outcome.attempted;
    try {
      run_hook(client, hook, logger, cancel);
    } catch (const base::Error& error) {
      if (error.code() == base::ErrorCode::kCancelled && cancel.cancelled()) throw;
      ++outcome.failed;
      const std::string message = fmt::format("hook {} in container {} of pod {} failed: {}", hook.name,
                                              hook.exec.container, hook.pod.to_string(), error.message());
      logger.error("{}", message);
      outcome.errors.emplace_back(hook.pod, message);
      if (hook.exec.on_error != "Continue") break;
    }
  }
  return outcome;
}

}  // namespace

void add_init_hooks(Json& pod, const velero::RestoreHooks& hooks, const std::string& target_namespace,
                    base::Random& random) {
  const auto added = init_containers_of(pod, hooks, target_namespace, random);
  if (added.empty()) return;
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
}

std::vector<PostHook> post_hooks_of(const Json& pod, const velero::RestoreHooks& hooks,
                                    const std::string& target_namespace) {
  constexpr const char* kPrefix = "post.hook.restore.velero.io/";
  const kube::ObjectName name{target_namespace, kube::name_of(pod)};
  const auto annotations = kube::annotations_of(pod);
  std::vector<PostHook> found;
  if (const auto command = parse_command(annotation(annotations, kPrefix, "command")); !command.empty()) {
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
    if (hook.exec.container.empty()) hook.exec.container = first_container(pod);
  }
  return found;
}

HookOutcome run_post_hooks(kube::Client& client, const std::vector<PostHook>& hooks,
                           const base::Logger& logger, const base::CancelToken& cancel) {
  std::map<kube::ObjectName, std::vector<PostHook>> by_pod;
  for (const auto& hook : hooks) by_pod[hook.pod].push_back(hook);
  HookOutcome total;
  if (by_pod.empty()) return total;
  base::ThreadPool pool(std::min(kPodsAtOnce, by_pod.size()));
  std::vector<std::future<HookOutcome>> running;
  for (const auto& [pod, list] : by_pod) {
    running.push_back(
        pool.submit([&, list = list] { return run_hooks_of_pod(client, list, logger, cancel); }));
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
