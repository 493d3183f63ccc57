#include "backup/hooks.h"

#include "base/duration.h"
#include "base/error.h"

namespace salvor::backup {
namespace {

constexpr auto kDefaultTimeout = std::chrono::seconds(30);
constexpr auto kEndTimeout = std::chrono::seconds(15);
constexpr size_t kMostOutput = size_t{64} << 10;

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

std::vector<std::string> parse_command(const std::string& text) {
  if (!text.starts_with('[')) return {text};
  const Json list = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!list.is_array() ||
      !std::all_of(list.begin(), list.end(), [](const Json& word) { return word.is_string(); }))
    return {text};
  return list.get<std::vector<std::string>>();
}

std::string command_text(const std::vector<std::string>& command) {
  return fmt::format("[{}]", fmt::join(command, " "));
}

// Keeps the beginning of an output; a hook may write without end.
class BoundedSink final : public base::Sink {
 public:
  void write(std::string_view data) override {
    const size_t room = kMostOutput - std::min(kMostOutput, text_.size());
    text_.append(data.substr(0, room));
    cut_ = cut_ || data.size() > room;
  }
  std::string text() const { return cut_ ? text_ + "\n(cut here)" : text_; }

 private:
  std::string text_;
  bool cut_ = false;
};

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

std::string first_container(const Json& pod) {
  const Json* containers = codec::find(pod, {"spec", "containers"});
  return containers && containers->is_array() && !containers->empty()
             ? codec::get_string((*containers)[0], {"name"})
             : "";
}

// What container runtimes say when there is no shell to start: nothing of the hook has run then. A shell's
// own complaint about a command ("/bin/sh: 1: x: not found") is not meant.
bool lacks_shell(std::string_view text) {
  return text.find("exec: \"/bin/sh\"") != std::string_view::npos ||
         text.find("stat /bin/sh: no such file") != std::string_view::npos ||
         text.find("exec /bin/sh: no such file") != std::string_view::npos;
}

// The mark goes into the environment, where children inherit it, and not into the arguments, which exec
// replaces.
std::vector<std::string> marked(const std::vector<std::string>& command, const std::string& mark) {
  std::vector<std::string> result = {"/bin/sh", "-c", "SALVOR_HOOK=$0; export SALVOR_HOOK; exec \"$@\"",
                                     mark};
  result.insert(result.end(), command.begin(), command.end());
  return result;
}

constexpr char kEndScript[] =
    "for p in /proc/[0-9]*; do "
    "if tr '\\000' '\\n' <$p/environ 2>/dev/null | grep -qx \"SALVOR_HOOK=$0\"; then "
    "kill -9 ${p#/proc/} 2>/dev/null; fi; done; :";

}  // namespace

std::vector<velero::ExecHook> hooks_from_annotations(const std::map<std::string, std::string>& annotations,
                                                     HookPhase phase) {
  const std::string command = annotation(annotations, phase, "command");
  if (command.empty()) return {};
  velero::ExecHook hook;
  hook.command = parse_command(command);
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
  const std::string container = hook.container.empty() ? first_container(pod) : hook.container;
  if (!container_exists(pod, container))
    base::fail(base::ErrorCode::kNotFound, "no such container: \"{}\" in pod \"{}\"", container,
               name.to_string());
  const auto timeout = hook.timeout > base::Duration::zero() ? hook.timeout : base::Duration(kDefaultTimeout);
  const base::Logger log =
      logger.with("hookContainer", container).with("hookTimeout", base::format_duration(timeout));
  log.info("running exec hook");

  const std::string mark = random_.uuid();
  auto attempt = [&](const std::vector<std::string>& command) {
    BoundedSink output, error_output;
    kube::ExecOptions options;
    options.command = command;
    options.container = container;
    options.output = &output;
    options.error_output = &error_output;
    options.timeout = timeout;
    const kube::ExecResult result = client_.exec(name, options, cancel);
    log.info("stdout: {}", output.text());
    log.info("stderr: {}", error_output.text());
    if (result.exit_code == 0) return;
    const std::string said = output.text() + error_output.text();
    base::fail(base::ErrorCode::kInternal, "command terminated with exit code {}{}", result.exit_code,
               result.exit_code >= 126 && lacks_shell(said) ? ": " + said : "");
  };
  try {
    try {
      attempt(marked(hook.command, mark));
    } catch (const base::Error& error) {
      if (!lacks_shell(error.message())) throw;
      log.info("the container has no /bin/sh; the hook is started without it");
      attempt(hook.command);
    }
  } catch (const base::Error& error) {
    if (error.code() == base::ErrorCode::kTimeout || error.code() == base::ErrorCode::kCancelled)
      end_process(name, container, mark, log);
    if (error.code() == base::ErrorCode::kTimeout)
      base::fail(base::ErrorCode::kTimeout, "timed out after {}", base::format_duration(timeout));
    throw;
  }
}

// Also after a cancellation, hence without its token.
void HookRunner::end_process(const kube::ObjectName& pod, const std::string& container,
                             const std::string& mark, const base::Logger& logger) {
  kube::ExecOptions options;
  options.command = {"/bin/sh", "-c", kEndScript, mark};
  options.container = container;
  options.timeout = kEndTimeout;
  try {
    client_.exec(pod, options, {});
    logger.info("the hook's processes were ended");
  } catch (const base::Error& error) {
    logger.with("error", error.message())
        .warning("cannot end the hook's processes in pod {}", pod.to_string());
  }
}

}  // namespace salvor::backup
