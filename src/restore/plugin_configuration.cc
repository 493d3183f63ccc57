#include "restore/plugin_configuration.h"

#include <charconv>

#include "base/error.h"
#include "codec/yaml.h"
#include "kube/pod_command.h"
#include "velero/constants.h"

namespace salvor::restore {
namespace {

using codec::Json;

constexpr const char* kActions[] = {"change-storage-class", "change-image-name", "change-pvc-node-selector",
                                    "pod-volume-restore"};

template <typename... Args>
[[noreturn]] void invalid(std::string_view action, fmt::format_string<Args...> format, Args&&... args) {
  base::fail(base::ErrorCode::kInvalidArgument, "configuration of velero.io/{}: {}", action,
             fmt::format(format, std::forward<Args>(args)...));
}

std::map<std::string, std::string> texts(std::string_view action, const Json& data) {
  std::map<std::string, std::string> result;
  for (const auto& [key, value] : data.items()) {
    if (!value.is_string()) invalid(action, "the value of \"{}\" is no string", key);
    result[key] = value.get<std::string>();
  }
  return result;
}

std::vector<std::pair<std::string, std::string>> image_parts(const Json& data) {
  std::vector<std::pair<std::string, std::string>> parts;
  for (const auto& [key, value] : texts("change-image-name", data)) {
    const size_t comma = value.find(',');
    if (comma == std::string::npos || comma == 0 || value.find(',', comma + 1) != std::string::npos)
      invalid("change-image-name", "\"{}\" of \"{}\" must be OLD,NEW", value, key);
    parts.emplace_back(value.substr(0, comma), value.substr(comma + 1));
  }
  return parts;
}

std::int64_t number(const std::string& key, const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    invalid("pod-volume-restore", "\"{}\" of {} is no number", text, key);
  return value;
}

WaitContainer parse_wait_container(const Json& data) {
  WaitContainer container;
  Json security = Json::object();
  for (const auto& [key, value] : texts("pod-volume-restore", data)) {
    if (key == "image") {
      container.image = value;
    } else if (key == "command") {
      container.command = kube::parse_annotated_command(value);
    } else if (key == "cpuRequest") {
      container.cpu_request = value;
    } else if (key == "memRequest") {
      container.memory_request = value;
    } else if (key == "cpuLimit") {
      container.cpu_limit = value;
    } else if (key == "memLimit") {
      container.memory_limit = value;
    } else if (key == "secCtxRunAsUser") {
      security["runAsUser"] = number(key, value);
    } else if (key == "secCtxRunAsGroup") {
      security["runAsGroup"] = number(key, value);
    } else if (key == "secCtxAllowPrivilegeEscalation") {
      if (value != "true" && value != "false") invalid("pod-volume-restore", "{} must be true or false", key);
      security["allowPrivilegeEscalation"] = value == "true";
    } else if (key == "secCtx") {
      const auto documents = codec::parse_yaml(value, "secCtx");
      if (documents.size() != 1 || !documents[0].is_object())
        invalid("pod-volume-restore", "secCtx must be one mapping");
      for (const auto& [name, member] : documents[0].items()) security[name] = member;
    } else {
      invalid("pod-volume-restore", "unknown key \"{}\"", key);
    }
  }
  if (!security.empty()) container.security_context = std::move(security);
  return container;
}

}  // namespace

PluginConfiguration PluginConfiguration::from_data(const std::map<std::string, Json>& data) {
  PluginConfiguration configuration;
  for (const auto& [action, values] : data) {
    if (action == "change-storage-class") configuration.storage_classes = texts(action, values);
    if (action == "change-image-name") configuration.images = image_parts(values);
    if (action == "change-pvc-node-selector") configuration.nodes = texts(action, values);
    if (action == "pod-volume-restore") configuration.wait_container = parse_wait_container(values);
  }
  return configuration;
}

PluginConfiguration load_plugin_configuration(kube::Client& client, const std::string& name_space,
                                              const base::CancelToken& cancel) {
  std::map<std::string, Json> data;
  for (const Json& object : client.list(kube::resources::kConfigMaps, name_space,
                                        {.label_selector = velero::label::kPluginConfig}, cancel)) {
    const auto labels = kube::labels_of(object);
    for (const char* action : kActions) {
      const auto kind = labels.find(std::string("velero.io/") + action);
      if (kind == labels.end() || kind->second != "RestoreItemAction") continue;
      if (data.contains(action)) invalid(action, "there are two config maps for it");
      const Json* const values = codec::find(object, {"data"});
      data[action] = values != nullptr && values->is_object() ? *values : Json::object();
    }
  }
  return PluginConfiguration::from_data(data);
}

}  // namespace salvor::restore
