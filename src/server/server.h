// The control plane: one reconciler per velero.io kind, each with its own thread, watch and queue. Owned by
// whoever runs it: `salvor server` against a cluster, `salvor local up` against the embedded API server; it
// knows only kube::Client. Failures of one object end in that object's status; run throws only when the API
// server refuses the server as a whole (credentials, missing CRDs that it may not create).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "kube/client.h"

namespace salvor::server {

struct ServerOptions {
  std::string version = "v0.1.0";                   // what ServerStatusRequests are told
  std::string name_space = "velero";                // where the velero.io objects live
  std::string node_name;                            // this node: handles its PodVolumeBackups; empty: none
  std::string pod_volumes_root = "/host_pods";      // <root>/<pod uid>/volumes/<plugin>/<volume>
  std::string default_backup_location = "default";  // when no BackupStorageLocation has spec.default
  std::vector<std::string> default_snapshot_locations;  // "provider:location"
  std::chrono::nanoseconds default_backup_ttl = std::chrono::hours(720);
  std::chrono::nanoseconds default_item_operation_timeout = std::chrono::hours(4);
  std::chrono::nanoseconds csi_snapshot_timeout = std::chrono::minutes(10);
  std::chrono::nanoseconds resource_timeout = std::chrono::minutes(10);
  std::chrono::nanoseconds terminating_resource_timeout = std::chrono::minutes(10);
  std::chrono::nanoseconds fs_backup_timeout = std::chrono::hours(4);
  std::chrono::nanoseconds backup_sync_period = std::chrono::minutes(1);
  std::chrono::nanoseconds store_validation_frequency = std::chrono::minutes(1);
  std::chrono::nanoseconds garbage_collection_frequency = std::chrono::hours(1);
  std::chrono::nanoseconds schedule_resync = std::chrono::minutes(1);
  std::chrono::nanoseconds download_lifetime = std::chrono::minutes(10);
  bool default_volumes_to_fs_backup = false;
  bool default_snapshot_move_data = false;
  bool schedule_skip_immediately = false;
  int concurrent_volumes = 2;    // of this node, when node_name is set; never two orders of one volume
  bool node_agent_only = false;  // nothing but this node's volumes: `salvor node-agent`
  int concurrent_backups = 1;    // at most; never two whose namespaces overlap
  int concurrent_restores = 1;   // the same, by target namespaces
  int page_size = 500;           // of lists while objects are collected; 0: one answer
  std::chrono::nanoseconds repository_maintenance_frequency{0};  // of new BackupRepositories; 0: 168 h
  std::set<std::string> features;                                // --features: velero::feature
  // Waits until no other replica works. Without it several servers may run; each does what it was first to
  // claim.
  bool leader_elect = false;
  std::chrono::nanoseconds lease_duration =
      std::chrono::seconds(15);  // after which a silent server counts as dead
  std::string identity;          // differs from process to process; empty: host name and a random part
  // A password of its own for each namespace's repository, in the Secret salvor-repository-<namespace>,
  // instead of one for all. Whoever loses these Secrets loses the volumes' data.
  bool random_repository_passwords = false;
  std::vector<std::string> restore_resource_priorities;  // empty: Velero's
  std::set<std::string> disabled_controllers;  // "backup", "restore", "schedule", "gc", ...: Velero's names
  std::string metrics_address = "127.0.0.1:8085";  // ":8085" is all interfaces; empty: no metrics server
  bool install_crds = true;                        // create or update the CRDs before the start
};

class Server {
 public:
  // All references outlive the server.
  Server(kube::Client& client, ServerOptions options, const base::Clock& clock, base::Random& random,
         base::Logger logger);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Creates the namespace and the CRDs if they are missing and waits until they serve, so that a client may
  // use them as soon as this returns. run does it first unless it was done.
  void prepare(const base::CancelToken& cancel = {});
  // Prepares, then reconciles until cancelled. Returns once
  // every running backup and restore has finished or recorded its phase. Call once.
  void run(const base::CancelToken& cancel);
  // Of the metrics server while it runs; 0 otherwise.
  std::uint16_t metrics_port() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Creates the velero.io CRDs, replaces those that an older Salvor made, leaves those that Velero made, and
// waits until all are Established.
void ensure_crds(kube::Client& client, const base::CancelToken& cancel = {});

}  // namespace salvor::server
