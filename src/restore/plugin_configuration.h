// What users tell the built-in actions of a restore by config maps in the server's namespace. Each is found
// by two labels: velero.io/plugin-config, and the action's name with the value RestoreItemAction. Values.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/cancel.h"
#include "codec/json.h"
#include "kube/client.h"

namespace salvor::restore {

// The init container that waits for volume data: velero.io/pod-volume-restore.
struct WaitContainer {
  std::string image;  // empty: the pod's own, or the server's helper image
  std::vector<std::string> command;
  std::string cpu_request = "100m", memory_request = "128Mi", cpu_limit = "100m", memory_limit = "128Mi";
  std::optional<codec::Json> security_context;
};

struct PluginConfiguration {
  std::map<std::string, std::string> storage_classes;       // velero.io/change-storage-class: old -> new
  std::vector<std::pair<std::string, std::string>> images;  // velero.io/change-image-name: part -> new part
  std::map<std::string, std::string> nodes;                 // velero.io/change-pvc-node-selector: old -> new
  WaitContainer wait_container;

  // Of the config maps' data, by action name ("change-storage-class"). Throws kInvalidArgument naming the
  // action for what cannot be understood.
  static PluginConfiguration from_data(const std::map<std::string, codec::Json>& data);
};

// Throws kInvalidArgument, also for two config maps of one action.
PluginConfiguration load_plugin_configuration(kube::Client& client, const std::string& name_space,
                                              const base::CancelToken& cancel);

}  // namespace salvor::restore
