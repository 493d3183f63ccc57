#include "server/server.h"

#include <unistd.h>

#include <array>
#include <atomic>

#include "server/backup_controller.h"
#include "server/backup_deletion.h"
#include "server/backup_queue.h"
#include "server/backup_sync.h"
#include "server/controller_threads.h"
#include "server/download_controller.h"
#include "server/garbage_collector.h"
#include "server/leader_election.h"
#include "server/location_controller.h"
#include "server/metrics_server.h"
#include "server/notifications.h"
#include "server/pod_volume_controller.h"
#include "server/repository_controller.h"
#include "server/restore_controller.h"
#include "server/schedule_controller.h"
#include "server/snapshot_location_controller.h"
#include "server/volume_wiring.h"

namespace salvor::server {

namespace {

// Whether a start-up step that failed may succeed a little later.
constexpr base::RetryPolicy kStart{
    .attempts = 20, .first_delay = std::chrono::milliseconds(250), .longest_delay = std::chrono::seconds(10)};

constexpr char kLeaderLease[] = "salvor-server";

ServerOptions with_identity(ServerOptions options, base::Random& random) {
  if (!options.identity.empty()) return options;
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  options.identity = fmt::format("{}_{}", host.data(), random.uuid());
  return options;
}

}  // namespace

struct Server::Impl {
  kube::Client& client;
  const ServerOptions options;
  const base::Clock& clock;
  base::Random& random;
  const base::Logger logger;
  Metrics metrics;
  LocationStores stores;
  EventRecorder events;
  ServerPresence presence;
  Operations backups, restores;
  const Context context;
  const VolumeServices volumes;
  NodeOrders orders;
  std::vector<std::unique_ptr<Controller>> controllers;
  std::atomic<std::uint16_t> metrics_port = 0;

  Impl(kube::Client& api, ServerOptions given, const base::Clock& time, base::Random& entropy,
       base::Logger log)
      : client(api),
        options(with_identity(std::move(given), entropy)),
        clock(time),
        random(entropy),
        logger(std::move(log)),
        stores(client, options.name_space, clock, random, logger),
        events(client, clock, random, logger, options.identity),
        presence(client, options.name_space, options.identity, clock, logger, options.lease_duration),
        context{client, options, clock, random, logger, metrics, stores, events, presence, backups, restores},
        volumes(make_volume_services(context)),
        orders(options.concurrent_volumes) {
    declare_velero_metrics(metrics);
    if (!options.node_agent_only) add_control_plane();
    if (!options.node_name.empty()) {
      add<PodVolumeBackupController>(volumes, orders);
      add<PodVolumeRestoreController>(volumes, orders);
    }
  }

  void add_control_plane() {
    add<LocationController>();
    add<SnapshotLocationController>(volumes);
    add<ScheduleController>();
    add<BackupController>(volumes);
    add<BackupQueue>();
    add<RestoreController>(volumes);
    add<BackupSync>();
    add<BackupDeletion>(volumes);
    add<DownloadController>();
    add<StatusRequestController>();
    add<GarbageCollector>();
    add<RepositoryController>(volumes);
    add<Notifications>();
    add<ObjectCounts>();
  }

  template <typename T, typename... Args>
  void add(Args&... args) {
    auto controller = std::make_unique<T>(context, args...);
    if (!options.disabled_controllers.contains(controller->name()))
      controllers.push_back(std::move(controller));
  }

  bool prepared = false;

  void ensure_namespace(const base::CancelToken& cancel) {
    if (client.get(kube::resources::kNamespaces, {"", options.name_space}, cancel)) return;
    try {
      client.create(
          kube::resources::kNamespaces,
          {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", options.name_space}}}},
          cancel);
    } catch (const base::Error& error) {
      if (error.code() != base::ErrorCode::kAlreadyExists) throw;
    }
  }

  // Until cancelled.
  void reconcile(const base::CancelToken& cancel) {
    metrics.set("salvor_leader", {}, 1);
    for (auto& controller : controllers) start_step("recover", cancel, [&] { controller->recover(cancel); });
    logger.info("server started in namespace \"{}\" as {}", options.name_space, options.identity);
    { const ControllerThreads threads(context, controllers, cancel); }
    metrics.set("salvor_leader", {}, 0);
    logger.info("server stopped");
  }

  template <typename Step>
  void start_step(const char* doing, const base::CancelToken& cancel, const Step& step) {
    base::retry(kStart, random, cancel, step, [&](const base::Error& error, std::chrono::milliseconds) {
      logger.warning("cannot {} yet: {}", doing, error.message());
    });
  }
};

Server::Server(kube::Client& client, ServerOptions options, const base::Clock& clock, base::Random& random,
               base::Logger logger)
    : impl_(std::make_unique<Impl>(client, std::move(options), clock, random, std::move(logger))) {}
Server::~Server() = default;

std::uint16_t Server::metrics_port() const {
  return impl_->metrics_port;
}

void Server::prepare(const base::CancelToken& cancel) {
  auto& server = *impl_;
  if (server.prepared) return;
  if (!server.options.node_agent_only)
    server.start_step("create the namespace", cancel, [&] { server.ensure_namespace(cancel); });
  if (server.options.install_crds)
    server.start_step("install the custom resource definitions", cancel,
                      [&] { ensure_crds(server.client, cancel); });
  server.prepared = true;
}

void Server::run(const base::CancelToken& cancel) {
  auto& server = *impl_;
  const auto& options = server.options;
  std::optional<MetricsServer> metrics;
  try {
    prepare(cancel);
    if (!options.metrics_address.empty()) {
      metrics.emplace(options.metrics_address, server.metrics, server.logger);
      server.metrics_port = metrics->port();
    }
    // A node agent claims nothing that others could take over.
    if (!options.node_agent_only) server.presence.start(cancel);
    if (options.leader_elect)
      LeaderElection(server.client, {options.name_space, kLeaderLease}, options.identity, server.clock,
                     server.logger, options.lease_duration)
          .run([&](const base::CancelToken& token) { server.reconcile(token); }, cancel);
    else
      server.reconcile(cancel);
  } catch (const base::Error& error) {
    server.metrics_port = 0;
    server.presence.stop();
    if (error.code() == base::ErrorCode::kCancelled) return;
    throw;
  }
  server.metrics_port = 0;
  server.presence.stop();
}

}  // namespace salvor::server
