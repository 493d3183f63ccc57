#include "server/overlap.h"

namespace salvor::server {

namespace phase = velero::phase;

namespace {

std::vector<std::string> included_namespaces(const Json& backup) {
  std::vector<std::string> result;
  const auto* list = codec::find(backup, {"spec", "includedNamespaces"});
  if (list == nullptr || !list->is_array()) return result;
  for (const auto& name : *list)
    if (name.is_string()) result.push_back(name.get<std::string>());
  return result;
}

}  // namespace

bool is_at_work(const std::string& name) {
  return name == phase::kInProgress || name == phase::kFinalizing ||
         name == phase::kFinalizingPartiallyFailed || name == phase::kWaitingForPluginOperations ||
         name == phase::kWaitingForPluginOperationsPartiallyFailed;
}

std::string overlapping_elsewhere(const Context& context, const velero::Backup& backup,
                                  const base::CancelToken& cancel) {
  std::vector<std::pair<std::string, std::string>> found;  // name, owner
  context.client.list_raw(
      velero::resources::kBackups, context.options.name_space, {},
      [&](std::string_view raw) {
        const auto other = codec::parse_json(raw, "backup");
        if (!is_at_work(codec::get_string(other, {"status", "phase"})) ||
            kube::name_of(other) == backup.metadata.name() ||
            !namespaces_overlap(backup.spec.included_namespaces, included_namespaces(other)))
          return;
        const auto annotations = kube::annotations_of(other);
        const auto owner = annotations.find(velero::salvor_annotation::kServer);
        if (owner != annotations.end() && owner->second != context.presence.identity())
          found.emplace_back(kube::name_of(other), owner->second);
      },
      [&] { found.clear(); }, cancel);
  for (const auto& [name, owner] : found)
    if (context.presence.is_alive(owner, cancel)) return name;
  return "";
}

}  // namespace salvor::server
