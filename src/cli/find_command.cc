#include "cli/find_command.h"

#include <algorithm>
#include <map>

#include "base/text.h"
#include "cli/backup_files.h"
#include "cli/object_comparison.h"
#include "cli/server_access.h"
#include "cli/tab_writer.h"
#include "cli/time_text.h"

namespace salvor::cli {
namespace {

using codec::Json;

struct FindFlags {
  ServerAccessFlags access;
  std::string name_space, server_namespace, format;

  void add_to(CLI::App& app) {
    access.add_to(app);
    app.add_option("-n,--namespace", name_space, "Namespace of the object. If unset, all namespaces")
        ->type_name("string");
    app.add_option("--velero-namespace", server_namespace,
                   "The namespace in which the server operates (default \"velero\")")
        ->type_name("string");
    app.add_option("-o,--output", format, "Output format: table or json")->type_name("string");
  }
};

// How users write a kind; a backup that is read without its cluster knows kinds and plurals only.
class KindName {
 public:
  explicit KindName(const std::string& written) {
    static const std::map<std::string, std::string> kShort{
        {"cm", "configmap"},
        {"deploy", "deployment"},
        {"ds", "daemonset"},
        {"sts", "statefulset"},
        {"rs", "replicaset"},
        {"po", "pod"},
        {"svc", "service"},
        {"sa", "serviceaccount"},
        {"pvc", "persistentvolumeclaim"},
        {"pv", "persistentvolume"},
        {"ns", "namespace"},
        {"ing", "ingress"},
        {"netpol", "networkpolicy"},
        {"cj", "cronjob"},
        {"hpa", "horizontalpodautoscaler"},
        {"pdb", "poddisruptionbudget"},
        {"sc", "storageclass"},
        {"crd", "customresourcedefinition"},
        {"ep", "endpoints"},
        {"limits", "limitrange"},
        {"quota", "resourcequota"},
        {"pc", "priorityclass"},
    };
    const std::string text = base::to_lower(written);
    const size_t dot = text.find('.');
    name_ = text.substr(0, dot);
    if (dot != std::string::npos) group_ = text.substr(dot + 1);
    if (const auto found = kShort.find(name_); found != kShort.end()) name_ = found->second;
  }

  // "deployments.apps" as tarballs name it, and the object's kind "Deployment".
  bool matches(std::string_view group_resource, const std::string& kind) const {
    const size_t dot = group_resource.find('.');
    const std::string_view plural = group_resource.substr(0, dot);
    const std::string_view group = dot == std::string_view::npos ? "" : group_resource.substr(dot + 1);
    if (!group_.empty() && group_ != group) return false;
    return name_ == plural || name_ == base::to_lower(kind);
  }

 private:
  std::string name_, group_;
};

struct Found {
  std::string backup;
  std::optional<base::Time> started;
  std::string phase, group_resource;
  kube::ObjectName name;
  std::vector<kube::FieldChange> changes;  // against the backup before it that holds the object
  bool first = false;
};

class Finder {
 public:
  Finder(BackupFiles& files, KindName kind, std::string name, std::string name_space)
      : files_(files), kind_(std::move(kind)), name_(std::move(name)), name_space_(std::move(name_space)) {}

  // Newest first.
  std::vector<Found> run() {
    auto backups = files_.backups();
    std::stable_sort(backups.begin(), backups.end(), [](const auto& a, const auto& b) {
      return a.status.start_timestamp < b.status.start_timestamp;
    });
    for (const auto& backup : backups) {
      if (may_hold(backup.metadata.name())) look_into(backup);
    }
    std::reverse(found_.begin(), found_.end());
    return std::move(found_);
  }
  // Backups that could not be read: name, why.
  const std::vector<std::pair<std::string, std::string>>& failures() const { return failures_; }

 private:
  // By the list of names, which is much smaller than the tarball; old backups have none.
  bool may_hold(const std::string& backup) {
    try {
      const auto list = files_.resource_list(backup);
      if (!list) return true;
      // By name alone: what a plural is called the list does not tell.
      for (const auto& [key, names] : list->entries()) {
        if (std::any_of(names.begin(), names.end(),
                        [&](const std::string& entry) { return is_wanted(entry); }))
          return true;
      }
      return false;
    } catch (const base::Error& error) {
      if (error.code() == base::ErrorCode::kCancelled) throw;
      return true;
    }
  }

  bool is_wanted(const std::string& entry) const {
    const size_t slash = entry.find('/');
    const std::string name_space = slash == std::string::npos ? "" : entry.substr(0, slash);
    return (slash == std::string::npos ? entry : entry.substr(slash + 1)) == name_ &&
           (name_space_.empty() || name_space == name_space_);
  }

  void look_into(const velero::Backup& backup) {
    std::map<std::pair<std::string, kube::ObjectName>, Json> objects;
    try {
      files_.scan_contents(
          backup.metadata.name(),
          {.wants =
               [&](const velero::ContentName& entry) {
                 return entry.name == name_ && (name_space_.empty() || entry.name_space == name_space_);
               },
           .object =
               [&](const velero::ContentName& entry, const std::string& content) {
                 Json object = codec::parse_json(content, std::string(entry.name));
                 if (!kind_.matches(entry.group_resource, codec::get_string(object, {"kind"}))) return;
                 objects[{std::string(entry.group_resource),
                          {std::string(entry.name_space), std::string(entry.name)}}] = std::move(object);
               }});
    } catch (const base::Error& error) {
      if (error.code() == base::ErrorCode::kCancelled) throw;
      failures_.emplace_back(backup.metadata.name(), error.message());
      return;
    }
    for (auto& [key, object] : objects) {
      Found found{.backup = backup.metadata.name(),
                  .started = backup.status.start_timestamp,
                  .phase = backup.status.phase,
                  .group_resource = key.first,
                  .name = key.second,
                  .changes = {}};
      const auto previous = previous_.find(key);
      found.first = previous == previous_.end();
      if (!found.first) found.changes = compare_objects(previous->second, object, false);
      previous_[key] = std::move(object);
      found_.push_back(std::move(found));
    }
  }

  BackupFiles& files_;
  const KindName kind_;
  const std::string name_, name_space_;
  std::map<std::pair<std::string, kube::ObjectName>, Json> previous_;
  std::vector<Found> found_;
  std::vector<std::pair<std::string, std::string>> failures_;
};

std::string change_text(const Found& found) {
  if (found.first) return "first";
  if (found.changes.empty()) return "same";
  std::string text = found.changes.front().path;
  if (found.changes.size() > 1) text += fmt::format(" and {} more", found.changes.size() - 1);
  return "changed: " + text;
}

void print_table(const CommandContext& context, const std::vector<Found>& all) {
  Table table({"BACKUP", "CREATED", "STATUS", "RESOURCE", "NAMESPACE", "CHANGE"});
  for (const auto& found : all) {
    table.add_row({found.backup, time_text(found.started), found.phase, found.group_resource,
                   found.name.name_space, change_text(found)});
  }
  context.print(table.to_string());
}

Json json_of(const std::vector<Found>& all,
             const std::vector<std::pair<std::string, std::string>>& failures) {
  Json backups = Json::array(), failed = Json::array();
  for (const auto& found : all) {
    Json entry{{"backup", found.backup}};
    if (found.started) entry["started"] = base::format_rfc3339(*found.started);
    entry["phase"] = found.phase;
    entry["resource"] = found.group_resource;
    if (!found.name.name_space.empty()) entry["namespace"] = found.name.name_space;
    entry["name"] = found.name.name;
    entry["change"] = found.first ? "first" : found.changes.empty() ? "same" : "changed";
    if (!found.changes.empty()) entry["changes"] = kube::to_json(found.changes);
    backups.push_back(std::move(entry));
  }
  for (const auto& [backup, why] : failures) failed.push_back({{"backup", backup}, {"error", why}});
  return {{"backups", std::move(backups)}, {"failures", std::move(failed)}};
}

void find(CommandContext& context, const FindFlags& flags, const Arguments& arguments) {
  if (!flags.format.empty() && flags.format != "table" && flags.format != "json")
    base::fail(base::ErrorCode::kInvalidArgument,
               "invalid output format \"{}\" - valid values are 'table' and 'json'", flags.format);
  const size_t slash = arguments[0].find('/');
  if (slash == std::string::npos || slash == 0 || slash + 1 == arguments[0].size())
    base::fail(base::ErrorCode::kInvalidArgument, "\"{}\" is no KIND/NAME, such as deployment/web",
               arguments[0]);
  context.flags.name_space = flags.server_namespace;
  BackupFiles files(context, flags.access.options());
  Finder finder(files, KindName(arguments[0].substr(0, slash)), arguments[0].substr(slash + 1),
                flags.name_space);
  const auto found = finder.run();
  for (const auto& [backup, why] : finder.failures())
    std::fputs(fmt::format("cannot look into backup \"{}\": {}\n", backup, why).c_str(), context.err);
  if (flags.format == "json") {
    context.print(codec::to_json(json_of(found, finder.failures()), 2, false) + "\n");
  } else if (!found.empty()) {
    print_table(context, found);
  }
  if (!finder.failures().empty()) context.exit_code = kFailed;
  if (found.empty())
    base::fail(base::ErrorCode::kNotFound, "{} is in no backup{}", arguments[0],
               finder.failures().empty() ? "" : " that could be read");
}

}  // namespace

Command find_command() {
  return {
      .name = "find",
      .summary =
          "Find the backups that hold an object\n\nThe newest backup comes first. CHANGE tells whether the "
          "object differs from what the backup before it holds, fields that change by themselves apart. "
          "Exits with 1 when no backup holds it.",
      .usage = "KIND/NAME [flags]",
      .examples = R"(# Which backups hold the deployment "web" of namespace "shop"?
{} find deployment/web -n shop

# Without a cluster, straight from the bucket.
{} find --bucket s3:https://s3.example.com/backups/velero secret/pg-secret -o json)",
      .min_arguments = 1,
      .max_arguments = 1,
      .define = with_flags<FindFlags>(find)};
}

}  // namespace salvor::cli
