// What a restore changes in an object before it creates it: one table of small functions, each named after
// the kinds it is for. A new rule is one function in actions/ and one line in built_in_item_actions. Pure:
// they see the object and the context; what they ask of the cluster comes in as a function.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "codec/json.h"
#include "kube/object.h"
#include "restore/plugin_configuration.h"

namespace salvor::restore {

using codec::Json;

// An object of the backup that another one needs first.
struct AdditionalItem {
  std::string group_resource;  // "persistentvolumeclaims"
  kube::ObjectName name;       // in the backup's namespaces, not the target's
};

struct ActionContext {
  const std::map<std::string, std::string>& namespace_mapping;
  std::optional<bool> preserve_node_ports;
  // Volumes of a pod, named by its backed-up namespace and name, that have file-system backups.
  std::function<std::vector<std::string>(const kube::ObjectName& pod)> volumes_with_data;
  std::string restore_uid;
  // Image of the init container that waits for volume data, with a program /velero-restore-helper. Empty: the
  // pod's own image and its /bin/sh, so that no further image is needed.
  std::string helper_image;
  const PluginConfiguration* configuration = nullptr;  // null: none
  // Whether the target cluster has a StorageClass; null: all.
  std::function<bool(const std::string& name)> has_storage_class;

  std::string map_namespace(const std::string& name) const {
    const auto mapped = namespace_mapping.find(name);
    return mapped == namespace_mapping.end() ? name : mapped->second;
  }
};

struct ActionResult {
  std::vector<AdditionalItem> additional;
  bool skip = false;  // do not restore this object
  std::string skip_reason;
};

struct ItemAction {
  std::string name;
  std::vector<std::string> group_resources;  // that it is for
  // `item` still has its backed-up namespace. Throws kInvalidArgument for an object it cannot handle.
  std::function<void(Json& item, const ActionContext& context, ActionResult& result)> run;
};

// In the order in which they run.
const std::vector<ItemAction>& built_in_item_actions();

// Runs all that are for the resource.
ActionResult run_item_actions(const std::string& group_resource, Json& item, const ActionContext& context);

}  // namespace salvor::restore
