#include "local/api/pod_admission.h"

#include <fmt/format.h>

#include "local/api/api_error.h"
#include "local/api/json_paths.h"

namespace salvor::local {

namespace {

constexpr const char* kTokenPath = "/var/run/secrets/kubernetes.io/serviceaccount";
constexpr const char* kVolumePrefix = "kube-api-access-";

Json token_volume(const std::string& name) {
  return {{"name", name},
          {"projected",
           {{"defaultMode", 0644},
            {"sources",
             Json::array({{{"serviceAccountToken", {{"expirationSeconds", 3607}, {"path", "token"}}}},
                          {{"configMap",
                            {{"name", "kube-root-ca.crt"},
                             {"items", Json::array({{{"key", "ca.crt"}, {"path", "ca.crt"}}})}}}},
                          {{"downwardAPI",
                            {{"items", Json::array({{{"path", "namespace"},
                                                     {"fieldRef",
                                                      {{"apiVersion", "v1"},
                                                       {"fieldPath", "metadata.namespace"}}}}})}}}}})}}}};
}

Json& list_in(Json& object, const char* member) {
  Json& list = object[member];
  if (!list.is_array()) list = Json::array();
  return list;
}

bool mounts_token(const Json& container) {
  const Json mounts = value_at(container, "volumeMounts");
  return std::any_of(mounts.begin(), mounts.end(),
                     [](const Json& mount) { return string_at(mount, "mountPath") == kTokenPath; });
}

std::string token_volume_name(const Json& spec) {
  for (const Json& volume : value_at(spec, "volumes")) {
    if (const std::string name = string_at(volume, "name"); name.starts_with(kVolumePrefix)) return name;
  }
  return "";
}

void mount_token(Json& spec, base::Random& random) {
  const std::string existing = token_volume_name(spec);
  const std::string name = existing.empty() ? kVolumePrefix + random.name_suffix() : existing;
  bool mounted = false;
  for (const char* member : {"initContainers", "containers"}) {
    if (!spec.contains(member) || !spec[member].is_array()) continue;
    for (Json& container : spec[member]) {
      if (mounts_token(container)) continue;
      list_in(container, "volumeMounts")
          .push_back({{"name", name}, {"readOnly", true}, {"mountPath", kTokenPath}});
      mounted = true;
    }
  }
  if (mounted && existing.empty()) list_in(spec, "volumes").push_back(token_volume(name));
}

}  // namespace

void admit_service_account(StateStore& store, base::Random& random, const Kind& pods, Json& pod) {
  Json& spec = make_path(pod, "spec");
  const std::string name = string_at(spec, "serviceAccountName");
  const std::string name_space = string_at(pod, "metadata.namespace");
  const auto stored = store.get({"serviceaccounts", name_space, name});
  if (!stored && name != "default") {
    throw api_errors::forbidden(
        pods, string_at(pod, "metadata.name"),
        fmt::format("error looking up service account {}/{}: serviceaccount \"{}\" not found", name_space,
                    name, name));
  }
  const Json account = stored ? Json::parse(stored->body) : Json::object();
  if (value_at(spec, "imagePullSecrets").empty() && !value_at(account, "imagePullSecrets").empty())
    spec["imagePullSecrets"] = account["imagePullSecrets"];
  const Json *own = at_path(spec, "automountServiceAccountToken"),
             *general = at_path(account, "automountServiceAccountToken");
  const Json* said = own != nullptr && own->is_boolean() ? own : general;
  if (said != nullptr && *said == false) return;
  mount_token(spec, random);
}

}  // namespace salvor::local
