#include "local/runtime/pod_volumes.h"

#include <sys/stat.h>
#include <unistd.h>

#include <system_error>

#include "base/error.h"
#include "base/file.h"
#include "codec/hash.h"
#include "local/runtime/csi/csi_driver.h"

namespace salvor::local {
namespace {

namespace fs = std::filesystem;
using base::ErrorCode;
using base::fail;
using codec::find;
using codec::get_string;
using codec::Json;

void link_to(const fs::path& link, const fs::path& target) {
  std::error_code ignored;
  fs::create_directories(link.parent_path());
  if (fs::is_symlink(link) && fs::read_symlink(link, ignored) == target) return;
  fs::remove_all(link, ignored);
  fs::create_directory_symlink(target, link);
}

// As kubelet: the group owns everything and may do what the owner may; new files inherit the group.
void give_to_group(const fs::path& root, gid_t group, bool only_if_root_differs) {
  struct stat status {};
  if (::stat(root.c_str(), &status) != 0) return;
  const bool root_matches =
      status.st_gid == group && (status.st_mode & S_ISGID) && (status.st_mode & S_IRWXG) == S_IRWXG;
  if (only_if_root_differs && root_matches) return;
  const auto give = [&](const fs::path& path) {
    struct stat entry {};
    if (::lstat(path.c_str(), &entry) != 0 || ::lchown(path.c_str(), static_cast<uid_t>(-1), group) != 0)
      return;
    if (S_ISLNK(entry.st_mode)) return;
    const mode_t extra = S_ISDIR(entry.st_mode) ? S_IRWXG | S_ISGID : S_IRGRP | S_IWGRP;
    ::chmod(path.c_str(), (entry.st_mode | extra) & 07777);
  };
  std::error_code error;
  for (fs::recursive_directory_iterator entry(root, error), end; !error && entry != end;
       entry.increment(error)) {
    give(entry->path());
  }
  give(root);  // last: a walk that was cut short begins again
}

std::string host_path_directory(const Json& source, const KubeletView& view) {
  const std::string path = view.resolve(get_string(source, {"path"}));
  const std::string type = get_string(source, {"type"});
  if (type == "DirectoryOrCreate" || type == "FileOrCreate") {
    std::error_code ignored;
    fs::create_directories(type == "FileOrCreate" ? fs::path(path).parent_path() : fs::path(path), ignored);
    if (type == "FileOrCreate" && !fs::exists(path)) base::write_file_atomic(path, "");
  }
  return path;
}

fs::path kubelet_name(std::string_view plugin, const std::string& name) {
  return fs::path(fmt::format("kubernetes.io~{}", plugin)) / name;
}

bool has_token(const Json& volume) {
  const Json* sources = find(volume, {"projected", "sources"});
  if (sources == nullptr || !sources->is_array()) return false;
  return std::any_of(sources->begin(), sources->end(),
                     [](const Json& source) { return source.contains("serviceAccountToken"); });
}

// The user that all containers run as; nullopt when they differ or one does not say.
std::optional<uid_t> common_user(const Json& pod) {
  const Json* general = find(pod, {"spec", "securityContext", "runAsUser"});
  std::optional<uid_t> common;
  for (const char* member : {"initContainers", "containers"}) {
    for (const auto& container : pod.at("spec").value(member, Json::array())) {
      const Json* own = find(container, {"securityContext", "runAsUser"});
      const Json* user = own != nullptr ? own : general;
      if (user == nullptr || !user->is_number()) return std::nullopt;
      if (common && *common != user->get<uid_t>()) return std::nullopt;
      common = user->get<uid_t>();
    }
  }
  return common;
}

}  // namespace

std::string pod_field(const Json& pod, const std::string& path) {
  const size_t bracket = path.find("['");
  if (bracket != std::string::npos && path.ends_with("']")) {
    const std::string member = path.substr(0, bracket);
    const std::string key = path.substr(bracket + 2, path.size() - bracket - 4);
    const auto values = member == "metadata.labels" ? kube::labels_of(pod) : kube::annotations_of(pod);
    const auto found = values.find(key);
    return found == values.end() ? "" : found->second;
  }
  if (path == "metadata.labels" || path == "metadata.annotations") {
    std::string text;
    for (const auto& [key, value] :
         path == "metadata.labels" ? kube::labels_of(pod) : kube::annotations_of(pod)) {
      text += key + "=" + Json(value).dump() + "\n";
    }
    return text;
  }
  if (path == "status.podIPs") return get_string(pod, {"status", "podIP"});
  if (path == "status.hostIPs") return get_string(pod, {"status", "hostIP"});
  const size_t dot = path.find('.');
  if (dot == std::string::npos) fail(ErrorCode::kInvalidArgument, "unknown field \"{}\" of a pod", path);
  return get_string(pod, {path.substr(0, dot), path.substr(dot + 1)});
}

fs::path PodVolumes::directory(const Json& pod, std::string_view plugin, const std::string& name) const {
  return pods_directory_ / kube::uid_of(pod) / "volumes" / kubelet_name(plugin, name);
}

std::map<std::string, PodVolume> PodVolumes::prepare(const Json& pod, const base::CancelToken& cancel) {
  std::map<std::string, PodVolume> result;
  const Json* volumes = find(pod, {"spec", "volumes"});
  fs::create_directories(pods_directory_ / kube::uid_of(pod) / "volumes");
  if (volumes == nullptr || !volumes->is_array()) return result;
  for (const auto& volume : *volumes) {
    const std::string name = get_string(volume, {"name"});
    try {
      PodVolume prepared = prepare_one(pod, volume, cancel);
      if (!volume.contains("hostPath")) give_to_group_of(pod, prepared);
      if (!prepared.kubelet_name.empty()) view_.show(kube::uid_of(pod), prepared.kubelet_name, prepared.path);
      result.emplace(name, std::move(prepared));
    } catch (base::Error& error) {
      error.add_context(fmt::format("volume \"{}\"", name));
      throw;
    } catch (const fs::filesystem_error& error) {
      fail(ErrorCode::kInternal, "volume \"{}\": {}", name, error.what());
    }
  }
  return result;
}

void PodVolumes::give_to_group_of(const Json& pod, const PodVolume& volume) {
  const Json* group = find(pod, {"spec", "securityContext", "fsGroup"});
  if (group == nullptr || !group->is_number() || volume.read_only) return;
  const bool on_mismatch =
      get_string(pod, {"spec", "securityContext", "fsGroupChangePolicy"}) == "OnRootMismatch";
  give_to_group(volume.path, group->get<gid_t>(), on_mismatch);
}

PodVolume PodVolumes::prepare_one(const Json& pod, const Json& volume, const base::CancelToken& cancel) {
  const std::string name = get_string(volume, {"name"});
  if (const Json* claim = find(volume, {"persistentVolumeClaim"})) {
    PodVolume result = claim_volume(pod, get_string(*claim, {"claimName"}), cancel);
    result.read_only = claim->value("readOnly", false);
    return result;
  }
  if (volume.contains("ephemeral")) return claim_volume(pod, kube::name_of(pod) + "-" + name, cancel);
  if (const Json* source = find(volume, {"hostPath"})) {
    const std::string path = host_path_directory(*source, view_);
    if (!fs::exists(path)) {
      fail(ErrorCode::kNotFound, "host path \"{}\" does not exist", get_string(*source, {"path"}));
    }
    return {path, false, {}};
  }
  if (volume.contains("emptyDir")) {
    const fs::path path = directory(pod, "empty-dir", name);
    fs::create_directories(path);
    ::chmod(path.c_str(), 0777);
    return {path, false, kubelet_name("empty-dir", name)};
  }
  return file_volume(pod, volume, cancel);
}

std::string PodVolumes::file_plugin(const Json& volume) {
  for (const auto& [member, plugin] :
       {std::pair{"configMap", "configmap"}, std::pair{"secret", "secret"},
        std::pair{"projected", "projected"}, std::pair{"downwardAPI", "downward-api"}}) {
    if (volume.contains(member)) return plugin;
  }
  return "";
}

PodVolumes::Files PodVolumes::files_of(const Json& pod, const Json& volume, const base::CancelToken& cancel) {
  const std::string name_space = kube::namespace_of(pod);
  Files files;
  const auto mode_of = [](const Json& source) { return source.value("defaultMode", 0644); };
  if (const Json* source = find(volume, {"configMap"})) {
    add_object_files(kube::resources::kConfigMaps, name_space, get_string(*source, {"name"}), *source,
                     mode_of(*source), files, cancel);
  } else if (const Json* secret = find(volume, {"secret"})) {
    add_object_files(kube::resources::kSecrets, name_space, get_string(*secret, {"secretName"}), *secret,
                     mode_of(*secret), files, cancel);
  } else if (const Json* projected = find(volume, {"projected"})) {
    for (const auto& part : projected->value("sources", Json::array())) {
      add_projected(pod, part, mode_of(*projected), files, cancel);
    }
  } else if (const Json* downward = find(volume, {"downwardAPI"})) {
    add_projected(pod, {{"downwardAPI", *downward}}, mode_of(*downward), files, cancel);
  }
  return files;
}

// Those whose files are written here.
PodVolume PodVolumes::file_volume(const Json& pod, const Json& volume, const base::CancelToken& cancel) {
  const std::string plugin = file_plugin(volume), name = get_string(volume, {"name"});
  if (plugin.empty()) {
    std::string kind = "none";
    for (const auto& [key, value] : volume.items()) kind = key != "name" ? key : kind;
    fail(ErrorCode::kUnsupported, "volumes of kind \"{}\" cannot be mounted on this machine", kind);
  }
  const fs::path path = directory(pod, plugin, name);
  write_versioned(path, files_of(pod, volume, cancel));
  return {path, false, kubelet_name(plugin, name)};
}

// A file is this entry of the volume's directory, or below it.
bool PodVolumes::is_of(const Files& files, const std::string& entry) {
  return std::any_of(files.begin(), files.end(), [&](const auto& file) {
    return file.first == entry || file.first.starts_with(entry + "/");
  });
}

bool PodVolumes::is_current(const fs::path& directory, const Files& files) {
  for (const auto& [name, file] : files) {
    if (base::read_file_if_exists(directory / "..data" / name) != file.content) return false;
  }
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with("..") && !is_of(files, name)) return false;
  }
  return true;
}

// As kubelet's atomic writer: files in a versioned directory, "..data" points at it, names point through
// "..data". Containers that have the directory mounted see all old files or all new ones.
void PodVolumes::write_versioned(const fs::path& directory, const Files& files) {
  std::error_code ignored;
  fs::create_directories(directory);
  const fs::path link = directory / "..data";
  const fs::path old = fs::read_symlink(link, ignored);
  const fs::path version = old == "..1" ? "..2" : "..1";
  fs::remove_all(directory / version, ignored);
  fs::create_directories(directory / version);
  for (const auto& [name, file] : files) {
    const fs::path path = directory / version / name;
    fs::create_directories(path.parent_path());
    base::write_file_atomic(path, file.content, file.mode);
    ::chmod(path.c_str(), static_cast<mode_t>(file.mode));
    if (file.owner) ::chown(path.c_str(), *file.owner, static_cast<gid_t>(-1));
    const std::string top = name.substr(0, name.find('/'));
    if (!fs::exists(fs::symlink_status(directory / top)))
      fs::create_symlink(fs::path("..data") / top, directory / top);
  }
  for (const auto& entry : fs::directory_iterator(directory)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with("..") && !is_of(files, name)) fs::remove(entry.path(), ignored);
  }
  const fs::path next = directory / "..data_next";
  fs::remove(next, ignored);
  fs::create_directory_symlink(version, next);
  fs::rename(next, link);
  if (!old.empty()) fs::remove_all(directory / old, ignored);
}

PodVolume PodVolumes::claim_volume(const Json& pod, const std::string& claim,
                                   const base::CancelToken& cancel) {
  const std::string name_space = kube::namespace_of(pod);
  const Json object = client_.require(kube::resources::kPersistentVolumeClaims, {name_space, claim}, cancel);
  if (get_string(object, {"status", "phase"}) != "Bound") {
    fail(ErrorCode::kUnavailable, "PersistentVolumeClaim \"{}\" is not bound", claim);
  }
  const std::string volume_name = get_string(object, {"spec", "volumeName"});
  const Json volume = client_.require(kube::resources::kPersistentVolumes, {"", volume_name}, cancel);
  std::string plugin, path, place = volume_name;
  if (const Json* csi = find(volume, {"spec", "csi"});
      csi != nullptr && get_string(*csi, {"driver"}) == kCsiDriver) {
    plugin = "csi";
    place += "/mount";
    path = get_string(*csi, {"volumeAttributes", "path"});
  } else if (const Json* local = find(volume, {"spec", "local"})) {
    plugin = "local-volume";
    path = get_string(*local, {"path"});
  } else if (const Json* host = find(volume, {"spec", "hostPath"})) {
    plugin = "host-path";
    path = host_path_directory(*host, view_);
  } else {
    fail(ErrorCode::kUnsupported,
         "PersistentVolume \"{}\" cannot be mounted on this machine: it is neither local nor hostPath nor of "
         "driver {}",
         volume_name, kCsiDriver);
  }
  if (!fs::is_directory(path)) {
    fail(ErrorCode::kNotFound, "directory \"{}\" of PersistentVolume \"{}\" does not exist", path,
         volume_name);
  }
  link_to(directory(pod, plugin, place), path);
  return {path, false, kubelet_name(plugin, place)};
}

void PodVolumes::add_object_files(const kube::GroupVersionResource& kind, const std::string& name_space,
                                  const std::string& name, const Json& source, int mode, Files& files,
                                  const base::CancelToken& cancel) {
  const bool optional = source.value("optional", false);
  const bool secret = kind == kube::resources::kSecrets;
  const auto object = client_.get(kind, {name_space, name}, cancel);
  if (!object) {
    if (optional) return;
    fail(ErrorCode::kNotFound, "{} \"{}\" not found", secret ? "secret" : "configmap", name);
  }
  std::map<std::string, std::string> data;
  const auto add = [&](const char* member, bool encoded) {
    const Json* values = find(*object, {member});
    if (values == nullptr || !values->is_object()) return;
    for (const auto& [key, value] : values->items()) {
      const std::string text = value.get<std::string>();
      data[key] = encoded ? codec::from_base64(text).value_or("") : text;
    }
  };
  add("data", secret);
  if (!secret) add("binaryData", true);
  const Json* items = find(source, {"items"});
  if (items == nullptr || !items->is_array() || items->empty()) {
    for (auto& [key, value] : data) files[key] = {std::move(value), mode};
    return;
  }
  for (const auto& item : *items) {
    const std::string key = get_string(item, {"key"});
    const auto found = data.find(key);
    if (found != data.end()) {
      files[get_string(item, {"path"})] = {found->second, item.value("mode", mode)};
    } else if (!optional) {
      fail(ErrorCode::kNotFound, "{} \"{}\" has no key \"{}\"", secret ? "secret" : "configmap", name, key);
    }
  }
}

void PodVolumes::add_projected(const Json& pod, const Json& source, int mode, Files& files,
                               const base::CancelToken& cancel) {
  const std::string name_space = kube::namespace_of(pod);
  if (const Json* map = find(source, {"configMap"})) {
    add_object_files(kube::resources::kConfigMaps, name_space, get_string(*map, {"name"}), *map, mode, files,
                     cancel);
  } else if (const Json* secret = find(source, {"secret"})) {
    add_object_files(kube::resources::kSecrets, name_space, get_string(*secret, {"name"}), *secret, mode,
                     files, cancel);
  } else if (const Json* downward = find(source, {"downwardAPI"})) {
    for (const auto& item : downward->value("items", Json::array())) {
      const std::string field = get_string(item, {"fieldRef", "fieldPath"});
      if (field.empty())
        fail(ErrorCode::kUnsupported, "only fieldRef items of downwardAPI volumes are supported");
      files[get_string(item, {"path"})] = {pod_field(pod, field), item.value("mode", mode)};
    }
  } else if (const Json* token = find(source, {"serviceAccountToken"})) {
    add_token(pod, *token, mode, files, cancel);
  }
}

void PodVolumes::add_token(const Json& pod, const Json& source, int mode, Files& files,
                           const base::CancelToken& cancel) {
  std::string account = get_string(pod, {"spec", "serviceAccountName"});
  if (account.empty()) account = "default";
  Json request{{"apiVersion", "authentication.k8s.io/v1"},
               {"kind", "TokenRequest"},
               {"spec",
                {{"expirationSeconds", source.value("expirationSeconds", 3600)},
                 {"boundObjectRef",
                  {{"apiVersion", "v1"},
                   {"kind", "Pod"},
                   {"name", kube::name_of(pod)},
                   {"uid", kube::uid_of(pod)}}}}}};
  if (const std::string audience = get_string(source, {"audience"}); !audience.empty())
    request["spec"]["audiences"] = Json::array({audience});
  const Json answer = codec::parse_json(
      client_.raw(
          "POST",
          fmt::format("/api/v1/namespaces/{}/serviceaccounts/{}/token", kube::namespace_of(pod), account),
          request.dump(), "application/json", cancel),
      "token");
  const bool own_group = find(pod, {"spec", "securityContext", "fsGroup"}) != nullptr;
  const auto user = common_user(pod);
  files[get_string(source, {"path"})] = {get_string(answer, {"status", "token"}),
                                         own_group || user ? 0600 : mode, user};
}

std::optional<std::chrono::seconds> PodVolumes::token_life(const Json& pod) {
  std::optional<std::chrono::seconds> shortest;
  for (const auto& volume : pod.at("spec").value("volumes", Json::array())) {
    const Json* sources = find(volume, {"projected", "sources"});
    if (sources == nullptr || !sources->is_array()) continue;
    for (const auto& source : *sources) {
      const Json* token = find(source, {"serviceAccountToken"});
      if (token == nullptr) continue;
      const std::chrono::seconds life(token->value("expirationSeconds", 3600) * 4 / 5);
      shortest = std::min(shortest.value_or(life), life);
    }
  }
  return shortest;
}

std::optional<std::chrono::seconds> PodVolumes::renew_tokens(const Json& pod,
                                                             const base::CancelToken& cancel) {
  const auto life = token_life(pod);
  if (!life) return life;
  for (const auto& volume : pod.at("spec").value("volumes", Json::array())) {
    if (has_token(volume)) give_to_group_of(pod, file_volume(pod, volume, cancel));
  }
  return life;
}

void PodVolumes::refresh(const Json& pod, const base::CancelToken& cancel) {
  for (const auto& volume : pod.at("spec").value("volumes", Json::array())) {
    const std::string plugin = file_plugin(volume);
    if (plugin.empty() || has_token(volume)) continue;
    const fs::path path = directory(pod, plugin, get_string(volume, {"name"}));
    const Files files = files_of(pod, volume, cancel);
    if (is_current(path, files)) continue;
    write_versioned(path, files);
    give_to_group_of(pod, {path, false, {}});
  }
}

void PodVolumes::remove(const std::string& pod_uid) {
  if (pod_uid.empty() || pod_uid.find('/') != std::string::npos) return;
  view_.hide(pod_uid);
  std::error_code ignored;
  fs::remove_all(pods_directory_ / pod_uid, ignored);  // does not follow the links to PersistentVolumes
}

std::vector<std::string> PodVolumes::known_pods() const {
  std::vector<std::string> result;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(pods_directory_, error)) {
    result.push_back(entry.path().filename().string());
  }
  return result;
}

}  // namespace salvor::local
