#include "cli/backup_commands.h"
#include "cli/backup_diff.h"
#include "cli/backup_files.h"
#include "cli/flag_values.h"
#include "cli/server_access.h"

namespace salvor::cli {
namespace {

using codec::Json;

// The exit code when there are differences.
constexpr int kDiffers = 2;

// What changes all the time and is nobody's configuration.
const std::vector<std::string> kNoise{"events", "events.events.k8s.io", "leases.coordination.k8s.io"};

struct DiffFlags {
  ServerAccessFlags access;
  std::vector<std::string> include_resources, exclude_resources = kNoise;
  std::string format;
  bool live = false, all_fields = false;

  void add_to(CLI::App& app) {
    access.add_to(app);
    app.add_flag("--live", live, "Compare the backup with the cluster as it is now.");
    app.add_flag("--all-fields", all_fields,
                 "Compare fields too that change by themselves: status, managedFields, resourceVersion, "
                 "generation, uid, creationTimestamp, kubectl's last-applied annotation.");
    add_list(app, "include-resources", include_resources, "Resources to compare, as resource.group.");
    add_list(app, "exclude-resources", exclude_resources,
             "Resources to leave out, as resource.group. (default events, events.events.k8s.io, "
             "leases.coordination.k8s.io)");
    app.add_option("-o,--output", format, "Output format: text or json")->type_name("string");
  }
};

void check(const DiffFlags& flags, const Arguments& arguments) {
  if (!flags.format.empty() && flags.format != "text" && flags.format != "json")
    base::fail(base::ErrorCode::kInvalidArgument,
               "invalid output format \"{}\" - valid values are 'text' and 'json'", flags.format);
  if (flags.live != (arguments.size() == 1)) throw FlagError("name two backups, or one backup and --live");
}

Json difference_json(const ObjectDifference& difference) {
  static const std::map<ObjectDifference::Kind, const char*> kWords{
      {ObjectDifference::Kind::kAdded, "added"},
      {ObjectDifference::Kind::kRemoved, "removed"},
      {ObjectDifference::Kind::kChanged, "changed"}};
  Json json{{"difference", kWords.at(difference.kind)}, {"resource", difference.group_resource}};
  if (!difference.name.name_space.empty()) json["namespace"] = difference.name.name_space;
  json["name"] = difference.name.name;
  if (!difference.changes.empty()) json["changes"] = kube::to_json(difference.changes);
  return json;
}

void print_difference(const CommandContext& context, const ObjectDifference& difference) {
  const char* const mark = difference.kind == ObjectDifference::Kind::kAdded     ? "+"
                           : difference.kind == ObjectDifference::Kind::kRemoved ? "-"
                                                                                 : "~";
  context.print_line("{} {} {}", mark, difference.group_resource, difference.name.to_string());
  for (const auto& change : difference.changes) {
    context.print_line("    {}: {} -> {}", change.path, kube::value_text(change.before),
                       kube::value_text(change.after));
  }
}

DiffSummary compare(CommandContext& context, const DiffFlags& flags, const Arguments& arguments,
                    const ReportDifference& report, Json& failures) {
  BackupFiles files(context, flags.access.options());
  const auto backup = files.backup(arguments[0]);
  const DiffOptions options{.all_fields = flags.all_fields,
                            .resources = {flags.include_resources, flags.exclude_resources}};
  if (!flags.live) {
    files.backup(arguments[1]);
    const auto before = files.contents(arguments[0]);
    const auto after = files.contents(arguments[1]);
    return diff_backups(before, after, options, report, context.cancel);
  }
  const auto before = files.contents(arguments[0]);
  kube::Discovery discovery(context.client());
  discovery.refresh(context.cancel);
  return diff_live(
      backup, before, context.client(), discovery, options, report,
      [&](const std::string& resource, const base::Error& error) {
        failures.push_back({{"resource", resource}, {"error", error.message()}});
        std::fputs(fmt::format("cannot compare {}: {}\n", resource, error.message()).c_str(), context.err);
      },
      context.cancel);
}

void diff(CommandContext& context, const DiffFlags& flags, const Arguments& arguments) {
  check(flags, arguments);
  Json differences = Json::array(), failures = Json::array();
  const bool json = flags.format == "json";
  const auto summary = compare(
      context, flags, arguments,
      [&](const ObjectDifference& difference) {
        if (json) {
          differences.push_back(difference_json(difference));
        } else {
          print_difference(context, difference);
        }
      },
      failures);
  if (json) {
    context.print(codec::to_json(Json{{"before", arguments[0]},
                                      {"after", flags.live ? "live" : arguments[1]},
                                      {"summary",
                                       {{"added", summary.added},
                                        {"removed", summary.removed},
                                        {"changed", summary.changed},
                                        {"same", summary.same}}},
                                      {"differences", std::move(differences)},
                                      {"failures", failures}},
                                 2, false) +
                  "\n");
  } else {
    context.print_line("{} added, {} removed, {} changed, {} the same", summary.added, summary.removed,
                       summary.changed, summary.same);
  }
  if (!failures.empty()) {
    context.exit_code = kFailed;
  } else if (summary.differs()) {
    context.exit_code = kDiffers;
  }
}

}  // namespace

Command backup_diff_command() {
  return {
      .name = "diff",
      .summary =
          "Show in which objects two backups, or a backup and the live cluster, differ\n\n"
          "Objects that are in the second only are marked with +, those in the first only with -, those in "
          "both with ~ and the fields that differ. Exits with 0 when there is no difference, 2 when there "
          "is, 1 when something could not be compared.",
      .usage = "BACKUP (BACKUP | --live) [flags]",
      .examples = R"(# What changed between two backups.
{} backup diff daily-20261121010000 daily-20261122010000

# What changed in the cluster since a backup.
{} backup diff daily-20261122010000 --live

# Two backups in a bucket, without a cluster, for scripts.
{} --bucket s3:https://s3.example.com/backups/velero backup diff b1 b2 -o json)",
      .min_arguments = 1,
      .max_arguments = 2,
      .define = with_flags<DiffFlags>(diff)};
}

}  // namespace salvor::cli
