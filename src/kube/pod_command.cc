#include "kube/pod_command.h"

#include "base/duration.h"
#include "base/error.h"

namespace salvor::kube {
namespace {

constexpr auto kEndTimeout = std::chrono::seconds(15);
constexpr size_t kMostOutput = size_t{64} << 10;

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

// Also after a cancellation, hence without its token.
void end_processes(Client& client, const PodCommand& command, const std::string& mark,
                   const base::Logger& logger) {
  ExecOptions options;
  options.command = {"/bin/sh", "-c", kEndScript, mark};
  options.container = command.container;
  options.timeout = kEndTimeout;
  try {
    client.exec(command.pod, options, {});
    logger.info("the hook's processes were ended");
  } catch (const base::Error& error) {
    logger.with("error", error.message())
        .warning("cannot end the hook's processes in pod {}", command.pod.to_string());
  }
}

void attempt(Client& client, const PodCommand& command, const std::vector<std::string>& words,
             const base::Logger& logger, const base::CancelToken& cancel) {
  BoundedSink output, error_output;
  ExecOptions options;
  options.command = words;
  options.container = command.container;
  options.output = &output;
  options.error_output = &error_output;
  options.timeout = command.timeout;
  const ExecResult result = client.exec(command.pod, options, cancel);
  logger.info("stdout: {}", output.text());
  logger.info("stderr: {}", error_output.text());
  if (result.exit_code == 0) return;
  const std::string said = output.text() + error_output.text();
  base::fail(base::ErrorCode::kInternal, "command terminated with exit code {}{}", result.exit_code,
             result.exit_code >= 126 && lacks_shell(said) ? ": " + said : "");
}

}  // namespace

void run_pod_command(Client& client, base::Random& random, const PodCommand& command,
                     const base::Logger& logger, const base::CancelToken& cancel) {
  const std::string mark = random.uuid();
  try {
    try {
      attempt(client, command, marked(command.command, mark), logger, cancel);
    } catch (const base::Error& error) {
      if (!lacks_shell(error.message())) throw;
      logger.info("the container has no /bin/sh; the hook is started without it");
      attempt(client, command, command.command, logger, cancel);
    }
  } catch (const base::Error& error) {
    if (error.code() == base::ErrorCode::kTimeout || error.code() == base::ErrorCode::kCancelled)
      end_processes(client, command, mark, logger);
    if (error.code() == base::ErrorCode::kTimeout)
      base::fail(base::ErrorCode::kTimeout, "timed out after {}", base::format_duration(command.timeout));
    throw;
  }
}

std::vector<std::string> parse_annotated_command(const std::string& text) {
  if (text.empty()) return {};
  if (!text.starts_with('[')) return {text};
  const Json list = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!list.is_array() ||
      !std::all_of(list.begin(), list.end(), [](const Json& word) { return word.is_string(); }))
    return {text};
  return list.get<std::vector<std::string>>();
}

std::string first_container(const Json& pod) {
  const Json* containers = codec::find(pod, {"spec", "containers"});
  return containers && containers->is_array() && !containers->empty()
             ? codec::get_string((*containers)[0], {"name"})
             : "";
}

}  // namespace salvor::kube
