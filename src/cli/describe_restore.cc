#include "cli/describe_restore.h"

#include <algorithm>

#include "base/duration.h"
#include "cli/describe_text.h"
#include "cli/tab_writer.h"
#include "cli/time_text.h"
#include "velero/constants.h"
#include "velero/resource_list.h"

namespace salvor::cli {
namespace {

using codec::Json;

template <typename... Args>
void line(std::string& out, fmt::format_string<Args...> format, Args&&... args) {
  fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
  out += '\n';
}

bool has_files(const velero::RestoreStatus& status) {
  return status.phase == velero::phase::kCompleted || status.phase == velero::phase::kPartiallyFailed;
}

void describe_status(std::string& out, const CommandContext& context, const velero::Restore& restore) {
  const auto& status = restore.status;
  const std::string phase = status.phase.empty() ? velero::phase::kNew : status.phase;
  const bool look = phase == velero::phase::kFailed || phase == velero::phase::kPartiallyFailed;
  line(out, "Phase:\t{}{}{}", colored_phase(context, phase),
       restore.metadata.being_deleted() ? " (Deleting)" : "",
       look ? fmt::format(" (run 'velero restore logs {}' for more information)", restore.metadata.name())
            : "");
  if (status.progress) {
    const bool running = phase == velero::phase::kInProgress;
    line(out, "{}:\t{}", running ? "Estimated total items to be restored" : "Total items to be restored",
         status.progress->total_items);
    line(out, "{}:\t{}", running ? "Items restored so far" : "Items restored",
         status.progress->items_restored);
  }
  line(out, "");
  line(out, "Started:\t{}", time_text(status.start_timestamp, "<n/a>"));
  line(out, "Completed:\t{}", time_text(status.completion_timestamp, "<n/a>"));
  if (!status.failure_reason.empty()) line(out, "\nFailure reason:\t{}", status.failure_reason);
  describe_validation_errors(out, status.validation_errors);
}

void describe_filters(std::string& out, const velero::RestoreSpec& spec) {
  const auto& namespaces = spec.included_namespaces;
  const bool all =
      namespaces.empty() || std::find(namespaces.begin(), namespaces.end(), "*") != namespaces.end();
  line(out, "Namespaces:");
  line(out, "  Included:\t{}", all ? "all namespaces found in the backup" : join_or(namespaces, ""));
  line(out, "  Excluded:\t{}", join_or(spec.excluded_namespaces, "<none>"));
  line(out, "");
  line(out, "Resources:");
  line(out, "  Included:\t{}", join_or(spec.included_resources, "*"));
  line(out, "  Excluded:\t{}", join_or(spec.excluded_resources, "<none>"));
  line(out, "  Cluster-scoped:\t{}", tri_state(spec.include_cluster_resources, "included", "excluded"));
  line(out, "");
  describe_map(out, "Namespace mappings", spec.namespace_mapping);
  line(out, "");
  describe_selectors(out, spec.label_selector, spec.or_label_selectors);
}

void describe_pod_volumes(std::string& out, const std::vector<velero::PodVolumeRestore>& restores,
                          bool details) {
  if (restores.empty()) return;
  line(out, "");
  line(out, "{} Restores{}:", restores.front().spec.uploader_type,
       details ? "" : " (specify --details for more information)");
  std::map<std::string, std::map<std::string, std::vector<std::string>>> by_phase;
  std::map<std::string, int> counts;
  for (const auto& restore : restores) {
    const std::string phase = restore.status.phase.empty() ? velero::phase::kNew : restore.status.phase;
    by_phase[phase][restore.spec.pod.name_space + "/" + restore.spec.pod.name].push_back(restore.spec.volume);
    ++counts[phase];
  }
  for (const auto& [phase, pods] : by_phase) {
    const std::string shown = phase == velero::phase::kInProgress ? "In Progress" : phase;
    if (!details) {
      line(out, "  {}:\t{}", shown, counts[phase]);
      continue;
    }
    line(out, "  {}:", shown);
    for (const auto& [pod, volumes] : pods) line(out, "    {}: {}", pod, fmt::join(volumes, ", "));
  }
}

void describe_csi(std::string& out, const Json& volumes, bool details) {
  line(out, "");
  const auto is_csi = [](const Json& volume) {
    return codec::get_string(volume, {"restoreMethod"}) == "CSISnapshot";
  };
  if (std::none_of(volumes.begin(), volumes.end(), is_csi)) {
    line(out, "CSI Snapshot Restores: <none included>");
    return;
  }
  line(out, "CSI Snapshot Restores:");
  for (const Json& volume : volumes) {
    if (!is_csi(volume)) continue;
    line(out, "  {}/{}:", codec::get_string(volume, {"pvcNamespace"}),
         codec::get_string(volume, {"pvcName"}));
    if (!details) {
      line(out, "    Snapshot: specify --details for more information");
      continue;
    }
    line(out, "    Snapshot:");
    const auto text = [&](const char* member) {
      return codec::get_string(volume, {"csiSnapshotInfo", member});
    };
    line(out, "      Snapshot Content Name: {}", text("vscName"));
    line(out, "      Storage Snapshot ID: {}", text("snapshotHandle"));
    line(out, "      CSI Driver: {}", text("driver"));
  }
}

void describe_options(std::string& out, const velero::RestoreSpec& spec) {
  line(out, "");
  line(out, "Existing Resource Policy: \t{}",
       spec.existing_resource_policy.empty() ? "<none>" : spec.existing_resource_policy);
  line(out, "ItemOperationTimeout:\t{}", base::format_duration(spec.item_operation_timeout));
  line(out, "");
  line(out, "Preserve Service NodePorts:\t{}", tri_state(spec.preserve_node_ports));
  if (spec.resource_modifier) {
    line(out, "\nResource modifier:\n  Type:\t{}\n  Name:\t{}", spec.resource_modifier->kind,
         spec.resource_modifier->name);
  }
  if (!spec.uploader_config) return;
  line(out, "\nUploader config:");
  if (spec.uploader_config->write_sparse_files.value_or(false)) line(out, "  Write Sparse Files:\ttrue");
  if (spec.uploader_config->parallel_files_download > 0) {
    line(out, "  Parallel Restore:\t{}", spec.uploader_config->parallel_files_download);
  }
}

void describe_resource_list(std::string& out, const RestoreDetails& extra) {
  line(out, "");
  if (!extra.resource_list) {
    line(out, "Resource List:\t<error getting restore resource list: {}>", extra.resource_list_error);
    return;
  }
  line(out, "Resource List:");
  for (const auto& [kind, names] : *extra.resource_list) {
    line(out, "  {}:", kind);
    for (const auto& name : names) line(out, "    - {}", name);
  }
}

}  // namespace

RestoreDetails load_details(CommandContext& context, const velero::Restore& restore, bool details,
                            const DownloadOptions& options) {
  RestoreDetails extra;
  const std::string name = restore.metadata.name();
  const kube::ListOptions of_restore{
      .label_selector = fmt::format("{}={}", velero::label::kRestoreName, velero::label_value(name))};
  for (const auto& object : context.client().list(velero::resources::kPodVolumeRestores, context.name_space(),
                                                  of_restore, context.cancel)) {
    extra.pod_volume_restores.push_back(velero::PodVolumeRestore::from_json(object));
  }
  if (!has_files(restore.status)) return extra;
  if (restore.status.warnings > 0 || restore.status.errors > 0) {
    extra.results_error =
        download_json(context, velero::download_target::kRestoreResults, name, options,
                      [&](const Json& json) { extra.results = velero::Results::from_json(json); });
  }
  download_json(context, velero::download_target::kRestoreVolumeInfo, name, options, [&](const Json& json) {
    if (json.is_array()) extra.volumes = json;
  });
  if (details) {
    extra.resource_list_error = download_json(
        context, velero::download_target::kRestoreResourceList, name, options,
        [&](const Json& json) { extra.resource_list = velero::ResourceList::from_json(json).entries(); });
  }
  return extra;
}

std::string describe_restore(const CommandContext& context, const velero::Restore& restore,
                             const RestoreDetails& extra, bool details) {
  std::string out;
  describe_metadata(out, context, restore.metadata);
  line(out, "");
  describe_status(out, context, restore);
  if (extra.results) line(out, "");
  describe_results(out, extra.results, extra.results_error);
  line(out, "");
  line(out, "Backup:\t{}", restore.spec.backup_name);
  line(out, "");
  describe_filters(out, restore.spec);
  line(out, "");
  line(out, "Restore PVs:\t{}", tri_state(restore.spec.restore_pvs));
  describe_pod_volumes(out, extra.pod_volume_restores, details);
  if (extra.volumes) describe_csi(out, *extra.volumes, details);
  describe_options(out, restore.spec);
  line(out, "");
  if (const auto& hooks = restore.status.hook_status) {
    line(out, "");
    line(out, "HooksAttempted: \t{}", hooks->hooks_attempted);
    line(out, "HooksFailed: \t{}", hooks->hooks_failed);
  }
  if (details && has_files(restore.status)) describe_resource_list(out, extra);
  return align_tabs(out);
}

}  // namespace salvor::cli
