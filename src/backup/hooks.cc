#include "backup/hooks.h"

#include "base/duration.h"
#include "base/error.h"
#include "kube/pod_command.h"

namespace salvor::backup {
namespace {

constexpr auto kDefaultTimeout = std::chrono::seconds(30);

std::string annotation(const std::map<std::string, std::string>& annotations, HookPhase phase,
                       std::string_view field) {
  const std::string name = fmt::format("hook.backup.velero.io/{}", field);
  if (auto found = annotations.find((phase == HookPhase::kPre ? "pre." : "post.") + name);
      found != annotations.end())
    return found->second;
  // The first form of these annotations knew no phase and meant "before".
  auto found = phase == HookPhase::kPre ? annotations.find(name) : annotations.end();
  return found == annotations.end() ? "" : found->second;
}

std::string command_text(const std::vector<std::string>& command) {
  return fmt::format("[{}]", fmt::join(command, " "));
}

bool container_exists(const Json& pod, const std::string& name) {
  for (const char* member : {"containers", "initContainers", "ephemeralContainers"}) {
    const Json* containers = codec::find(pod, {"spec", member});
    if (!containers || !containers->is_array()) continue;
    for (const Json& container : *containers) {
      if (codec::get_string(container, {"name"}) == name) return true;
    }
  }
  return false;
}

}  // namespace

std::vector<velero::ExecHook> hooks_from_annotations(const std::map<std::string, std::string>& annotations,
                                                     HookPhase phase) {
  const std::string command = annotation(annotations, phase, "command");
  if (command.empty()) return {};
  velero::ExecHook hook;
  hook.command = kube::parse_annotated_command(command);
  hook.container = annotation(annotations, phase, "container");
  const std::string on_error = annotation(annotations, phase, "on-error");
  if (on_error == "Fail" || on_error == "Continue") hook.on_error = on_error;
  hook.timeout =
      base::parse_duration(annotation(annotations, phase, "timeout")).value_or(base::Duration::zero());
  return {hook};
}

HookRunner::HookRunner(kube::Client& client, base::Random& random, const velero::BackupHooks& hooks,
                       const kube::Discovery& discovery)
    : client_(client), random_(random) {
  auto resolve = [&](std::vector<std::string> names) {
    for (std::string& name : names) {
      if (auto found = discovery.find(name)) name = found->gvr.group_resource();
    }
    return names;
  };
  for (const auto& entry : hooks.resources)
    entries_.push_back({entry.name,
                        {entry.included_namespaces, entry.excluded_namespaces},
                        {resolve(entry.included_resources), resolve(entry.excluded_resources)},
                        entry.label_selector,
                        entry.pre,
                        entry.post});
}

std::vector<HookRunner::Planned> HookRunner::plan(const Json& pod, HookPhase phase) const {
  std::vector<Planned> result;
  for (auto& hook : hooks_from_annotations(kube::annotations_of(pod), phase))
    result.push_back({"<from-annotation>", "annotation", std::move(hook)});
  if (!result.empty()) return result;
  const auto labels = kube::labels_of(pod);
  for (const SpecEntry& entry : entries_) {
    if (!entry.namespaces.includes(kube::namespace_of(pod)) || !entry.resources.includes("pods")) continue;
    if (entry.selector && !entry.selector->matches(labels)) continue;
    for (const auto& hook : phase == HookPhase::kPre ? entry.pre : entry.post) {
      if (hook.exec) result.push_back({entry.name, "spec", *hook.exec});
    }
  }
  return result;
}

HookRunner::Outcome HookRunner::run(const Json& pod, HookPhase phase, const base::Logger& logger,
                                    const base::CancelToken& cancel) {
  Outcome outcome;
  const std::string pod_phase = codec::get_string(pod, {"status", "phase"});
  if (pod_phase == "Succeeded" || pod_phase == "Failed") return outcome;
  for (const Planned& planned : plan(pod, phase)) {
    const base::Logger log = logger.with("hookPhase", phase == HookPhase::kPre ? "pre" : "post")
                                 .with("hookSource", planned.source)
                                 .with("hookType", "exec")
                                 .with("hookName", planned.name)
                                 .with("hookCommand", command_text(planned.hook.command));
    ++status_.hooks_attempted;
    try {
      execute(pod, planned.hook, log, cancel);
      ++outcome.done;
    } catch (const base::Error& error) {
      if (error.code() == base::ErrorCode::kCancelled) throw;
      ++status_.hooks_failed;
      log.with("error", error.message()).error("Error executing hook");
      // Unset means Fail, as the API says. (Velero goes on then: what it applies the default to is a copy.)
      if (planned.hook.on_error != "Continue") {
        outcome.succeeded = false;
        return outcome;
      }
    }
  }
  return outcome;
}

void HookRunner::execute(const Json& pod, const velero::ExecHook& hook, const base::Logger& logger,
                         const base::CancelToken& cancel) {
  if (hook.command.empty()) base::fail(base::ErrorCode::kInvalidArgument, "the hook has no command");
  const kube::ObjectName name{kube::namespace_of(pod), kube::name_of(pod)};
  const std::string container = hook.container.empty() ? kube::first_container(pod) : hook.container;
  if (!container_exists(pod, container))
    base::fail(base::ErrorCode::kNotFound, "no such container: \"{}\" in pod \"{}\"", container,
               name.to_string());
  const auto timeout = hook.timeout > base::Duration::zero() ? hook.timeout : base::Duration(kDefaultTimeout);
  const base::Logger log =
      logger.with("hookContainer", container).with("hookTimeout", base::format_duration(timeout));
  log.info("running exec hook");

  kube::run_pod_command(client_, random_, {name, container, hook.command, timeout}, log, cancel);
}

}  // namespace salvor::backup
