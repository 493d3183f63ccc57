#include "cli/restore_commands.h"

#include "cli/cancel_command.h"
#include "cli/describe_restore.h"
#include "cli/names.h"
#include "cli/output.h"
#include "cli/server_access.h"
#include "cli/time_text.h"
#include "velero/constants.h"

namespace salvor::cli {
namespace {

using codec::Json;
using velero::resources::kRestores;

struct GetFlags {
  NameFlags names;
  OutputFlags output;
  void add_to(CLI::App& app) {
    names.add_to(app, false);
    output.add_to(app);
  }
};

void get(CommandContext& context, const GetFlags& flags, const Arguments& arguments) {
  flags.output.check();
  NameFlags names = flags.names;
  names.names = arguments;
  auto restores = select_objects(context, kRestores, names);
  if (flags.output.structured()) {
    print_objects(context, flags.output, "RestoreList", std::move(restores), arguments.size() == 1);
    return;
  }
  print_restore_table(context, flags.output, restores);
}

struct DescribeFlags {
  NameFlags names;
  ServerAccessFlags access;
  bool details = false;
  void add_to(CLI::App& app) {
    names.add_to(app, false);
    access.add_to(app, false);
    app.add_flag("--details", details, "Display additional detail in the command output.");
  }
};

void describe(CommandContext& context, const DescribeFlags& flags, const Arguments& arguments) {
  NameFlags names = flags.names;
  names.names = arguments;
  bool first = true;
  for (const auto& object : select_objects(context, kRestores, names)) {
    const auto restore = velero::Restore::from_json(object);
    const auto extra = load_details(context, restore, flags.details, flags.access.options());
    context.print((first ? "" : "\n\n") + describe_restore(context, restore, extra, flags.details));
    first = false;
  }
}

void logs(CommandContext& context, const ServerAccessFlags& flags, const Arguments& arguments) {
  const std::string& name = arguments[0];
  const auto restore =
      velero::Restore::from_json(select_objects(context, kRestores, {.names = {name}}).front());
  if (!velero::is_finished(restore.status)) {
    base::fail(
        base::ErrorCode::kUnavailable,
        "logs for restore \"{}\" are not available until it's finished processing, please wait until the "
        "restore has a phase of Completed or Failed and try again",
        name);
  }
  base::FunctionSink out([&](std::string_view data) { context.print(data); });
  download(context, velero::download_target::kRestoreLog, name, out, flags.options());
}

struct DeleteFlags {
  NameFlags names;
  bool confirmed = false;
  void add_to(CLI::App& app) {
    names.add_to(app, true);
    app.add_flag("--confirm", confirmed, "Confirm deletion");
  }
};

void remove(CommandContext& context, const DeleteFlags& flags, const Arguments& arguments) {
  NameFlags names = flags.names;
  names.names = arguments;
  const auto restores = select_explicitly(context, kRestores, names);
  if (restores.empty()) {
    context.print_line("No restores found");
    return;
  }
  if (!confirm(context, flags.confirmed)) return;
  for (const auto& restore : restores) {
    const std::string name = kube::name_of(restore);
    context.client().remove(kRestores, {context.name_space(), name}, "Background", "", context.cancel);
    context.print_line(
        "Request to delete restore \"{}\" submitted successfully.\nThe restore will be fully deleted after "
        "all "
        "associated data (restore files in object storage) are removed.",
        name);
  }
}

}  // namespace

void print_restore_table(const CommandContext& context, const OutputFlags& flags,
                         const std::vector<Json>& restores) {
  print_table(
      context, flags,
      {"NAME", "BACKUP", "STATUS", "STARTED", "COMPLETED", "ERRORS", "WARNINGS", "CREATED", "SELECTOR"},
      restores, [](const Json& object) -> std::vector<std::string> {
        const auto restore = velero::Restore::from_json(object);
        const auto& status = restore.status;
        std::string phase = status.phase.empty() ? velero::phase::kNew : status.phase;
        if (restore.metadata.being_deleted()) phase = velero::phase::kDeleting;
        const auto& selector = restore.spec.label_selector;
        return {restore.metadata.name(),
                restore.spec.backup_name,
                phase,
                time_text(status.start_timestamp),
                time_text(status.completion_timestamp),
                std::to_string(status.errors),
                std::to_string(status.warnings),
                time_text(restore.metadata.creation_time()),
                selector && !selector->empty() ? selector->to_string() : "<none>"};
      });
}

Command restore_group() {
  return {
      .name = "restore",
      .summary = "Work with restores",
      .aliases = {"restores"},
      .children = {
          restore_create_command(),
          {.name = "get",
           .summary = "Get restores",
           .usage = "[NAME...] [flags]",
           .examples = "# List all restores.\n{} restore get",
           .max_arguments = kAnyNumber,
           .define = with_flags<GetFlags>(get)},
          {.name = "describe",
           .summary = "Describe restores",
           .usage = "[NAME1] [NAME2] [NAME...] [flags]",
           .examples =
               "# Describe a restore, with every resource in it.\n{} restore describe restore-1 --details",
           .max_arguments = kAnyNumber,
           .define = with_flags<DescribeFlags>(describe)},
          {.name = "logs",
           .summary = "Get restore logs",
           .usage = "RESTORE [flags]",
           .examples = "# What happened during restore-1.\n{} restore logs restore-1",
           .min_arguments = 1,
           .max_arguments = 1,
           .define = with_flags<ServerAccessFlags>(logs)},
          restore_cancel_command(),
          {.name = "delete",
           .summary = "Delete restores",
           .usage = "[NAMES] [flags]",
           .examples = R"(# Delete a restore named "restore-1".
{} restore delete restore-1

# Delete a restore named "restore-1" without prompting for confirmation.
{} restore delete restore-1 --confirm

# Delete all restores labelled with "foo=bar".
{} restore delete --selector foo=bar

# Delete all restores.
{} restore delete --all)",
           .max_arguments = kAnyNumber,
           .define = with_flags<DeleteFlags>(remove)}}};
}

}  // namespace salvor::cli
