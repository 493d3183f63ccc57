#include "cli/schedule_commands.h"

#include "base/duration.h"
#include "base/text.h"
#include "cli/describe_text.h"
#include "cli/names.h"
#include "cli/output.h"
#include "cli/spec_flags.h"
#include "cli/tab_writer.h"
#include "cli/time_text.h"
#include "velero/constants.h"

namespace salvor::cli {
namespace {

using codec::Json;
using velero::resources::kSchedules;

struct CreateFlags {
  BackupSpecFlags spec;
  OutputFlags output;
  TriState skip_immediately;
  std::string schedule;
  bool owner_references = false;
  bool paused = false;

  void add_to(CLI::App& app) {
    spec.add_to(app, "schedule");
    output.add_to(app);
    app.add_option("--schedule", schedule,
                   "A cron expression specifying a recurring schedule for this backup to run")
        ->type_name("string");
    app.add_flag(
        "--use-owner-references-in-backup{true}", owner_references,
        "Specifies whether to use OwnerReferences on backups created by this Schedule. Deleting the Schedule "
        "then deletes them.");
    app.add_flag("--paused{true}", paused, "Specifies whether the newly created schedule is paused or not.");
    skip_immediately.add_to(app, "skip-immediately", "Skip the next scheduled backup immediately");
  }
};

void create(CommandContext& context, const CreateFlags& flags, const Arguments& arguments) {
  flags.output.check();
  if (flags.schedule.empty()) base::fail(base::ErrorCode::kInvalidArgument, "--schedule is required");
  velero::Schedule schedule;
  schedule.metadata = velero::ObjectMeta(context.name_space(), arguments[0]);
  for (const auto& [key, value] : flags.spec.labels()) schedule.metadata.set_label(key, value);
  for (const auto& [key, value] : flags.spec.annotations()) schedule.metadata.set_annotation(key, value);
  schedule.spec.template_spec = flags.spec.spec();
  schedule.spec.schedule = flags.schedule;
  schedule.spec.use_owner_references_in_backup = flags.owner_references;
  schedule.spec.paused = flags.paused;
  schedule.spec.skip_immediately = flags.skip_immediately.value();
  if (print_instead_of_submit(context, flags.output, schedule.to_json())) return;
  context.client().create(kSchedules, schedule.to_json(), context.cancel);
  context.print_line("Schedule \"{}\" created successfully.", arguments[0]);
}

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
  auto schedules = select_objects(context, kSchedules, names);
  if (flags.output.structured()) {
    print_objects(context, flags.output, "ScheduleList", std::move(schedules), arguments.size() == 1);
    return;
  }
  print_schedule_table(context, flags.output, schedules);
}

struct DescribeFlags {
  NameFlags names;
  void add_to(CLI::App& app) { names.add_to(app, false); }
};

void describe(CommandContext& context, const DescribeFlags& flags, const Arguments& arguments) {
  NameFlags names = flags.names;
  names.names = arguments;
  bool first = true;
  for (const auto& object : select_objects(context, kSchedules, names)) {
    context.print((first ? "" : "\n\n") + describe_schedule(context, velero::Schedule::from_json(object)));
    first = false;
  }
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
  const auto schedules = select_explicitly(context, kSchedules, names);
  if (schedules.empty()) {
    context.print_line("No schedules found");
    return;
  }
  if (!confirm(context, flags.confirmed)) return;
  for (const auto& schedule : schedules) {
    const std::string name = kube::name_of(schedule);
    context.client().remove(kSchedules, {context.name_space(), name}, "Background", "", context.cancel);
    context.print_line("Schedule deleted: {}", name);
  }
}

struct PauseFlags {
  NameFlags names;
  TriState skip_immediately;
  void add_to(CLI::App& app) {
    names.add_to(app, true);
    skip_immediately.add_to(app, "skip-immediately", "Skip the next scheduled backup immediately");
  }
};

void set_paused(CommandContext& context, const PauseFlags& flags, const Arguments& arguments, bool paused) {
  NameFlags names = flags.names;
  names.names = arguments;
  const auto schedules = select_explicitly(context, kSchedules, names);
  if (schedules.empty()) {
    context.print_line("No schedules found");
    return;
  }
  const char* const word = paused ? "paused" : "unpaused";
  for (const auto& object : schedules) {
    const auto schedule = velero::Schedule::from_json(object);
    const std::string name = schedule.metadata.name();
    if (schedule.spec.paused == paused) {
      context.print_line("Schedule {} is already {}, skip", name, word);
      continue;
    }
    Json spec{{"paused", paused}};
    if (const auto skip = flags.skip_immediately.value()) spec["skipImmediately"] = *skip;
    context.client().patch(kSchedules, {context.name_space(), name}, kube::PatchType::kMerge,
                           Json{{"spec", spec}}, "", context.cancel);
    context.print_line("Schedule {} {} successfully", name, word);
  }
}

void pause(CommandContext& context, const PauseFlags& flags, const Arguments& arguments) {
  set_paused(context, flags, arguments, true);
}

void unpause(CommandContext& context, const PauseFlags& flags, const Arguments& arguments) {
  set_paused(context, flags, arguments, false);
}

}  // namespace

void print_schedule_table(const CommandContext& context, const OutputFlags& flags,
                          const std::vector<Json>& schedules) {
  print_table(context, flags,
              {"NAME", "STATUS", "CREATED", "SCHEDULE", "BACKUP TTL", "LAST BACKUP", "SELECTOR", "PAUSED"},
              schedules, [&](const Json& object) -> std::vector<std::string> {
                const auto schedule = velero::Schedule::from_json(object);
                const auto& backup = schedule.spec.template_spec;
                const auto& selector = backup.label_selector;
                return {schedule.metadata.name(),
                        schedule.status.phase.empty() ? velero::phase::kNew : schedule.status.phase,
                        time_text(schedule.metadata.creation_time()),
                        schedule.spec.schedule,
                        base::format_duration(backup.ttl),
                        from_now(schedule.status.last_backup, context.clock.now()),
                        selector && !selector->empty() ? selector->to_string() : "<none>",
                        schedule.spec.paused ? "true" : "false"};
              });
}

std::string describe_schedule(const CommandContext& context, const velero::Schedule& schedule) {
  std::string out;
  const auto line = [&](const std::string& text) { out += text + "\n"; };
  describe_metadata(out, context, schedule.metadata);
  line("");
  line("Phase:\t" +
       colored_phase(context, schedule.status.phase.empty() ? velero::phase::kNew : schedule.status.phase));
  if (const auto& policy = schedule.spec.template_spec.resource_policy) {
    line(fmt::format("\nResource policies:\n  Type:\t{}\n  Name:\t{}", policy->kind, policy->name));
  }
  describe_validation_errors(out, schedule.status.validation_errors);
  line(fmt::format("\nPaused:\t{}", schedule.spec.paused));
  line("\nSchedule:\t" + schedule.spec.schedule);
  line("\nBackup Template:");
  std::string spec;
  describe_backup_spec(spec, schedule.spec.template_spec);
  // A column of its own, also on empty lines.
  spec.pop_back();
  for (const auto& text : base::split(spec, '\n')) line("\t" + text);
  line("\nLast Backup:\t" + time_text(schedule.status.last_backup, "<never>"));
  return align_tabs(out);
}

Command schedule_group() {
  const std::string kNames = "[NAMES] [flags]";
  return {
      .name = "schedule",
      .summary = "Work with schedules",
      .aliases = {"schedules"},
      .children = {
          {.name = "create",
           .summary = "Create a schedule",
           .usage = "NAME --schedule [flags]",
           .examples = R"(# Create a backup every 6 hours.
{} schedule create NAME --schedule="0 */6 * * *"

# Create a backup every 6 hours with the @every notation.
{} schedule create NAME --schedule="@every 6h"

# Create a daily backup of the web namespace.
{} schedule create NAME --schedule="@every 24h" --include-namespaces web

# Create a weekly backup, each living for 90 days (2160 hours).
{} schedule create NAME --schedule="@every 168h" --ttl 2160h0m0s)",
           .min_arguments = 1,
           .max_arguments = 1,
           .define = with_flags<CreateFlags>(create)},
          {.name = "get",
           .summary = "Get schedules",
           .usage = "[NAME...] [flags]",
           .examples = "# List all schedules.\n{} schedule get",
           .max_arguments = kAnyNumber,
           .define = with_flags<GetFlags>(get)},
          {.name = "describe",
           .summary = "Describe schedules",
           .usage = "[NAME1] [NAME2] [NAME...] [flags]",
           .examples = "# Describe a schedule and the backups that it makes.\n{} schedule describe daily",
           .max_arguments = kAnyNumber,
           .define = with_flags<DescribeFlags>(describe)},
          {.name = "delete",
           .summary = "Delete schedules",
           .usage = kNames,
           .examples =
               "# Delete a schedule named \"schedule-1\"; its backups stay.\n{} schedule delete schedule-1 "
               "--confirm\n\n# Delete all schedules.\n{} schedule delete --all",
           .max_arguments = kAnyNumber,
           .define = with_flags<DeleteFlags>(remove)},
          {.name = "pause",
           .summary = "Pause schedules",
           .usage = kNames,
           .examples =
               "# Pause a schedule named \"schedule-1\".\n{} schedule pause schedule-1\n\n# Pause all "
               "schedules.\n{} schedule pause --all",
           .max_arguments = kAnyNumber,
           .define = with_flags<PauseFlags>(pause)},
          {.name = "unpause",
           .summary = "Unpause schedules",
           .usage = kNames,
           .examples =
               "# Unpause a schedule named \"schedule-1\".\n{} schedule unpause schedule-1\n\n# Unpause all "
               "schedules.\n{} schedule unpause --all",
           .max_arguments = kAnyNumber,
           .define = with_flags<PauseFlags>(unpause)}}};
}

}  // namespace salvor::cli
