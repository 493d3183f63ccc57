#include <ctime>

#include "cli/flag_values.h"
#include "cli/output.h"
#include "cli/restore_commands.h"
#include "cli/restore_dry_run.h"
#include "cli/server_access.h"
#include "cli/wait.h"
#include "velero/constants.h"
#include "velero/types.h"

namespace salvor::cli {
namespace {

using velero::resources::kBackups;

struct CreateFlags {
  OutputFlags output;
  std::string from_backup, from_schedule, labels, annotations, namespace_mappings, existing_policy;
  std::string selector, or_selector, item_operation_timeout, resource_modifier;
  std::vector<std::string> include_namespaces, exclude_namespaces, include_resources, exclude_resources;
  std::vector<std::string> status_include, status_exclude;
  TriState restore_volumes, preserve_node_ports, cluster_resources, allow_partially_failed, sparse_files;
  int parallel_files = 0;
  ServerAccessFlags access;
  bool wait = false, dry_run = false;

  void add_to(CLI::App& app) {
    output.add_to(app);
    access.add_to(app);
    app.add_flag("--dry-run", dry_run,
                 "Print what the restore would create, update and skip in the cluster, and why, and change "
                 "nothing (-o json for scripts). Exits with 2 if there would be errors.");
    add_filters(app);
    const auto text = [&](const char* flag, std::string& into, const char* type, const char* help) {
      app.add_option(flag, into, help)->type_name(type);
    };
    text("--from-backup", from_backup, "string", "Backup to restore from");
    text("--from-schedule", from_schedule, "string", "Schedule to restore from");
    text("--labels", labels, "mapStringString", "Labels to apply to the restore.");
    text("--annotations", annotations, "mapStringString", "Annotations to apply to the restore.");
    text("--namespace-mappings", namespace_mappings, "mapStringString",
         "Namespace mappings from name in the backup to desired restored name in the form "
         "src1:dst1,src2:dst2,...");
    text("--existing-resource-policy", existing_policy, "string",
         "Restore policy to be used during the restore workflow, can be - none or update");
    text("--item-operation-timeout", item_operation_timeout, "duration",
         "How long to wait for asynchronous operations before timeout.");
    text("--resource-modifier-configmap", resource_modifier, "string",
         "Config map with the resource modifiers that the restore should use.");
    restore_volumes.add_to(app, "restore-volumes", "Whether to restore volumes from snapshots.");
    preserve_node_ports.add_to(app, "preserve-nodeports",
                               "Whether to preserve nodeports of Services when restoring.");
    cluster_resources.add_to(app, "include-cluster-resources",
                             "Include cluster-scoped resources in the restore.");
    allow_partially_failed.add_to(
        app, "allow-partially-failed",
        "If using --from-schedule, whether to consider PartiallyFailed backups when looking "
        "for the most recent one.");
    sparse_files.add_to(app, "write-sparse-files", "Whether to write sparse files during restoring volumes.");
    app.add_option("--parallel-files-download", parallel_files,
                   "Number of files that are downloaded at the same time.")
        ->type_name("int");
    app.add_flag("-w,--wait", wait, "Wait for the operation to complete.");
  }

  void add_filters(CLI::App& app) {
    add_list(app, "include-namespaces", include_namespaces,
             "Namespaces to include in the restore (use '*' for all namespaces). (default *)");
    add_list(app, "exclude-namespaces", exclude_namespaces, "Namespaces to exclude from the restore.");
    add_list(app, "include-resources", include_resources,
             "Resources to include in the restore, formatted as resource.group (use '*' for all resources).");
    add_list(app, "exclude-resources", exclude_resources,
             "Resources to exclude from the restore, formatted as resource.group.");
    add_list(app, "status-include-resources", status_include,
             "Resources to include in the restore status, formatted as resource.group.");
    add_list(app, "status-exclude-resources", status_exclude,
             "Resources to exclude from the restore status, formatted as resource.group.");
    app.add_option("-l,--selector", selector, "Only restore resources matching this label selector.")
        ->type_name("labelSelector");
    app.add_option(
           "--or-selector", or_selector,
           "Restore resources matching at least one of the label selectors, which are separated by ' or ': "
           "foo=bar or app=nginx")
        ->type_name("orLabelSelector");
  }
};

void check(const CreateFlags& flags) {
  const auto refuse = [](const char* why) { base::fail(base::ErrorCode::kInvalidArgument, "{}", why); };
  if (flags.from_backup.empty() == flags.from_schedule.empty()) {
    refuse("either a backup or schedule must be specified, but not both");
  }
  if (!flags.selector.empty() && !flags.or_selector.empty()) {
    refuse("either a 'selector' or an 'or-selector' can be specified, but not both");
  }
  if (!flags.existing_policy.empty() && flags.existing_policy != "none" &&
      flags.existing_policy != "update") {
    refuse("existing-resource-policy has invalid value, it accepts only none, update as value");
  }
  if (!flags.status_exclude.empty() && flags.status_include.empty()) {
    refuse("status-exclude-resources requires status-include-resources");
  }
}

velero::RestoreSpec make_spec(const CreateFlags& flags) {
  velero::RestoreSpec spec;
  spec.backup_name = flags.from_backup;
  spec.schedule_name = flags.from_schedule;
  spec.included_namespaces =
      flags.include_namespaces.empty() ? std::vector<std::string>{"*"} : flags.include_namespaces;
  spec.excluded_namespaces = flags.exclude_namespaces;
  spec.included_resources = flags.include_resources;
  spec.excluded_resources = flags.exclude_resources;
  spec.namespace_mapping = parse_map("namespace-mappings", flags.namespace_mappings, ':');
  spec.existing_resource_policy = flags.existing_policy;
  if (!flags.selector.empty()) spec.label_selector = parse_selector("-l, --selector", flags.selector);
  if (!flags.or_selector.empty()) spec.or_label_selectors = parse_or_selectors(flags.or_selector);
  spec.restore_pvs = flags.restore_volumes.value();
  spec.preserve_node_ports = flags.preserve_node_ports.value();
  spec.include_cluster_resources = flags.cluster_resources.value();
  if (!flags.item_operation_timeout.empty()) {
    spec.item_operation_timeout = parse_duration_flag("item-operation-timeout", flags.item_operation_timeout);
  }
  if (!flags.status_include.empty()) {
    spec.restore_status = velero::RestoreStatusSpec{flags.status_include, flags.status_exclude};
  }
  if (!flags.resource_modifier.empty()) {
    spec.resource_modifier = velero::TypedReference{
        .api_group = std::nullopt, .kind = "configmap", .name = flags.resource_modifier};
  }
  spec.uploader_config = velero::UploaderConfigForRestore{flags.sparse_files.value(), flags.parallel_files};
  return spec;
}

// The newest backup of the schedule that may be restored.
std::optional<std::string> newest_usable(const std::vector<codec::Json>& backups) {
  std::optional<base::Time> newest;
  std::optional<std::string> name;
  for (const auto& object : backups) {
    const auto backup = velero::Backup::from_json(object);
    const auto& status = backup.status;
    if (status.phase != velero::phase::kCompleted && status.phase != velero::phase::kPartiallyFailed)
      continue;
    if (newest && status.start_timestamp <= newest) continue;
    newest = status.start_timestamp;
    name = backup.metadata.name();
  }
  return name;
}

// Finds what the restore is made from, before anything is submitted.
void resolve_source(CommandContext& context, const CreateFlags& flags, velero::RestoreSpec& spec) {
  if (!spec.backup_name.empty()) {
    if (!context.client().get(kBackups, {context.name_space(), spec.backup_name}, context.cancel)) {
      base::fail(base::ErrorCode::kNotFound, "{} \"{}\" not found", kBackups.group_resource(),
                 spec.backup_name);
    }
    return;
  }
  const kube::ListOptions of_schedule{.label_selector = fmt::format("{}={}", velero::label::kScheduleName,
                                                                    velero::label_value(spec.schedule_name))};
  const auto backups = context.client().list(kBackups, context.name_space(), of_schedule, context.cancel);
  if (backups.empty()) {
    base::fail(base::ErrorCode::kNotFound, "no backups found for the schedule \"{}\"", spec.schedule_name);
  }
  if (!flags.allow_partially_failed.value().value_or(false)) return;
  if (const auto name = newest_usable(backups)) {
    spec.backup_name = *name;
    spec.schedule_name.clear();
  }
}

// Local time: the name is for the person at this terminal.
std::string default_name(const CreateFlags& flags, base::Time now) {
  const std::time_t seconds =
      std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  std::tm local{};
  ::localtime_r(&seconds, &local);
  char stamp[32];
  std::strftime(stamp, sizeof stamp, "%Y%m%d%H%M%S", &local);
  return (flags.from_backup.empty() ? flags.from_schedule : flags.from_backup) + "-" + stamp;
}

void create(CommandContext& context, const CreateFlags& flags, const Arguments& arguments) {
  flags.output.check();
  check(flags);
  velero::Restore restore;
  restore.spec = make_spec(flags);
  if (!flags.dry_run || context.flags.bucket.empty()) resolve_source(context, flags, restore.spec);
  const std::string name = arguments.empty() ? default_name(flags, context.clock.now()) : arguments[0];
  restore.metadata = velero::ObjectMeta(context.name_space(), name);
  for (const auto& [key, value] : parse_map("labels", flags.labels)) restore.metadata.set_label(key, value);
  for (const auto& [key, value] : parse_map("annotations", flags.annotations)) {
    restore.metadata.set_annotation(key, value);
  }
  if (flags.dry_run) {
    preview_restore(context, std::move(restore), flags.access.options(), flags.output.format);
    return;
  }
  if (print_instead_of_submit(context, flags.output, restore.to_json())) return;

  context.client().create(velero::resources::kRestores, restore.to_json(), context.cancel);
  context.print_line("Restore request \"{}\" submitted successfully.", name);
  if (flags.wait) {
    wait_until_finished(context, "Restore", velero::resources::kRestores, name);
    return;
  }
  context.print_line("Run `velero restore describe {}` or `velero restore logs {}` for more details.", name,
                     name);
}

}  // namespace

Command restore_create_command() {
  return {.name = "create",
          .summary = "Create a restore",
          .usage = "[RESTORE_NAME] [--from-backup BACKUP_NAME | --from-schedule SCHEDULE_NAME] [flags]",
          .examples = R"(# Create a restore named "restore-1" from backup "backup-1".
{} restore create restore-1 --from-backup backup-1

# Create a restore with a default name ("backup-1-<timestamp>") from backup "backup-1".
{} restore create --from-backup backup-1

# Create a restore from the latest successful backup triggered by schedule "schedule-1".
{} restore create --from-schedule schedule-1

# Restore the namespace "app" as "app-test" and wait for the end.
{} restore create --from-backup backup-1 --namespace-mappings app:app-test --wait

# See first what that would do: which objects would be created, updated and skipped, and why.
{} restore create --from-backup backup-1 --namespace-mappings app:app-test --dry-run

# Create a restore for only the persistentvolumeclaims and persistentvolumes within a backup.
{} restore create --from-backup backup-2 --include-resources persistentvolumeclaims,persistentvolumes)",
          .max_arguments = 1,
          .define = with_flags<CreateFlags>(create)};
}

}  // namespace salvor::cli
