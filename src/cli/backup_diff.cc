#include "cli/backup_diff.h"

#include <algorithm>
#include <set>

#include "backup/collector.h"
#include "backup/resource_filter.h"
#include "cli/object_comparison.h"
#include "velero/constants.h"
#include "velero/resource_policies.h"

namespace salvor::cli {
namespace {

using codec::Json;
using Difference = ObjectDifference::Kind;
using Item = velero::BackupContents::Item;

kube::ObjectName name_of(const Item& item) {
  return {item.name_space, item.name};
}

// Counts and reports.
class Differences {
 public:
  Differences(const DiffOptions& options, const ReportDifference& report)
      : options_(options), report_(report) {}

  bool takes(const std::string& group_resource) const { return options_.resources.includes(group_resource); }
  void added(const std::string& group_resource, kube::ObjectName name) {
    ++summary_.added;
    report_({Difference::kAdded, group_resource, std::move(name), {}});
  }
  void removed(const std::string& group_resource, kube::ObjectName name) {
    ++summary_.removed;
    report_({Difference::kRemoved, group_resource, std::move(name), {}});
  }
  void both(const std::string& group_resource, kube::ObjectName name, Json before, Json after) {
    auto changes = compare_objects(std::move(before), std::move(after), options_.all_fields);
    if (changes.empty()) {
      ++summary_.same;
      return;
    }
    ++summary_.changed;
    report_({Difference::kChanged, group_resource, std::move(name), std::move(changes)});
  }
  DiffSummary summary() const { return summary_; }

 private:
  const DiffOptions& options_;
  const ReportDifference& report_;
  DiffSummary summary_;
};

Json read_object(const velero::BackupContents& contents, const std::string& group_resource,
                 const Item& item) {
  return codec::parse_json(contents.content(item),
                           fmt::format("{} \"{}\" of the backup", group_resource, name_of(item).to_string()));
}

// One kind of a backup against the same kind of a cluster.
class LiveKind {
 public:
  LiveKind(const velero::Backup& backup, const velero::BackupContents& contents, kube::Client& client,
           Differences& differences, const base::CancelToken& cancel)
      : backup_(backup), contents_(contents), client_(client), differences_(differences), cancel_(cancel) {}

  void compare(const kube::ApiResource& resource, bool collected, const std::vector<std::string>& namespaces,
               const velero::IncludesExcludes& filter) {
    const std::string group_resource = resource.gvr.group_resource();
    const auto items = contents_.items(group_resource);
    std::vector<bool> seen(items.size(), false);
    if (collected) {
      for (const auto& where : resource.namespaced ? namespaces : std::vector<std::string>{""})
        list(resource, where, filter, seen);
    }
    // What the lists did not hold came into the backup because something else needed it, or is gone.
    for (size_t i = 0; i < items.size(); ++i) {
      if (seen[i]) continue;
      cancel_.check();
      auto live = client_.get(resource.gvr, name_of(items[i]), cancel_);
      if (live) {
        differences_.both(group_resource, name_of(items[i]), read_object(contents_, group_resource, items[i]),
                          std::move(*live));
      } else {
        differences_.removed(group_resource, name_of(items[i]));
      }
    }
  }

 private:
  std::vector<std::string> selectors() const {
    const auto& spec = backup_.spec;
    if (spec.label_selector) return {spec.label_selector->to_string()};
    std::vector<std::string> selectors;
    for (const auto& selector : spec.or_label_selectors) selectors.push_back(selector.to_string());
    return selectors.empty() ? std::vector<std::string>{""} : selectors;
  }

  void list(const kube::ApiResource& resource, const std::string& where,
            const velero::IncludesExcludes& filter, std::vector<bool>& seen) {
    for (const auto& selector : selectors()) {
      std::set<kube::ObjectName> listed;
      client_.list_raw(
          resource.gvr, where, {.label_selector = selector},
          [&](std::string_view raw) { receive(resource, raw, filter, seen, listed); }, [] {}, cancel_);
    }
  }

  void receive(const kube::ApiResource& resource, std::string_view raw,
               const velero::IncludesExcludes& filter, std::vector<bool>& seen,
               std::set<kube::ObjectName>& added) {
    const std::string group_resource = resource.gvr.group_resource();
    Json live = codec::parse_json(raw, group_resource);
    kube::ObjectName name{kube::namespace_of(live), kube::name_of(live)};
    if (resource.namespaced && !filter.includes(name.name_space)) return;
    if (group_resource == "namespaces" && !filter.includes(name.name)) return;
    const auto* const item = contents_.find(group_resource, name.name_space, name.name);
    if (item == nullptr) {
      const auto labels = kube::labels_of(live);
      const auto excluded = labels.find(velero::label::kExcludeFromBackup);
      const bool left_out =
          kube::is_being_deleted(live) || (excluded != labels.end() && excluded->second == "true");
      // A list that begins again, and several selectors, name an object twice.
      if (!left_out && added.insert(name).second) differences_.added(group_resource, std::move(name));
      return;
    }
    const auto index = static_cast<size_t>(item - contents_.items(group_resource).data());
    if (seen[index]) return;
    seen[index] = true;
    differences_.both(group_resource, std::move(name), read_object(contents_, group_resource, *item),
                      std::move(live));
  }

  const velero::Backup& backup_;
  const velero::BackupContents& contents_;
  kube::Client& client_;
  Differences& differences_;
  const base::CancelToken& cancel_;
};

// The resource in the version of the backup's objects, so that versions are no difference.
kube::ApiResource in_version_of(const velero::BackupContents& contents, const kube::Discovery& discovery,
                                kube::ApiResource resource) {
  const std::string group_resource = resource.gvr.group_resource();
  const auto items = contents.items(group_resource);
  if (items.empty()) return resource;
  const Json first = read_object(contents, group_resource, items.front());
  auto wanted = resource.gvr;
  const std::string api_version = codec::get_string(first, {"apiVersion"});
  wanted.version =
      api_version.substr(api_version.find('/') == std::string::npos ? 0 : api_version.find('/') + 1);
  return discovery.find_resource(wanted).value_or(std::move(resource));
}

}  // namespace

DiffSummary diff_backups(const velero::BackupContents& before, const velero::BackupContents& after,
                         const DiffOptions& options, const ReportDifference& report,
                         const base::CancelToken& cancel) {
  Differences differences(options, report);
  std::set<std::string> kinds;
  for (const auto* contents : {&before, &after}) {
    const auto names = contents->group_resources();
    kinds.insert(names.begin(), names.end());
  }
  for (const auto& kind : kinds) {
    if (!differences.takes(kind)) continue;
    const auto old_items = before.items(kind), new_items = after.items(kind);
    auto old_item = old_items.begin();
    auto new_item = new_items.begin();
    while (old_item != old_items.end() || new_item != new_items.end()) {
      cancel.check();
      if (new_item == new_items.end() ||
          (old_item != old_items.end() && name_of(*old_item) < name_of(*new_item))) {
        differences.removed(kind, name_of(*old_item++));
      } else if (old_item == old_items.end() || name_of(*new_item) < name_of(*old_item)) {
        differences.added(kind, name_of(*new_item++));
      } else {
        differences.both(kind, name_of(*old_item), read_object(before, kind, *old_item),
                         read_object(after, kind, *new_item));
        ++old_item;
        ++new_item;
      }
    }
  }
  return differences.summary();
}

DiffSummary diff_live(const velero::Backup& backup, const velero::BackupContents& before,
                      kube::Client& client, const kube::Discovery& discovery, const DiffOptions& options,
                      const ReportDifference& report,
                      const std::function<void(const std::string& resource, const base::Error&)>& failed,
                      const base::CancelToken& cancel) {
  Differences differences(options, report);
  const backup::ResourceFilter filter(backup.spec, discovery, {});
  LiveKind live(backup, before, client, differences, cancel);
  std::vector<std::string> namespaces = filter.namespaces().include_list();
  const bool by_pattern = std::any_of(namespaces.begin(), namespaces.end(), [](const std::string& name) {
    return name.find_first_of("*?[") != std::string::npos;
  });
  if (namespaces.empty() || by_pattern) namespaces = {""};
  std::set<std::string> done;
  for (auto& resource : backup::backup_order(discovery.preferred())) {
    const std::string group_resource = resource.gvr.group_resource();
    const bool collected = filter.collects(resource);
    if (!differences.takes(group_resource) || (!collected && before.items(group_resource).empty())) continue;
    done.insert(group_resource);
    try {
      live.compare(in_version_of(before, discovery, std::move(resource)), collected, namespaces,
                   filter.namespaces());
    } catch (const base::Error& error) {
      cancel.check();
      failed(group_resource, error);
    }
  }
  for (const auto& group_resource : before.group_resources()) {
    if (done.contains(group_resource) || !differences.takes(group_resource)) continue;
    for (const auto& item : before.items(group_resource)) differences.removed(group_resource, name_of(item));
  }
  return differences.summary();
}

}  // namespace salvor::cli
