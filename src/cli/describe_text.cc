#include "cli/describe_text.h"

#include "base/duration.h"
#include "velero/constants.h"

namespace salvor::cli {
namespace {

template <typename... Args>
void line(std::string& out, fmt::format_string<Args...> format, Args&&... args) {
  fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
  out += '\n';
}

std::string selector_text(const std::optional<kube::LabelSelector>& selector) {
  return selector && !selector->empty() ? selector->to_string() : "<none>";
}

bool uses_scoped_filters(const velero::BackupSpec& spec) {
  return spec.included_resources.empty() && spec.excluded_resources.empty() &&
         !spec.include_cluster_resources;
}

void describe_resources(std::string& out, const velero::BackupSpec& spec) {
  line(out, "Resources:");
  if (uses_scoped_filters(spec)) {
    line(out, "  Included cluster-scoped:\t{}", join_or(spec.included_cluster_scoped_resources, "<none>"));
    line(out, "  Excluded cluster-scoped:\t{}", join_or(spec.excluded_cluster_scoped_resources, "<none>"));
    line(out, "  Included namespace-scoped:\t{}", join_or(spec.included_namespace_scoped_resources, "*"));
    line(out, "  Excluded namespace-scoped:\t{}",
         join_or(spec.excluded_namespace_scoped_resources, "<none>"));
  } else {
    line(out, "  Included:\t{}", join_or(spec.included_resources, "*"));
    line(out, "  Excluded:\t{}", join_or(spec.excluded_resources, "<none>"));
    line(out, "  Cluster-scoped:\t{}", tri_state(spec.include_cluster_resources, "included", "excluded"));
  }
}

void describe_exec(std::string& out, const char* title, const velero::ExecHook& exec) {
  line(out, "");
  line(out, "      {}:", title);
  line(out, "        Container:\t{}", exec.container);
  line(out, "        Command:\t{}", fmt::join(exec.command, " "));
  line(out, "        On Error:\t{}", exec.on_error);
  line(out, "        Timeout:\t{}", base::format_duration(exec.timeout));
}

void describe_hooks(std::string& out, const velero::BackupHooks& hooks) {
  if (hooks.resources.empty()) {
    line(out, "Hooks:\t<none>");
    return;
  }
  line(out, "Hooks:");
  line(out, "  Resources:");
  for (const auto& hook : hooks.resources) {
    line(out, "    {}:", hook.name);
    line(out, "      Namespaces:");
    line(out, "        Included:\t{}", join_or(hook.included_namespaces, "*"));
    line(out, "        Excluded:\t{}", join_or(hook.excluded_namespaces, "<none>"));
    line(out, "");
    line(out, "      Resources:");
    line(out, "        Included:\t{}", join_or(hook.included_resources, "*"));
    line(out, "        Excluded:\t{}", join_or(hook.excluded_resources, "<none>"));
    line(out, "");
    line(out, "      Label selector:\t{}", selector_text(hook.label_selector));
    for (const auto& pre : hook.pre) {
      if (pre.exec) describe_exec(out, "Pre Exec Hook", *pre.exec);
    }
    for (const auto& post : hook.post) {
      if (post.exec) describe_exec(out, "Post Exec Hook", *post.exec);
    }
  }
}

}  // namespace

std::string bold(const CommandContext& context, const std::string& text) {
  return context.colors() ? "\x1b[1m" + text + "\x1b[22m" : text;
}

std::string colored_phase(const CommandContext& context, const std::string& phase) {
  if (!context.colors()) return phase;
  const bool bad = phase == "Failed" || phase == "PartiallyFailed" || phase == "FailedValidation";
  const bool good = phase == "Completed" || phase == "Enabled" || phase == "Available";
  return fmt::format("\x1b[{}m{}\x1b[0m", bad ? 31 : good ? 32 : 33, phase);
}

std::string join_or(const std::vector<std::string>& values, const std::string& none) {
  return values.empty() ? none : fmt::format("{}", fmt::join(values, ", "));
}

std::string tri_state(const std::optional<bool>& value, const std::string& yes, const std::string& no) {
  return value ? (*value ? yes : no) : "auto";
}

void describe_map(std::string& out, const std::string& title, const std::map<std::string, std::string>& map) {
  if (map.empty()) line(out, "{}:\t<none>", title);
  bool first = true;
  for (const auto& [key, value] : map) {
    line(out, "{}\t{}={}", first ? title + ":" : "", key, value);
    first = false;
  }
}

void describe_metadata(std::string& out, const CommandContext& context, const velero::ObjectMeta& metadata) {
  line(out, "Name:\t{}", bold(context, metadata.name()));
  line(out, "Namespace:\t{}", metadata.name_space());
  describe_map(out, "Labels", metadata.labels());
  describe_map(out, "Annotations", metadata.annotations());
}

void describe_selectors(std::string& out, const std::optional<kube::LabelSelector>& selector,
                        const std::vector<kube::LabelSelector>& or_selectors) {
  line(out, "Label selector:\t{}", selector_text(selector));
  line(out, "");
  std::vector<std::string> texts;
  for (const auto& one : or_selectors) texts.push_back(one.to_string());
  line(out, "Or label selector:\t{}", texts.empty() ? "<none>" : fmt::format("{}", fmt::join(texts, " or ")));
}

void describe_backup_spec(std::string& out, const velero::BackupSpec& spec) {
  line(out, "Namespaces:");
  line(out, "  Included:\t{}", join_or(spec.included_namespaces, "*"));
  line(out, "  Excluded:\t{}", join_or(spec.excluded_namespaces, "<none>"));
  line(out, "");
  describe_resources(out, spec);
  line(out, "");
  describe_selectors(out, spec.label_selector, spec.or_label_selectors);
  line(out, "");
  line(out, "Storage Location:\t{}", spec.storage_location);
  line(out, "");
  line(out, "Velero-Native Snapshot PVs:\t{}", tri_state(spec.snapshot_volumes));
  if (spec.default_volumes_to_fs_backup) {
    line(out, "File System Backup (Default):\t{}", tri_state(spec.default_volumes_to_fs_backup));
  }
  line(out, "Snapshot Move Data:\t{}", tri_state(spec.snapshot_move_data));
  line(out, "Data Mover:\t{}", spec.data_mover.empty() ? "velero" : spec.data_mover);
  line(out, "");
  line(out, "TTL:\t{}", base::format_duration(spec.ttl));
  line(out, "");
  line(out, "CSISnapshotTimeout:\t{}", base::format_duration(spec.csi_snapshot_timeout));
  line(out, "ItemOperationTimeout:\t{}", base::format_duration(spec.item_operation_timeout));
  line(out, "");
  describe_hooks(out, spec.hooks);
  if (!spec.ordered_resources.empty()) {
    line(out, "");
    line(out, "OrderedResources:");
    for (const auto& [kind, names] : spec.ordered_resources) line(out, "  {}:\t{}", kind, names);
  }
}

void describe_result(std::string& out, const std::string& title, const velero::Result& result) {
  line(out, "{}:", title);
  line(out, "  Velero:\t{}",
       result.velero.empty() ? "<none>" : fmt::format("{}", fmt::join(result.velero, "\n\t")));
  line(out, "  Cluster:\t{}",
       result.cluster.empty() ? "<none>" : fmt::format("{}", fmt::join(result.cluster, "\n\t")));
  if (result.namespaces.empty()) {
    line(out, "  Namespaces:\t<none>");
    return;
  }
  line(out, "  Namespaces:");
  for (const auto& [name_space, messages] : result.namespaces) {
    line(out, "    {}:\t{}", name_space, fmt::join(messages, "\n\t"));
  }
}

void describe_results(std::string& out, const std::optional<velero::Results>& results,
                      const std::string& error) {
  if (!results) {
    if (!error.empty()) {
      line(out, "Warnings:\t<error getting warnings: {}>\n\nErrors:\t<error getting errors: {}>", error,
           error);
    }
    return;
  }
  if (!results->warnings.empty()) describe_result(out, "Warnings", results->warnings);
  if (!results->warnings.empty() && !results->errors.empty()) line(out, "");
  if (!results->errors.empty()) describe_result(out, "Errors", results->errors);
}

void describe_validation_errors(std::string& out, const std::vector<std::string>& errors) {
  if (errors.empty()) return;
  line(out, "");
  line(out, "Validation errors:\t{}", fmt::join(errors, "\n\t"));
}

}  // namespace salvor::cli
