#include "cli/cli_test_support.h"

#include <cstdio>
#include <cstdlib>

#include "base/text.h"
#include "cli/command_line.h"
#include "codec/yaml.h"
#include "kube/selector.h"
#include "net/url.h"

namespace salvor::cli {
namespace {

using codec::Json;

const std::filesystem::path kGolden = std::filesystem::path(SALVOR_SOURCE_DIR) / "tests/golden/velero";

std::string resource_of(const std::string& kind) {
  std::string plural = base::to_lower(kind);
  if (plural.ends_with('y')) return plural.substr(0, plural.size() - 1) + "ies";
  return plural + "s";
}

void send_json(net::ServerReply& reply, int status, const Json& body) {
  reply.send(status, {{"Content-Type", "application/json"}}, body.dump());
}

void send_status(net::ServerReply& reply, int code, const std::string& reason, const std::string& message) {
  send_json(reply, code,
            {{"kind", "Status"},
             {"apiVersion", "v1"},
             {"status", "Failure"},
             {"reason", reason},
             {"message", message},
             {"code", code}});
}

std::string query_value(const std::string& query, const std::string& key) {
  for (const auto& pair : base::split(query, '&')) {
    if (pair.starts_with(key + "=")) return net::percent_decode(pair.substr(key.size() + 1));
  }
  return "";
}

std::string contents_of(std::FILE* file) {
  std::fflush(file);
  std::string text(static_cast<size_t>(std::ftell(file)), '\0');
  std::rewind(file);
  text.resize(std::fread(text.data(), 1, text.size(), file));
  return text;
}

}  // namespace

std::string golden(const std::string& name) {
  return base::read_file(kGolden / "cli" / name);
}

std::vector<Json> golden_objects(const std::string& kind) {
  const auto path = kGolden / "cluster/velero-objects.yaml";
  const Json list = codec::parse_yaml(base::read_file(path), path.string()).at(0);
  std::vector<Json> found;
  for (const auto& object : list.at("items")) {
    if (codec::get_string(object, {"kind"}) == kind) found.push_back(object);
  }
  return found;
}

Json golden_object(const std::string& kind, const std::string& name) {
  for (const auto& object : golden_objects(kind)) {
    if (kube::name_of(object) == name) return object;
  }
  throw std::runtime_error("no golden " + kind + " " + name);
}

FakeApi::FakeApi() {
  server_ = std::make_unique<net::HttpServer>(
      net::ServerOptions{},
      [this](const net::ServerRequest& request, net::ServerReply& reply) { handle(request, reply); });
  base::write_file_atomic(kubeconfig(),
                          fmt::format("apiVersion: v1\nkind: Config\ncurrent-context: c\n"
                                      "clusters: [{{name: k, cluster: {{server: 'http://127.0.0.1:{}'}}}}]\n"
                                      "contexts: [{{name: c, context: {{cluster: k, user: u}}}}]\n"
                                      "users: [{{name: u, user: {{}}}}]\n",
                                      server_->port()));
}

FakeApi::~FakeApi() = default;

void FakeApi::add(const Json& object) {
  std::lock_guard lock(mutex_);
  objects_[resource_of(codec::get_string(object, {"kind"}))][kube::name_of(object)] = object;
}

std::optional<Json> FakeApi::find(const std::string& resource, const std::string& name) const {
  std::lock_guard lock(mutex_);
  const auto kind = objects_.find(resource);
  if (kind == objects_.end()) return std::nullopt;
  const auto object = kind->second.find(name);
  return object == kind->second.end() ? std::nullopt : std::optional(object->second);
}

std::vector<Json> FakeApi::all(const std::string& resource) const {
  std::lock_guard lock(mutex_);
  std::vector<Json> found;
  if (const auto kind = objects_.find(resource); kind != objects_.end()) {
    for (const auto& [name, object] : kind->second) found.push_back(object);
  }
  return found;
}

void FakeApi::handle(const net::ServerRequest& request, net::ServerReply& reply) {
  // /apis/velero.io/v1/namespaces/NS/RESOURCE[/NAME]
  const auto parts = base::split(request.path.substr(1), '/');
  if (parts.size() < 6 || parts[1] != "velero.io" || parts[3] != "namespaces") {
    send_status(reply, 404, "NotFound", "the server could not find the requested resource");
    return;
  }
  const std::string& resource = parts[5];
  const std::string name = parts.size() > 6 ? parts[6] : "";
  std::lock_guard lock(mutex_);
  auto& kind = objects_[resource];
  if (name.empty() && request.method == "GET") {
    const auto selector = kube::LabelSelector::parse(query_value(request.query, "labelSelector"));
    Json items = Json::array();
    for (const auto& [key, object] : kind) {
      if (selector.matches(kube::labels_of(object))) items.push_back(object);
    }
    send_json(
        reply, 200,
        {{"kind", "List"}, {"apiVersion", "velero.io/v1"}, {"metadata", Json::object()}, {"items", items}});
    return;
  }
  if (name.empty() && request.method == "POST") {
    Json object = Json::parse(request.body);
    const std::string created = kube::name_of(object);
    if (kind.contains(created)) {
      send_status(reply, 409, "AlreadyExists",
                  fmt::format("{}.velero.io \"{}\" already exists", resource, created));
      return;
    }
    object["metadata"]["uid"] = "uid-" + created;
    kind[created] = object;
    send_json(reply, 201, object);
    return;
  }
  if (!kind.contains(name)) {
    send_status(reply, 404, "NotFound", fmt::format("{}.velero.io \"{}\" not found", resource, name));
    return;
  }
  Json& object = kind[name];
  if (request.method == "PUT") object = Json::parse(request.body);
  if (request.method == "PATCH") object.merge_patch(Json::parse(request.body));
  const Json answer = object;
  if (request.method == "DELETE") kind.erase(name);
  send_json(reply, 200, answer);
}

CommandResult run_command(const FakeApi* api, std::vector<std::string> words, const base::Clock* clock) {
  const base::SystemClock system;
  base::SeededRandom random(1);
  CommandContext context(clock == nullptr ? system : *clock, random, {});
  context.out = std::tmpfile();
  context.err = std::tmpfile();
  if (api != nullptr) {
    words.insert(words.begin(), {"--kubeconfig", api->kubeconfig()});
  } else {
    words.insert(words.begin(), {"--kubeconfig", "/nonexistent/kubeconfig"});
  }
  CommandResult result;
  result.code = run_command_line(context, std::move(words));
  result.out = contents_of(context.out);
  result.err = contents_of(context.err);
  std::fclose(context.out);
  std::fclose(context.err);
  return result;
}

}  // namespace salvor::cli
