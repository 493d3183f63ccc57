#include "local/runtime/container_spec.h"

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <system_error>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "codec/hash.h"
#include "local/runtime/container_capabilities.h"

namespace salvor::local {
namespace {

namespace fs = std::filesystem;
using base::ErrorCode;
using base::fail;
using codec::find;
using codec::get_string;
using codec::Json;
using Variables = std::map<std::string, std::string>;

// What deploy/image makes.
constexpr const char* kImageProgram = "/usr/bin/salvor";
constexpr uid_t kImageUser = 65532;

constexpr const char* kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// The data of a ConfigMap or a decoded Secret; nullopt when it is not there.
std::optional<Variables> object_data(kube::Client& client, const kube::GroupVersionResource& kind,
                                     const kube::ObjectName& name, const base::CancelToken& cancel) {
  const auto object = client.get(kind, name, cancel);
  if (!object) return std::nullopt;
  Variables data;
  const Json* values = find(*object, {"data"});
  if (values == nullptr || !values->is_object()) return data;
  for (const auto& [key, value] : values->items()) {
    const std::string text = value.get<std::string>();
    data[key] = kind == kube::resources::kSecrets ? codec::from_base64(text).value_or("") : text;
  }
  return data;
}

class EnvironmentBuilder {
 public:
  EnvironmentBuilder(const ContainerContext& context, kube::Client& client, const base::CancelToken& cancel)
      : context_(context), client_(client), cancel_(cancel) {}

  Variables build(const Json& container) {
    Variables variables = service_variables(context_.api);
    for (const auto& source : container.value("envFrom", Json::array())) {
      const std::string prefix = get_string(source, {"prefix"});
      for (const auto& [member, kind] : {std::pair{"configMapRef", kube::resources::kConfigMaps},
                                         std::pair{"secretRef", kube::resources::kSecrets}}) {
        const Json* reference = find(source, {member});
        if (reference == nullptr) continue;
        for (const auto& [key, value] : data(kind, *reference)) variables[prefix + key] = value;
      }
    }
    for (const auto& entry : container.value("env", Json::array())) {
      const std::string name = get_string(entry, {"name"});
      const Json* from = find(entry, {"valueFrom"});
      if (from == nullptr) {
        variables[name] = expand_variables(get_string(entry, {"value"}), variables);
      } else if (auto value = value_from(*from)) {
        variables[name] = *value;
      }
    }
    return variables;
  }

 private:
  Variables data(const kube::GroupVersionResource& kind, const Json& reference) {
    const std::string name = get_string(reference, {"name"});
    auto found = object_data(client_, kind, {kube::namespace_of(context_.pod), name}, cancel_);
    if (found) return *found;
    if (reference.value("optional", false)) return {};
    fail(ErrorCode::kNotFound, "{} \"{}\" not found",
         kind == kube::resources::kSecrets ? "secret" : "configmap", name);
  }

  std::optional<std::string> value_from(const Json& from) {
    if (const Json* field = find(from, {"fieldRef"})) {
      const std::string path = get_string(*field, {"fieldPath"});
      if (path == "status.podIP" || path == "status.podIPs") return context_.pod_ip;
      return pod_field(context_.pod, path);
    }
    for (const auto& [member, kind] : {std::pair{"configMapKeyRef", kube::resources::kConfigMaps},
                                       std::pair{"secretKeyRef", kube::resources::kSecrets}}) {
      const Json* reference = find(from, {member});
      if (reference == nullptr) continue;
      const Variables values = data(kind, *reference);
      const std::string key = get_string(*reference, {"key"});
      if (const auto found = values.find(key); found != values.end()) return found->second;
      if (reference->value("optional", false)) return std::nullopt;
      fail(ErrorCode::kNotFound, "\"{}\" has no key \"{}\"", get_string(*reference, {"name"}), key);
    }
    fail(ErrorCode::kUnsupported, "environment from {} is not supported on this machine", from.dump());
  }

  const ContainerContext& context_;
  kube::Client& client_;
  const base::CancelToken& cancel_;
};

// securityContext of the container wins over the pod's.
template <typename T>
std::optional<T> security(const Json& pod, const Json& container, const char* name) {
  for (const Json* context : {find(container, {"securityContext"}), find(pod, {"spec", "securityContext"})}) {
    if (context == nullptr) continue;
    const auto value = context->find(name);
    if (value != context->end() && !value->is_null()) return value->template get<T>();
  }
  return std::nullopt;
}

// Velero's helper in a restored pod is this program; its image is nothing that runs here.
bool is_restore_helper(const Json& container) {
  const std::string image = get_string(container, {"image"});
  const std::string name = get_string(container, {"name"});
  const Json* command = find(container, {"command"});
  const bool helper_command = command != nullptr && !command->empty() &&
                              command->at(0).get<std::string>().ends_with("restore-helper");
  return (name == "restore-wait" || name == "restic-wait") &&
         (helper_command || image.find("restore-helper") != std::string::npos ||
          image.find("salvor") != std::string::npos || image.find("velero") != std::string::npos);
}

void set_user(const Json& pod, const Json& container, ContainerLaunch& launch, std::string& home) {
  // What no image says: root. This program's image says its user.
  const bool own = is_own_image(get_string(container, {"image"})) && !is_restore_helper(container);
  launch.uid = security<uid_t>(pod, container, "runAsUser").value_or(own ? kImageUser : 0);
  if (launch.uid == 0 && security<bool>(pod, container, "runAsNonRoot").value_or(false)) {
    fail(ErrorCode::kInvalidArgument,
         "container has runAsNonRoot and image will run as root (pod: \"{}/{}\", container: {})",
         kube::namespace_of(pod), kube::name_of(pod), get_string(container, {"name"}));
  }
  passwd entry{};
  passwd* known = nullptr;
  char buffer[4096];
  ::getpwuid_r(launch.uid, &entry, buffer, sizeof buffer, &known);
  home = known != nullptr ? known->pw_dir : "/";
  if (launch.uid == 0) home = "/root";
  const auto group = security<gid_t>(pod, container, "runAsGroup");
  launch.gid = group.value_or(known != nullptr ? known->pw_gid : launch.uid == 0 ? 0 : launch.uid);
  launch.groups.push_back(launch.gid);
  const Json* context = find(pod, {"spec", "securityContext"});
  if (context == nullptr) return;
  if (const Json* group_of_files = find(*context, {"fsGroup"});
      group_of_files && group_of_files->is_number()) {
    launch.groups.push_back(group_of_files->get<gid_t>());
  }
  for (const auto& more : context->value("supplementalGroups", Json::array())) {
    launch.groups.push_back(more.get<gid_t>());
  }
}

// The machine's users, and an entry for a user that it does not know: initdb and ssh refuse to run without.
std::string passwd_file(const ContainerLaunch& launch, const std::string& home) {
  std::string text = base::read_file_if_exists("/etc/passwd").value_or("root:x:0:0:root:/root:/bin/bash\n");
  for (const auto& line : base::split(text, '\n')) {
    const auto fields = base::split(line, ':');
    if (fields.size() > 2 && fields[2] == std::to_string(launch.uid)) return text;
  }
  return text + fmt::format("user{0}:x:{0}:{1}::{2}:/bin/bash\n", launch.uid, launch.gid, home);
}

std::string group_file(const ContainerLaunch& launch) {
  std::string text = base::read_file_if_exists("/etc/group").value_or("root:x:0:\n");
  for (const auto& line : base::split(text, '\n')) {
    const auto fields = base::split(line, ':');
    if (fields.size() > 2 && fields[2] == std::to_string(launch.gid)) return text;
  }
  return text + fmt::format("group{0}:x:{0}:\n", launch.gid);
}

std::string hosts_file(const ContainerContext& context) {
  const Json& pod = context.pod;
  std::string text =
      "# written for this pod\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";
  text += fmt::format("{}\t{}\n", context.pod_ip, pod_hostname(pod));
  if (context.api.port != 0) {
    text +=
        fmt::format("{}\tkubernetes.default.svc kubernetes.default kubernetes.default.svc.cluster.local\n",
                    context.api.host);
  }
  const Json* aliases = find(pod, {"spec", "hostAliases"});
  if (aliases == nullptr || !aliases->is_array()) return text;
  for (const auto& alias : *aliases) {
    text += get_string(alias, {"ip"});
    for (const auto& name : alias.value("hostnames", Json::array())) text += "\t" + name.get<std::string>();
    text += "\n";
  }
  return text;
}

fs::path sub_path(const fs::path& volume, const std::string& sub) {
  const fs::path relative = fs::path(sub).lexically_normal();
  if (relative.is_absolute() || relative.string().starts_with("..")) {
    fail(ErrorCode::kInvalidArgument, "subPath \"{}\" leaves the volume", sub);
  }
  const fs::path path = volume / relative;
  if (fs::exists(path)) return path;
  fs::create_directories(path);
  struct stat status {};
  if (::stat(volume.c_str(), &status) == 0) {
    ::chown(path.c_str(), status.st_uid, status.st_gid);
    ::chmod(path.c_str(), status.st_mode & 07777);
  }
  return path;
}

void add_mounts(const ContainerContext& context, const Json& container, const Variables& variables,
                ContainerLaunch& launch) {
  for (const auto& mount : container.value("volumeMounts", Json::array())) {
    const std::string name = get_string(mount, {"name"});
    const auto volume = context.volumes.find(name);
    if (volume == context.volumes.end()) fail(ErrorCode::kNotFound, "the pod has no volume \"{}\"", name);
    std::string sub = get_string(mount, {"subPath"});
    if (sub.empty()) sub = expand_variables(get_string(mount, {"subPathExpr"}), variables);
    const fs::path source = sub.empty() ? volume->second.path : sub_path(volume->second.path, sub);
    const std::string propagation = get_string(mount, {"mountPropagation"});
    std::string target = fs::path("/" + get_string(mount, {"mountPath"})).lexically_normal().string();
    if (target.size() > 1 && target.ends_with('/')) target.pop_back();
    launch.root.mounts.push_back({fs::canonical(source).string(), target,
                                  volume->second.read_only || mount.value("readOnly", false),
                                  propagation == "HostToContainer" || propagation == "Bidirectional"});
  }
}

std::vector<std::string> expanded(const Json& container, const char* member, const Variables& variables) {
  std::vector<std::string> result;
  for (const auto& text : container.value(member, Json::array())) {
    result.push_back(expand_variables(text.get<std::string>(), variables));
  }
  return result;
}

void set_arguments(const Json& container, const Variables& variables, ContainerLaunch& launch) {
  if (is_restore_helper(container)) {
    launch.own_binary = true;
    launch.argv = {"salvor", "restore-helper"};
  } else {
    launch.argv = expanded(container, "command", variables);
    if (is_own_image(get_string(container, {"image"}))) {
      launch.root.own_binary = {kImageProgram, "/usr/bin/velero"};
      if (launch.argv.empty()) launch.argv = {kImageProgram};
    }
    if (launch.argv.empty() && get_string(container, {"image"}).find("pause") != std::string::npos) {
      launch.argv = {"sleep", "infinity"};
      return;
    }
    if (launch.argv.empty()) {
      fail(ErrorCode::kUnsupported,
           "container \"{}\" has no command: images are not pulled on this machine, a pod runs its programs\n"
           "hint: say the image's entrypoint in \"command\"",
           get_string(container, {"name"}));
    }
  }
  for (auto& argument : expanded(container, "args", variables)) launch.argv.push_back(std::move(argument));
}

}  // namespace

std::string expand_variables(const std::string& text, const Variables& variables) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '$' || i + 1 == text.size()) {
      result += text[i];
    } else if (text[i + 1] == '$') {
      result += '$';
      ++i;
    } else if (const size_t end = text[i + 1] == '(' ? text.find(')', i) : std::string::npos;
               end != std::string::npos) {
      const auto found = variables.find(text.substr(i + 2, end - i - 2));
      result += found != variables.end() ? found->second : text.substr(i, end - i + 1);
      i = end;
    } else {
      result += '$';
    }
  }
  return result;
}

bool is_own_image(const std::string& image) {
  std::string name = image.substr(0, image.find('@'));
  if (const size_t slash = name.rfind('/'); slash != std::string::npos) name.erase(0, slash + 1);
  return name.substr(0, name.find(':')) == "salvor";
}

std::string pod_hostname(const Json& pod) {
  std::string name = get_string(pod, {"spec", "hostname"});
  if (name.empty()) name = kube::name_of(pod);
  return name.substr(0, 63);
}

std::string pod_address(const std::string& pod_uid) {
  const auto digest = codec::sha256(pod_uid);
  return fmt::format("10.88.{}.{}", digest[0], 1 + digest[1] % 254);
}

ContainerLaunch make_container_launch(const ContainerContext& context, const Json& container,
                                      kube::Client& client, const base::CancelToken& cancel) {
  ContainerLaunch launch;
  std::string home;
  set_user(context.pod, container, launch, home);
  const Variables own = EnvironmentBuilder(context, client, cancel).build(container);
  Variables variables{{"PATH", kDefaultPath}, {"HOME", home}, {"HOSTNAME", pod_hostname(context.pod)}};
  for (const auto& [name, value] : own) variables[name] = value;
  for (const auto& [name, value] : variables) launch.environment.push_back(name + "=" + value);
  set_arguments(container, own, launch);
  launch.directory = get_string(container, {"workingDir"});
  launch.capabilities = container_capabilities(container);
  const Json* escalation = find(container, {"securityContext", "allowPrivilegeEscalation"});
  launch.no_new_privileges = escalation != nullptr && escalation->is_boolean() && !escalation->get<bool>();

  launch.root.staging = context.staging;
  launch.root.hidden = context.hidden;
  launch.root.read_only = security<bool>(context.pod, container, "readOnlyRootFilesystem").value_or(false);
  launch.root.files = {{"/etc/passwd", passwd_file(launch, home)},
                       {"/etc/group", group_file(launch)},
                       {"/etc/hostname", pod_hostname(context.pod) + "\n"},
                       {"/etc/hosts", hosts_file(context)}};
  if (auto resolver = base::read_file_if_exists("/etc/resolv.conf")) {
    launch.root.files.emplace_back("/etc/resolv.conf", *resolver);
  }
  add_mounts(context, container, variables, launch);
  return launch;
}

}  // namespace salvor::local
