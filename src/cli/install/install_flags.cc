#include "cli/install/install_flags.h"

#include "base/file.h"
#include "cli/flag_values.h"
#include "cli/version_command.h"
#include "storage/location.h"
#include "velero/constants.h"

namespace salvor::cli {
namespace {

void check_location(const InstallFlags& flags) {
  if (flags.crds_only || flags.no_default_location) return;
  if (flags.provider.empty())
    throw FlagError("--provider is required when not using --no-default-backup-location");
  if (!storage::known_provider(flags.provider))
    throw FlagError(fmt::format("provider \"{}\" is not known\nthere are: aws, filesystem", flags.provider));
  if (flags.bucket.empty())
    throw FlagError("--bucket is required when not using --no-default-backup-location");
}

void check_secret(const InstallFlags& flags) {
  if (flags.crds_only) return;
  if (flags.no_secret && !flags.secret_file.empty())
    throw FlagError("Cannot use both --secret-file and --no-secret");
  if (!flags.no_secret && flags.secret_file.empty())
    throw FlagError("One of --secret-file or --no-secret is required");
}

void check(const InstallFlags& flags) {
  check_location(flags);
  check_secret(flags);
  if (flags.image.empty()) throw FlagError("--image must not be empty");
  if (flags.uploader_type != "restic")
    throw FlagError(
        fmt::format("uploader type \"{}\" is not supported\nthe one there is: restic", flags.uploader_type));
  if (flags.replicas < 1) throw FlagError("--replicas must be at least 1");
  if (flags.cluster_admin && (!flags.access_namespaces.empty() || flags.backup_only))
    throw FlagError(
        "--cluster-admin grants everything: it does not go with --access-namespaces or --backup-only");
  if (!flags.plugins.empty())
    throw FlagError("--plugins: Salvor takes no plugins; what they do for AWS is built in");
}

std::vector<std::string> server_arguments(const InstallFlags& flags, const std::string& features) {
  // The definitions are installed beside, with rights that the server then does not need.
  std::vector<std::string> arguments = {"--no-crds", "--metrics-address=:8085",
                                        "--log-format=" + flags.log_format};
  const auto add = [&](const char* flag, const std::string& value) {
    if (!value.empty()) arguments.push_back(fmt::format("--{}={}", flag, value));
  };
  if (flags.replicas > 1) arguments.push_back("--leader-elect");
  if (flags.fs_backup_by_default) arguments.push_back("--default-volumes-to-fs-backup=true");
  if (flags.concurrent_backups > 0) add("concurrent-backups", std::to_string(flags.concurrent_backups));
  add("default-repo-maintain-frequency", flags.maintain_frequency);
  add("garbage-collection-frequency", flags.garbage_frequency);
  add("default-backup-ttl", flags.default_ttl);
  add("fs-backup-timeout", flags.fs_timeout);
  add("features", features);
  return arguments;
}

}  // namespace

void InstallFlags::add_to(CLI::App& app) {
  const auto text = [&](const char* name, std::string& into, const char* type, const char* help) {
    return app.add_option(std::string("--") + name, into, help)->type_name(type);
  };
  const auto flag = [&](const char* name, bool& into, const char* help) {
    app.add_flag(std::string("--") + name + "{true}", into, help);
  };
  image = "salvor:" + program_version();
  text("provider", provider, "string", "Provider of backup and volume storage: aws, filesystem");
  text("bucket", bucket, "string", "Name of the object storage bucket where backups should be stored");
  text("prefix", prefix, "string",
       "Prefix under which all data should be stored within the bucket. Optional.");
  text("secret-file", secret_file, "string",
       "File containing credentials for the provider. If not specified, --no-secret must be used.");
  flag("no-secret", no_secret,
       "Make no Secret: the pods' own identity (a service account's role) is used instead");
  flag("no-default-backup-location", no_default_location, "Make no BackupStorageLocation");
  text("backup-location-config", backup_location_config, "mapStringString",
       "Configuration of the backup storage location: key1=value1,key2=value2");
  text("snapshot-location-config", snapshot_location_config, "mapStringString",
       "Configuration of the volume snapshot location: key1=value1,key2=value2");
  flag("use-volume-snapshots", use_volume_snapshots,
       "Make a VolumeSnapshotLocation; =false: none. (default true)");
  text("cacert", ca_file, "string", "File containing a certificate bundle for the object store. Optional.");
  text("image", image, "string", "Image to use for the server and the node agents")->capture_default_str();
  text("service-account-name", service_account, "string", "ServiceAccount of the server")
      ->capture_default_str();
  text("sa-annotations", account_annotations, "mapStringString",
       "Annotations of the ServiceAccounts, an IAM role for one: key1=value1,key2=value2");
  text("pod-annotations", pod_annotations, "mapStringString", "Annotations of the pods");
  text("pod-labels", pod_labels, "mapStringString", "Labels of the pods");
  app.add_option("--replicas", replicas, "Servers; with more than one they elect a leader. (default 1)")
      ->type_name("int");

  flag("cluster-admin", cluster_admin,
       "Bind the server to cluster-admin, as Velero does, instead of the rights that it needs");
  add_list(app, "access-namespaces", access_namespaces,
           "Let the server touch applications in these namespaces only");
  flag("backup-only", backup_only, "Give the server no right to write to applications: no restores");

  flag("use-node-agent", node_agent, "Run a node agent on each node, for file system backups of volumes");
  flag("privileged-node-agent", privileged_node_agent, "Run the node agents as privileged containers");
  flag("default-volumes-to-fs-backup", fs_backup_by_default,
       "Back up all volumes by file system backup unless they opt out");
  text("kubelet-root-dir", kubelet_root, "string", "The kubelet's directory on the nodes")
      ->capture_default_str();
  text("uploader-type", uploader_type, "string", "Only restic is supported. (default restic)");

  const auto quantities = [&](const std::string& of, ContainerResources& into) {
    text((of + "-cpu-request").c_str(), into.cpu_request, "string", "CPU request; 0: none")
        ->capture_default_str();
    text((of + "-mem-request").c_str(), into.memory_request, "string", "Memory request; 0: none")
        ->capture_default_str();
    text((of + "-cpu-limit").c_str(), into.cpu_limit, "string", "CPU limit; 0: none")->capture_default_str();
    text((of + "-mem-limit").c_str(), into.memory_limit, "string", "Memory limit; 0: none")
        ->capture_default_str();
  };
  quantities("velero-pod", server);
  quantities("node-agent-pod", agent);

  app.add_option("--concurrent-backups", concurrent_backups, "Backups that may run at the same time")
      ->type_name("int");
  text("default-repo-maintain-frequency", maintain_frequency, "duration",
       "How often repositories of volumes are pruned");
  text("garbage-collection-frequency", garbage_frequency, "duration",
       "How often expired backups are collected");
  text("default-backup-ttl", default_ttl, "duration", "How long backups are kept by default");
  text("pod-volume-operation-timeout", fs_timeout, "duration", "How long pod volume backups may take");
  text("log-format", log_format, "string", "Format of the server's log: json or text. (default json)");
  add_list(app, "plugins", plugins, "Refused: there are no plugins to install");

  flag("crds-only", crds_only, "Only the CustomResourceDefinitions");
  flag("dry-run", dry_run, "Print the objects (-o yaml or json), and send nothing");
  flag("apply", apply, "Change what is there to what it should be, instead of leaving it as it is");
  flag("wait", wait, "Wait until the server, and the node agents, are ready");
  output.add_to(app);
}

InstallPlan InstallFlags::resolve(const CommandContext& context) const {
  check(*this);
  InstallPlan plan;
  plan.name_space = context.name_space();
  plan.image = image;
  plan.service_account = service_account;
  plan.access = {.cluster_admin = cluster_admin,
                 .namespaces = access_namespaces,
                 .restores = !backup_only,
                 .csi = has_feature(context.flags.features, velero::feature::kCsi)};
  if (!no_default_location && !crds_only) {
    plan.backup_location =
        LocationPlan{provider, bucket, prefix, ca_file.empty() ? std::string() : base::read_file(ca_file),
                     parse_map("backup-location-config", backup_location_config)};
  }
  if (use_volume_snapshots && !provider.empty()) {
    plan.snapshot_provider = provider;
    plan.snapshot_location_config = parse_map("snapshot-location-config", snapshot_location_config);
  }
  if (!secret_file.empty()) plan.credentials = base::read_file(secret_file);
  plan.replicas = replicas;
  plan.server_arguments = server_arguments(*this, context.flags.features);
  plan.server_resources = server;
  plan.pod_annotations = parse_map("pod-annotations", pod_annotations);
  plan.pod_labels = parse_map("pod-labels", pod_labels);
  plan.service_account_annotations = parse_map("sa-annotations", account_annotations);
  plan.node_agent = node_agent;
  plan.privileged_node_agent = privileged_node_agent;
  plan.node_agent_arguments = {"--metrics-address=:8085", "--log-format=" + log_format};
  plan.node_agent_resources = agent;
  plan.kubelet_root = kubelet_root;
  return plan;
}

}  // namespace salvor::cli
