#include "cli/version_command.h"

#include "base/duration.h"
#include "cli/flag_values.h"
#include "velero/constants.h"
#include "velero/types.h"

namespace salvor::cli {
namespace {

struct Flags {
  std::string timeout = "5s";
  bool client_only = false;
  void add_to(CLI::App& app) {
    app.add_option("--timeout", timeout,
                   "Maximum time to wait for the server version to be reported. (default 5s)")
        ->type_name("duration");
    app.add_flag("--client-only", client_only, "Only get the version of the client, not of the server");
  }
};

// Asks the server by an object, as everything is asked.
std::string server_version(CommandContext& context, base::Duration timeout) {
  velero::ServerStatusRequest request;
  const kube::ObjectName name{context.name_space(), "velero-cli-" + context.random.name_suffix()};
  request.metadata = velero::ObjectMeta(name.name_space, name.name);
  context.client().create(velero::resources::kServerStatusRequests, request.to_json(), context.cancel);
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    const auto object = context.client().get(velero::resources::kServerStatusRequests, name, context.cancel);
    if (object) {
      const auto answer = velero::ServerStatusRequest::from_json(*object);
      if (answer.status.phase == velero::phase::kProcessed) return answer.status.server_version;
    }
    if (std::chrono::steady_clock::now() > deadline) {
      base::fail(base::ErrorCode::kTimeout, "timed out waiting for server status request to be processed");
    }
    if (!context.cancel.sleep(std::chrono::milliseconds(50))) context.cancel.check();
  }
}

void version(CommandContext& context, const Flags& flags, const Arguments&) {
  context.print_line("Client:\n\tVersion: {}\n\tGit commit: -", program_version());
  if (flags.client_only) return;
  try {
    const std::string server = server_version(context, parse_duration_flag("timeout", flags.timeout));
    context.print_line("Server:\n\tVersion: {}", server);
    if (server != program_version()) {
      context.print_line(
          "# WARNING: the client version does not match the server version. Please update the older of the "
          "two");
    }
  } catch (const FlagError&) {
    throw;
  } catch (const base::Error& error) {
    if (error.code() == base::ErrorCode::kCancelled) throw;
    context.print_line("<error getting server version: {}>", error.message());
  }
}

}  // namespace

std::string program_version() {
  return SALVOR_VERSION;
}

Command version_command() {
  return {.name = "version",
          .summary = "Print the version and the server's version",
          .examples = "# Without asking the server.\n{} version --client-only",
          .define = with_flags<Flags>(version)};
}

}  // namespace salvor::cli
