// The flags of `install` and what they resolve to. One thread.
#pragma once

#include <string>
#include <vector>

#include "cli/command_context.h"
#include "cli/install/install_plan.h"
#include "cli/output.h"

namespace salvor::cli {

struct InstallFlags {
  std::string provider, bucket, prefix, secret_file, ca_file, image, service_account = "velero";
  std::string backup_location_config, snapshot_location_config, pod_annotations, pod_labels,
      account_annotations, uploader_type = "restic", kubelet_root = "/var/lib/kubelet";
  std::vector<std::string> access_namespaces, plugins;
  bool no_secret = false, no_default_location = false, use_volume_snapshots = true, node_agent = false,
       privileged_node_agent = false, fs_backup_by_default = false, cluster_admin = false,
       backup_only = false, dry_run = false, crds_only = false, apply = false, wait = false;
  int replicas = 1, concurrent_backups = 0;
  ContainerResources server{"100m", "64Mi", "1000m", "512Mi"};
  ContainerResources agent{"100m", "128Mi", "1000m", "1Gi"};
  std::string maintain_frequency, garbage_frequency, default_ttl, fs_timeout, log_format = "json";
  OutputFlags output;

  void add_to(CLI::App& app);
  // Throws FlagError for values that do not fit together.
  InstallPlan resolve(const CommandContext& context) const;
};

}  // namespace salvor::cli
