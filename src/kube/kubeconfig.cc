#include "kube/kubeconfig.h"

#include <cstdlib>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "codec/hash.h"
#include "codec/yaml.h"
#include "kube/exec_credential.h"

namespace salvor::kube {

using base::ErrorCode;
using base::fail;
using codec::Json;
namespace fs = std::filesystem;

namespace {

constexpr auto kTokenRereadPeriod = std::chrono::minutes(1);

const base::Clock& clock_or_system(const base::Clock* clock) {
  static const base::SystemClock system;
  return clock ? *clock : system;
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::string join_host_port(const std::string& host, const std::string& port) {
  return host.find(':') == std::string::npos ? host + ":" + port : "[" + host + "]:" + port;
}

// A token in a file that somebody rotates. Shared by the copies of the TokenSource made of it.
class TokenFile {
 public:
  TokenFile(fs::path path, const base::Clock& clock) : path_(std::move(path)), clock_(clock) {}

  std::string token() {
    std::lock_guard lock(mutex_);
    if (token_.empty() || clock_.now() - read_ >= kTokenRereadPeriod) {
      try {
        token_ = std::string(base::trim(base::read_file(path_)));
        read_ = clock_.now();
      } catch (const base::Error&) {
        if (token_.empty()) throw;  // a file that is just being replaced: the old token still serves
      }
    }
    return token_;
  }
  void forget() {
    std::lock_guard lock(mutex_);
    token_.clear();
  }

 private:
  const fs::path path_;
  const base::Clock& clock_;
  std::mutex mutex_;
  std::string token_;  // guarded by mutex_
  base::Time read_;    // guarded by mutex_
};

void use_token_file(Connection& connection, const fs::path& path, const base::Clock& clock) {
  auto file = std::make_shared<TokenFile>(path, clock);
  connection.token = [file] { return file->token(); };
  connection.renew = [file] { file->forget(); };
}

// A named entry (cluster, user, context) and the file it came from.
struct Entry {
  std::string name;
  Json value;
  fs::path file;

  std::string text(std::string_view key) const {
    const auto* found = codec::find(value, {key});
    if (!found || found->is_null()) return "";
    return found->is_string() ? found->get<std::string>() : found->dump();
  }
  bool flag(std::string_view key) const {
    const auto* found = codec::find(value, {key});
    return found && found->is_boolean() && found->get<bool>();
  }
  fs::path resolve(const std::string& path) const { return file.parent_path() / path; }

  // "KEY-data" decoded, else the content of the file that "KEY" names.
  std::string pem(const std::string& key) const {
    if (const auto data = text(key + "-data"); !data.empty()) {
      auto decoded = codec::from_base64(data);
      if (!decoded)
        fail(ErrorCode::kInvalidArgument, "kubeconfig \"{}\": {}-data of \"{}\" is not base64", file.string(),
             key, name);
      return *decoded;
    }
    const auto path = text(key);
    if (path.empty()) return "";
    try {
      return base::read_file(resolve(path));
    } catch (base::Error& error) {
      error.add_context(fmt::format("kubeconfig \"{}\": {} of \"{}\"", file.string(), key, name));
      throw;
    }
  }
};

// Several files read as one: of each name, and of current-context, the first file's wins.
class Kubeconfig {
 public:
  void add(const fs::path& file, std::string_view text) {
    const auto documents = codec::parse_yaml(text, "kubeconfig \"" + file.string() + "\"");
    files_.push_back(file.string());
    if (documents.empty()) return;
    const auto& root = documents.front();
    if (!root.is_object())
      fail(ErrorCode::kInvalidArgument, "kubeconfig \"{}\" is no mapping", file.string());
    if (current_context_.empty()) current_context_ = codec::get_string(root, {"current-context"});
    add_entries(root, "clusters", "cluster", file, clusters_);
    add_entries(root, "users", "user", file, users_);
    add_entries(root, "contexts", "context", file, contexts_);
  }

  bool empty() const { return files_.empty() || (contexts_.empty() && clusters_.empty()); }
  Connection connection(const std::string& context_name, const base::Clock& clock) const;

 private:
  static void add_entries(const Json& root, const char* list, const char* member, const fs::path& file,
                          std::vector<Entry>& into) {
    const auto* entries = codec::find(root, {list});
    if (!entries || !entries->is_array()) return;
    for (const auto& entry : *entries) {
      const auto name = codec::get_string(entry, {"name"});
      const auto* value = codec::find(entry, {member});
      if (!value || find(into, name)) continue;
      into.push_back({name, *value, file});
    }
  }
  static const Entry* find(const std::vector<Entry>& entries, const std::string& name) {
    for (const auto& entry : entries)
      if (entry.name == name) return &entry;
    return nullptr;
  }
  std::string where() const { return fmt::format("kubeconfig \"{}\"", fmt::join(files_, ":")); }

  std::vector<std::string> files_;
  std::string current_context_;
  std::vector<Entry> clusters_, users_, contexts_;
};

std::vector<std::string> strings(const Json* list) {
  std::vector<std::string> result;
  if (list && list->is_array())
    for (const auto& value : *list)
      result.push_back(value.is_string() ? value.get<std::string>() : value.dump());
  return result;
}

Json exec_cluster_info(const Connection& connection) {
  Json cluster = {{"server", connection.server}};
  if (!connection.tls.server_name.empty()) cluster["tls-server-name"] = connection.tls.server_name;
  if (connection.tls.insecure_skip_verify) cluster["insecure-skip-tls-verify"] = true;
  if (!connection.tls.ca_pem.empty())
    cluster["certificate-authority-data"] = codec::to_base64(connection.tls.ca_pem);
  cluster["config"] = nullptr;
  return cluster;
}

void use_exec(Connection& connection, const Entry& user, const Json& exec, const base::Clock& clock) {
  ExecPlugin plugin;
  plugin.user = user.name;
  plugin.api_version = codec::get_string(exec, {"apiVersion"});
  if (plugin.api_version != "client.authentication.k8s.io/v1" &&
      plugin.api_version != "client.authentication.k8s.io/v1beta1")
    fail(ErrorCode::kUnsupported,
         "kubeconfig \"{}\": exec of user \"{}\" has apiVersion \"{}\", want client.authentication.k8s.io/v1 "
         "or v1beta1",
         user.file.string(), user.name, plugin.api_version);
  auto command = codec::get_string(exec, {"command"});
  if (command.empty())
    fail(ErrorCode::kInvalidArgument, "kubeconfig \"{}\": exec of user \"{}\" has no command",
         user.file.string(), user.name);
  if (command.find('/') != std::string::npos) command = user.resolve(command).string();
  plugin.argv = {command};
  for (auto& argument : strings(codec::find(exec, {"args"}))) plugin.argv.push_back(std::move(argument));
  if (const auto* variables = codec::find(exec, {"env"}); variables && variables->is_array())
    for (const auto& variable : *variables)
      plugin.environment.emplace_back(codec::get_string(variable, {"name"}),
                                      codec::get_string(variable, {"value"}));
  plugin.install_hint = codec::get_string(exec, {"installHint"});
  if (const auto* wanted = codec::find(exec, {"provideClusterInfo"}); wanted && *wanted == true)
    plugin.cluster = exec_cluster_info(connection);
  auto credential = std::make_shared<ExecCredential>(std::move(plugin), clock);
  connection.token = [credential] { return credential->token(); };
  connection.client_certificate = [credential] { return credential->certificate(); };
  connection.renew = [credential] { credential->forget(); };
}

void use_auth_provider(Connection& connection, const Entry& user, const Json& provider) {
  const auto name = codec::get_string(provider, {"name"});
  const auto token = codec::get_string(provider, {"config", "id-token"});
  if (name != "oidc" || token.empty())
    fail(ErrorCode::kUnsupported,
         "kubeconfig \"{}\": user \"{}\" uses auth-provider \"{}\"\nhint: use the provider's exec plugin",
         user.file.string(), user.name, name);
  connection.token = [token] { return token; };
}

void use_impersonation(Connection& connection, const Entry& user) {
  if (const auto as = user.text("as"); !as.empty()) connection.headers.emplace_back("Impersonate-User", as);
  if (const auto uid = user.text("as-uid"); !uid.empty())
    connection.headers.emplace_back("Impersonate-Uid", uid);
  for (auto& group : strings(codec::find(user.value, {"as-groups"})))
    connection.headers.emplace_back("Impersonate-Group", std::move(group));
}

void use_user(Connection& connection, const Entry& user, const base::Clock& clock) {
  connection.tls.client_cert_pem = user.pem("client-certificate");
  connection.tls.client_key_pem = user.pem("client-key");
  if (connection.tls.client_cert_pem.empty() != connection.tls.client_key_pem.empty())
    fail(ErrorCode::kInvalidArgument,
         "kubeconfig \"{}\": user \"{}\" has only one of client-certificate and client-key",
         user.file.string(), user.name);
  use_impersonation(connection, user);
  if (const auto path = user.text("tokenFile"); !path.empty()) {
    use_token_file(connection, user.resolve(path), clock);
  } else if (const auto token = user.text("token"); !token.empty()) {
    connection.token = [token] { return token; };
  } else if (const auto name = user.text("username"); !name.empty()) {
    connection.username = name;
    connection.password = user.text("password");
  } else if (const auto* exec = codec::find(user.value, {"exec"}); exec && exec->is_object()) {
    use_exec(connection, user, *exec, clock);
  } else if (const auto* provider = codec::find(user.value, {"auth-provider"});
             provider && provider->is_object()) {
    use_auth_provider(connection, user, *provider);
  }
}

Connection Kubeconfig::connection(const std::string& context_name, const base::Clock& clock) const {
  Connection result;
  result.context = context_name.empty() ? current_context_ : context_name;
  if (result.context.empty())
    fail(ErrorCode::kInvalidArgument, "{} has no current-context\nhint: kubectl config use-context NAME",
         where());
  const auto* context = find(contexts_, result.context);
  if (!context) {
    std::vector<std::string> names;
    for (const auto& entry : contexts_) names.push_back(entry.name);
    fail(ErrorCode::kInvalidArgument, "{} has no context \"{}\"\nhint: it has {}", where(), result.context,
         names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")));
  }
  const auto cluster_name = context->text("cluster");
  const auto* cluster = find(clusters_, cluster_name);
  if (!cluster)
    fail(ErrorCode::kInvalidArgument, "{}: context \"{}\" names cluster \"{}\", which is not there", where(),
         result.context, cluster_name);
  result.server = cluster->text("server");
  while (result.server.ends_with('/')) result.server.pop_back();
  if (result.server.empty())
    fail(ErrorCode::kInvalidArgument, "{}: cluster \"{}\" has no server", where(), cluster_name);
  if (result.server.find("://") == std::string::npos) result.server = "http://" + result.server;
  if (!cluster->text("proxy-url").empty())
    fail(ErrorCode::kUnsupported, "{}: cluster \"{}\" has a proxy-url\nhint: set HTTPS_PROXY instead",
         where(), cluster_name);
  result.tls.ca_pem = cluster->pem("certificate-authority");
  result.tls.server_name = cluster->text("tls-server-name");
  result.tls.insecure_skip_verify = cluster->flag("insecure-skip-tls-verify");
  result.default_namespace = context->text("namespace");
  if (result.default_namespace.empty()) result.default_namespace = "default";

  if (const auto user_name = context->text("user"); !user_name.empty()) {
    const auto* user = find(users_, user_name);
    if (!user)
      fail(ErrorCode::kInvalidArgument, "{}: context \"{}\" names user \"{}\", who is not there", where(),
           result.context, user_name);
    use_user(result, *user, clock);
  }
  return result;
}

}  // namespace

Connection load_connection(const KubeconfigOptions& options) {
  const auto& clock = clock_or_system(options.clock);
  Kubeconfig config;
  if (!options.path.empty()) {
    config.add(fs::absolute(options.path), base::read_file(options.path));
    return config.connection(options.context, clock);
  }
  auto paths = base::split(environment("KUBECONFIG"), ':');
  if (paths.empty())
    if (const auto home = environment("HOME"); !home.empty()) paths = {home + "/.kube/config"};
  for (const auto& path : paths)
    if (!path.empty())
      if (const auto text = base::read_file_if_exists(path)) config.add(fs::absolute(path), *text);
  if (!config.empty()) return config.connection(options.context, clock);
  if (auto connection = in_cluster_connection("/var/run/secrets/kubernetes.io/serviceaccount", options.clock))
    return *connection;
  fail(ErrorCode::kNotFound, "no kubeconfig: {}\nhint: give --kubeconfig FILE or set KUBECONFIG",
       paths.empty() ? "KUBECONFIG and HOME are not set"
                     : fmt::format("\"{}\" is not there or empty", fmt::join(paths, ":")));
}

std::optional<Connection> in_cluster_connection() {
  return in_cluster_connection("/var/run/secrets/kubernetes.io/serviceaccount");
}

std::optional<Connection> in_cluster_connection(const fs::path& service_account, const base::Clock* clock) {
  const auto host = environment("KUBERNETES_SERVICE_HOST"), port = environment("KUBERNETES_SERVICE_PORT");
  if (host.empty() || port.empty() || !fs::exists(service_account / "token")) return std::nullopt;
  Connection connection;
  connection.server = "https://" + join_host_port(host, port);
  connection.context = "in-cluster";
  connection.tls.ca_pem = base::read_file_if_exists(service_account / "ca.crt").value_or("");
  const auto name_space = base::read_file_if_exists(service_account / "namespace").value_or("default");
  connection.default_namespace = std::string(base::trim(name_space));
  use_token_file(connection, service_account / "token", clock_or_system(clock));
  return connection;
}

}  // namespace salvor::kube
