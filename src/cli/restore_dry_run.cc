#include "cli/restore_dry_run.h"

#include "base/text.h"
#include "cli/tab_writer.h"
#include "codec/yaml.h"
#include "velero/constants.h"
#include "velero/validation.h"

namespace salvor::cli {
namespace {

using codec::Json;

velero::ValidationLookups lookups_of(CommandContext& context, BackupFiles& files) {
  velero::ValidationLookups lookups;
  lookups.backups = [&] { return files.backups(); };
  lookups.config_map = [&](const std::string& name) {
    return context.client().get(kube::resources::kConfigMaps, {context.name_space(), name}, context.cancel);
  };
  lookups.storage_locations = [&] {
    std::vector<velero::BackupStorageLocation> locations;
    if (files.from_bucket()) {
      // The bucket itself is the location, whatever the backups call it.
      for (const auto& backup : files.backups()) {
        auto& location = locations.emplace_back();
        location.metadata = velero::ObjectMeta(context.name_space(), backup.spec.storage_location);
      }
      return locations;
    }
    for (const Json& object : context.client().list(velero::resources::kBackupStorageLocations,
                                                    context.name_space(), {}, context.cancel))
      locations.push_back(velero::BackupStorageLocation::from_json(object));
    return locations;
  };
  return lookups;
}

restore::RestoreOutcome plan(CommandContext& context, BackupFiles& files, const velero::Restore& restore) {
  const std::string& name = restore.spec.backup_name;
  const auto backup = files.backup(name);
  const auto contents = files.contents(name);
  kube::Discovery discovery(context.client());
  discovery.refresh(context.cancel);
  const restore::RestoreServices services{context.client(), discovery, context.clock, context.random,
                                          base::Logger(),   nullptr,   nullptr};
  restore::RestoreOptions options;
  options.name_space = context.name_space();
  options.dry_run = true;
  options.longest_outage = std::chrono::seconds(10);
  return restore::run_restore({restore, backup, contents, files.volume_snapshots(name),
                               files.pod_volume_backups(name), files.volume_infos(name)},
                              services, options, context.cancel);
}

struct Counts {
  size_t create = 0, update = 0, skip = 0, fail = 0;
};

Counts count(const restore::Plan& plan) {
  Counts counts;
  for (const auto& object : plan) {
    if (object.action == "create") ++counts.create;
    if (object.action == "update") ++counts.update;
    if (object.action == "fail") ++counts.fail;
    if (object.action == "skip" && !object.from.name.empty()) ++counts.skip;
  }
  return counts;
}

std::string name_text(const restore::PlannedObject& object) {
  if (object.from.name.empty()) return "*";
  return object.from.name == object.to.name ? object.to.name
                                            : fmt::format("{} (from {})", object.to.name, object.from.name);
}

void append_messages(std::string& text, const char* title, const velero::Result& result) {
  if (result.empty()) return;
  text += fmt::format("\n{}:\n", title);
  for (const auto& message : result.velero) text += "  " + message + "\n";
  for (const auto& message : result.cluster) text += "  " + message + "\n";
  for (const auto& [name_space, messages] : result.namespaces) {
    for (const auto& message : messages) text += fmt::format("  {}: {}\n", name_space, message);
  }
}

}  // namespace

std::string plan_text(const restore::RestoreOutcome& outcome) {
  Table table({"ACTION", "RESOURCE", "NAMESPACE", "NAME", "REASON"});
  for (const auto& object : outcome.plan) {
    table.add_row(
        {object.action, object.group_resource, object.to.name_space, name_text(object), object.reason});
  }
  // The lines of changes stand under the rows, outside of their columns.
  std::string text;
  size_t row = 0;
  for (const auto& line : base::split(table.to_string(), '\n')) {
    if (line.empty()) continue;
    text += line + "\n";
    if (row++ == 0) continue;  // the headers
    for (const auto& change : outcome.plan.at(row - 2).changes) {
      text += fmt::format("    {}: {} -> {}\n", change.path, kube::value_text(change.before),
                          kube::value_text(change.after));
    }
  }
  append_messages(text, "Warnings", outcome.results.warnings);
  append_messages(text, "Errors", outcome.results.errors);
  const Counts counts = count(outcome.plan);
  text += fmt::format(
      "\nDry run: {} would be created, {} updated, {} skipped, {} would fail. Nothing was changed.\n",
      counts.create, counts.update, counts.skip, counts.fail);
  return text;
}

Json plan_json(const velero::Restore& restore, const restore::RestoreOutcome& outcome) {
  const Counts counts = count(outcome.plan);
  Json objects = Json::array();
  for (const auto& object : outcome.plan) objects.push_back(restore::to_json(object));
  const Json results = outcome.results.to_json();
  return {
      {"backup", restore.spec.backup_name},
      {"summary",
       {{"create", counts.create}, {"update", counts.update}, {"skip", counts.skip}, {"fail", counts.fail}}},
      {"objects", std::move(objects)},
      {"warnings", results["warnings"]},
      {"errors", results["errors"]}};
}

void preview_restore(CommandContext& context, velero::Restore restore, const DownloadOptions& options,
                     const std::string& format) {
  BackupFiles files(context, options);
  const auto problems = velero::prepare_restore(restore, {}, lookups_of(context, files));
  if (!problems.empty()) {
    base::fail(base::ErrorCode::kInvalidArgument, "the restore is not valid:\n  {}",
               fmt::join(problems, "\n  "));
  }
  const auto outcome = plan(context, files, restore);
  if (format == "json") {
    context.print(codec::to_json(plan_json(restore, outcome), 2, false) + "\n");
  } else if (format == "yaml") {
    context.print(codec::to_yaml(plan_json(restore, outcome)));
  } else {
    context.print(plan_text(outcome));
  }
  if (!outcome.results.errors.empty()) context.exit_code = kNotCompleted;
}

}  // namespace salvor::cli
