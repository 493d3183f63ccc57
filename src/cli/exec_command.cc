#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "cli/flag_values.h"
#include "cli/local_commands.h"

namespace salvor::cli {
namespace {

class StandardInput final : public base::Source {
 public:
  size_t read(char* buffer, size_t size) override {
    const ssize_t count = ::read(STDIN_FILENO, buffer, size);
    if (count < 0) throw base::system_error(errno, "read standard input");
    return static_cast<size_t>(count);
  }
};

struct Flags {
  std::string container, directory, timeout;
  bool input = false;
  void add_to(CLI::App& app) {
    app.add_option("-c,--container", container, "Container of the pod. (default its first)")
        ->type_name("string");
    app.add_option("--dir", directory, "Directory of a local control plane whose kubeconfig to use")
        ->type_name("string");
    app.add_option("--timeout", timeout, "End the command after this long. (default never)")
        ->type_name("duration");
    app.add_flag("-i,--stdin", input, "Pass standard input to the command");
  }
};

void exec(CommandContext& context, const Flags& flags, const Arguments& arguments) {
  if (!flags.directory.empty() && context.flags.kubeconfig.empty()) {
    context.flags.kubeconfig = (std::filesystem::path(flags.directory) / "kubeconfig").string();
  }
  auto& client = context.client();
  std::string name_space = context.flags.name_space;
  if (name_space.empty()) name_space = client.connection().default_namespace;
  std::string pod = arguments[0];
  for (const char* prefix : {"pod/", "pods/"}) {
    if (pod.starts_with(prefix)) pod.erase(0, std::string_view(prefix).size());
  }
  StandardInput input;
  const auto stream = [](std::FILE* file) {
    return base::FunctionSink(
        [file](std::string_view data) { base::write_all(::fileno(file), data, "the command's output"); });
  };
  auto output = stream(context.out);
  auto error_output = stream(context.err);
  kube::ExecOptions options;
  options.command.assign(arguments.begin() + 1, arguments.end());
  options.container = flags.container;
  options.input = flags.input ? &input : nullptr;
  options.output = &output;
  options.error_output = &error_output;
  if (!flags.timeout.empty()) options.timeout = parse_duration_flag("timeout", flags.timeout);
  context.exit_code = client.exec({name_space, pod}, options, context.cancel).exit_code;
}

}  // namespace

Command exec_command() {
  return {.name = "exec",
          .summary = "Run a command in a container, over WebSocket; its exit code is this command's",
          .usage = "-n NAMESPACE POD [-c CONTAINER] [flags] -- COMMAND [ARGS...]",
          .examples =
              "# What kubectl older than 1.30 can do over SPDY only.\n{} exec -n neurectomy postgresql-0 -- "
              "pg_isready -U postgres",
          .min_arguments = 2,
          .max_arguments = kAnyNumber,
          .define = with_flags<Flags>(exec)};
}

}  // namespace salvor::cli
