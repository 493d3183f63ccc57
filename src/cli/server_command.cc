#include "cli/server_command.h"

#include "base/log.h"
#include "base/text.h"
#include "cli/flag_values.h"
#include "cli/service_client.h"
#include "cli/version_command.h"
#include "server/server.h"
#include "velero/constants.h"

namespace salvor::cli {
namespace {

struct Flags {
  server::ServerOptions options;  // what the flags default to
  std::string log_level = "info", log_format = "text", uploader_type = "restic", unused;
  std::vector<std::string> disabled_controllers, snapshot_locations, priorities;
  std::map<std::string, std::string> durations;
  double queries_per_second = 0;
  bool no_crds = false;

  void add_to(CLI::App& app) {
    add_durations(app);
    app.add_option("--log-level", log_level, "debug, info, warning or error. (default info)")
        ->type_name("string");
    app.add_option("--log-format", log_format, "text or json: one JSON object a line. (default text)")
        ->type_name("string");
    app.add_option("--metrics-address", options.metrics_address, "The address to expose prometheus metrics")
        ->type_name("string")
        ->capture_default_str();
    app.add_option("--node-name", options.node_name,
                   "Also move the data of volumes of pods on this node. Empty: another process does.")
        ->type_name("string");
    app.add_option("--pod-volumes-root", options.pod_volumes_root,
                   "Where kubelet's pods directory is mounted")
        ->type_name("string");
    app.add_option(
           "--default-backup-storage-location", options.default_backup_location,
           "Name of the backup storage location when none is marked as the default. (default default)")
        ->type_name("string");
    add_list(app, "default-volume-snapshot-locations", snapshot_locations,
             "Volume snapshot locations as provider1:location1,provider2:location2,...");
    add_list(
        app, "restore-resource-priorities", priorities,
        "Desired order of resource restores, the priority list contains two parts which are split by \"-\"");
    add_list(app, "disable-controllers", disabled_controllers, "List of controllers to disable on startup");
    app.add_flag("--default-volumes-to-fs-backup{true}", options.default_volumes_to_fs_backup,
                 "Back up all volumes with pod volume file system backup by default.");
    app.add_flag("--default-snapshot-move-data{true}", options.default_snapshot_move_data,
                 "Move data by default for all snapshots supporting data movement.");
    app.add_flag("--schedule-skip-immediately{true}", options.schedule_skip_immediately,
                 "Skip the first scheduled backup immediately after creating a schedule.");
    app.add_option("--concurrent-backups", options.concurrent_backups,
                   "Backups that may run at the same time")
        ->type_name("int");
    app.add_option("--concurrent-restores", options.concurrent_restores,
                   "Restores that may run at the same time")
        ->type_name("int");
    app.add_option("--client-page-size", options.page_size,
                   "Objects per answer when lists are read. 0: no paging. (default 500)")
        ->type_name("int");
    app.add_flag("--leader-elect{true}", options.leader_elect,
                 "Of several replicas, let one work and the others stand by.");
    app.add_flag(
        "--random-repository-passwords{true}", options.random_repository_passwords,
        "Give each namespace's repository a password of its own, in the Secret salvor-repository-NAMESPACE. "
        "Keep copies of these Secrets: without them the data of volumes cannot be read.");
    app.add_option("--client-qps", queries_per_second,
                   "Maximum number of requests per second to the Kubernetes API. 0: no limit. (default 0)")
        ->type_name("float");
    app.add_option("--uploader-type", uploader_type, "Only restic is supported. (default restic)")
        ->type_name("string");
    app.add_flag("--no-crds", no_crds,
                 "Neither create nor update the definitions of velero.io at the start.");
    // Taken because deployments pass them; there is nothing that they would change.
    for (const char* name :
         {"--plugin-dir", "--profiler-address", "--client-burst", "--max-concurrent-k8s-connections",
          "--item-block-worker-count", "--item-operation-sync-frequency"}) {
      app.add_option(name, unused, "")->group("");
    }
    app.add_flag("--disable-informer-cache{true}", unused, "")->group("");
  }

  void add_durations(CLI::App& app) {
    const auto duration = [&](const char* name, const char* help) {
      app.add_option(std::string("--") + name, durations[name], help)->type_name("duration");
    };
    duration("default-backup-ttl",
             "How long to wait by default before backups can be garbage collected. (default 720h)");
    duration("default-item-operation-timeout", "How long to wait on asynchronous operations. (default 4h)");
    duration("resource-timeout", "How long to wait for resource processes. (default 10m)");
    duration(
        "terminating-resource-timeout",
        "How long to wait on persistent volumes and namespaces to terminate during a restore. (default 10m)");
    duration("fs-backup-timeout",
             "How long pod volume file system backups and restores may take. (default 4h)");
    duration("backup-sync-period",
             "How often to ensure all backups in object storage exist as Backup objects. (default 1m)");
    duration("store-validation-frequency", "How often to verify if the storage is valid. (default 1m)");
    duration("default-repo-maintain-frequency",
             "How often repositories are pruned, for new BackupRepository objects. (default 168h)");
    duration("leader-elect-lease-duration",
             "For how long a server that went silent counts as alive. (default 15s)");
    duration("garbage-collection-frequency", "How often expired backups are collected. (default 1h)");
  }

  // EnableAPIGroupVersions: all versions of each object are stored, and the best one is restored. EnableCSI:
  // claims of CSI volumes are snapshotted.
  static void check_features(const std::string& features, server::ServerOptions& resolved) {
    for (const auto& feature : base::split(features, ',')) {
      if (feature.empty()) continue;
      if (feature != velero::feature::kApiGroupVersions && feature != velero::feature::kCsi)
        base::fail(base::ErrorCode::kInvalidArgument, "unknown feature \"{}\"\nthere are: {}, {}", feature,
                   velero::feature::kApiGroupVersions, velero::feature::kCsi);
      resolved.features.insert(feature);
    }
    if (resolved.concurrent_backups < 1 || resolved.concurrent_restores < 1)
      base::fail(base::ErrorCode::kInvalidArgument,
                 "--concurrent-backups and --concurrent-restores begin with 1");
    if (resolved.page_size < 0)
      base::fail(base::ErrorCode::kInvalidArgument, "--client-page-size must not be negative");
  }

  server::ServerOptions resolve(const CommandContext& context) const {
    if (uploader_type != "restic") {
      base::fail(base::ErrorCode::kUnsupported,
                 "uploader type \"{}\" is not supported\nthe one there is: restic", uploader_type);
    }
    server::ServerOptions resolved = options;
    resolved.name_space = context.name_space();
    resolved.version = program_version();
    resolved.install_crds = !no_crds;
    resolved.default_snapshot_locations = snapshot_locations;
    resolved.restore_resource_priorities = priorities;
    resolved.disabled_controllers = {disabled_controllers.begin(), disabled_controllers.end()};
    const auto set = [&](const char* name, std::chrono::nanoseconds& into) {
      const auto given = durations.find(name);
      if (given == durations.end() || given->second.empty()) return;
      const auto value = parse_duration_flag(name, given->second);
      if (value.count() > 0) into = value;
    };
    set("default-backup-ttl", resolved.default_backup_ttl);
    set("default-item-operation-timeout", resolved.default_item_operation_timeout);
    set("resource-timeout", resolved.resource_timeout);
    set("terminating-resource-timeout", resolved.terminating_resource_timeout);
    set("fs-backup-timeout", resolved.fs_backup_timeout);
    set("backup-sync-period", resolved.backup_sync_period);
    set("store-validation-frequency", resolved.store_validation_frequency);
    set("garbage-collection-frequency", resolved.garbage_collection_frequency);
    set("default-repo-maintain-frequency", resolved.repository_maintenance_frequency);
    set("leader-elect-lease-duration", resolved.lease_duration);
    check_features(context.flags.features, resolved);
    return resolved;
  }
};

void run(CommandContext& context, const Flags& flags, const Arguments&) {
  const base::Logger logger(log_sink(flags.log_level, flags.log_format));
  kube::Client client(
      kube::load_connection({.path = context.flags.kubeconfig, .context = context.flags.kubecontext}),
      {.retry = kPatient, .queries_per_second = flags.queries_per_second, .user_agent = "salvor-server"},
      logger);
  server::Server server(client, flags.resolve(context), context.clock, context.random, logger);
  logger.info("starting server {} for namespace {} at {}", program_version(), context.name_space(),
              client.connection().server);
  server.run(context.cancel);
  logger.info("server stopped");
}

}  // namespace

Command server_command() {
  return {
      .name = "server",
      .summary = "Run the server",
      .examples =
          "# Against the cluster of a kubeconfig, moving volume data on this node.\n{} server --kubeconfig "
          "~/.kube/config --node-name $(hostname) --pod-volumes-root /var/lib/kubelet/pods",
      .define = with_flags<Flags>(run)};
}

}  // namespace salvor::cli
