#include <unistd.h>

#include "cli/flag_values.h"
#include "cli/server_command.h"
#include "cli/service_client.h"
#include "cli/version_command.h"
#include "server/server.h"

namespace salvor::cli {
namespace {

struct Flags {
  server::ServerOptions options;
  std::string log_level = "info", log_format = "text", unused;
  std::map<std::string, std::string> durations;

  void add_to(CLI::App& app) {
    if (const char* node = std::getenv("NODE_NAME")) options.node_name = node;
    options.metrics_address = ":8085";
    const auto text = [&](const char* name, std::string& into, const char* type, const char* help) {
      return app.add_option(name, into, help)->type_name(type);
    };
    text("--node-name", options.node_name, "string",
         "The node whose volumes are moved. (default: $NODE_NAME)");
    text("--pod-volumes-root", options.pod_volumes_root, "string",
         "Where the kubelet's pods directory is mounted")
        ->capture_default_str();
    app.add_option("--concurrent-volumes", options.concurrent_volumes,
                   "Volumes moved at the same time; one volume never twice")
        ->type_name("int")
        ->capture_default_str()
        ->check(CLI::Range(1, 64));
    text("--log-level", log_level, "string", "debug, info, warning or error. (default info)");
    text("--log-format", log_format, "string", "text or json. (default text)");
    text("--metrics-address", options.metrics_address, "string", "The address to expose prometheus metrics")
        ->capture_default_str();
    text("--resource-timeout", durations["resource-timeout"], "duration",
         "How long to wait for resource processes. (default 10m)");
    // Of Velero's data mover, which this agent has not.
    app.add_option("--data-mover-prepare-timeout", unused, "")->group("");
  }
};

void run(CommandContext& context, const Flags& flags, const Arguments&) {
  if (flags.options.node_name.empty()) throw FlagError("--node-name is required where NODE_NAME is not set");
  server::ServerOptions options = flags.options;
  options.node_agent_only = true;
  options.install_crds = false;
  options.name_space = context.name_space();
  options.version = program_version();
  if (const auto& given = flags.durations.at("resource-timeout"); !given.empty())
    options.resource_timeout = parse_duration_flag("resource-timeout", given);
  const base::Logger logger(log_sink(flags.log_level, flags.log_format));
  kube::Client client(
      kube::load_connection({.path = context.flags.kubeconfig, .context = context.flags.kubecontext}),
      {.retry = kPatient, .user_agent = "salvor-node-agent"}, logger);
  server::Server agent(client, options, context.clock, context.random, logger);
  logger.info("starting node agent {} for node {} in namespace {}", program_version(), options.node_name,
              options.name_space);
  agent.run(context.cancel);
}

}  // namespace

Command node_agent_command() {
  Command server{.name = "server",
                 .summary = "Run the node agent",
                 .examples = "{} node-agent server --node-name worker-1",
                 .define = with_flags<Flags>(run)};
  // `salvor node-agent`, and Velero's `node-agent server`.
  return {.name = "node-agent",
          .summary = "Move the data of volumes of one node: what the DaemonSet runs",
          .examples =
              "# On this machine's node of a cluster.\n{} node-agent --node-name $(hostname) "
              "--pod-volumes-root /var/lib/kubelet/pods",
          .define = server.define,
          .children = {server}};
}

}  // namespace salvor::cli
