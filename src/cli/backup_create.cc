#include "cli/backup_commands.h"
#include "cli/flag_values.h"
#include "cli/output.h"
#include "cli/spec_flags.h"
#include "cli/wait.h"
#include "server/schedule_controller.h"
#include "velero/constants.h"

namespace salvor::cli {
namespace {

struct CreateFlags {
  BackupSpecFlags spec;
  OutputFlags output;
  std::string from_schedule;
  bool wait = false;

  void add_to(CLI::App& app) {
    spec.add_to(app, "backup");
    output.add_to(app);
    app.add_option("--from-schedule", from_schedule,
                   "Create a backup from the template of an existing schedule. Cannot be used with any other "
                   "filters. Backup name is optional if used.")
        ->type_name("string");
    app.add_flag("-w,--wait", wait, "Wait for the operation to complete.");
  }
};

// What the server would find out too, but late.
void check_locations(CommandContext& context, const velero::BackupSpec& spec) {
  const auto check = [&](const kube::GroupVersionResource& gvr, const std::string& name) {
    if (!context.client().get(gvr, {context.name_space(), name}, context.cancel)) {
      base::fail(base::ErrorCode::kNotFound, "{} \"{}\" not found", gvr.group_resource(), name);
    }
  };
  if (!spec.storage_location.empty()) {
    check(velero::resources::kBackupStorageLocations, spec.storage_location);
  }
  for (const auto& name : spec.volume_snapshot_locations) {
    check(velero::resources::kVolumeSnapshotLocations, name);
  }
}

velero::Backup from_schedule(CommandContext& context, const std::string& schedule) {
  const auto& gvr = velero::resources::kSchedules;
  const auto object = context.client().get(gvr, {context.name_space(), schedule}, context.cancel);
  if (!object) {
    base::fail(base::ErrorCode::kNotFound, "{} \"{}\" not found", gvr.group_resource(), schedule);
  }
  return server::backup_of_schedule(velero::Schedule::from_json(*object), context.clock.now());
}

void create(CommandContext& context, const CreateFlags& flags, const Arguments& arguments) {
  flags.output.check();
  if (arguments.empty() && flags.from_schedule.empty()) {
    base::fail(base::ErrorCode::kInvalidArgument,
               "a backup name is required, unless you are creating based on a schedule");
  }
  velero::Backup backup;
  backup.spec = flags.spec.spec();
  check_locations(context, backup.spec);
  if (!flags.from_schedule.empty()) {
    backup = from_schedule(context, flags.from_schedule);
    if (!flags.output.structured()) {
      context.print_line("Creating backup from schedule, all other filters are ignored.");
    }
    if (!arguments.empty()) backup.metadata.fields()["name"] = arguments[0];
  } else {
    backup.metadata = velero::ObjectMeta(context.name_space(), arguments[0]);
  }
  for (const auto& [key, value] : flags.spec.labels()) backup.metadata.set_label(key, value);
  for (const auto& [key, value] : flags.spec.annotations()) backup.metadata.set_annotation(key, value);
  if (print_instead_of_submit(context, flags.output, backup.to_json())) return;

  context.client().create(velero::resources::kBackups, backup.to_json(), context.cancel);
  const std::string name = backup.metadata.name();
  context.print_line("Backup request \"{}\" submitted successfully.", name);
  if (flags.wait) {
    wait_until_finished(context, "Backup", velero::resources::kBackups, name);
    return;
  }
  context.print_line("Run `velero backup describe {}` or `velero backup logs {}` for more details.", name,
                     name);
}

}  // namespace

Command backup_create_command() {
  return {.name = "create",
          .summary = "Create a backup",
          .usage = "NAME [flags]",
          .examples = R"(# Create a backup containing all resources.
{} backup create backup1

# Create a backup including only the nginx namespace.
{} backup create nginx-backup --include-namespaces nginx

# Create a backup excluding the velero and default namespaces.
{} backup create backup2 --exclude-namespaces velero,default

# Create a backup based on a schedule named daily-backup.
{} backup create --from-schedule daily-backup

# View the YAML for a backup that doesn't snapshot volumes, without sending it to the server.
{} backup create backup3 --snapshot-volumes=false -o yaml

# Wait for a backup to complete before returning from the command.
{} backup create backup4 --wait)",
          .max_arguments = 1,
          .define = with_flags<CreateFlags>(create)};
}

}  // namespace salvor::cli
