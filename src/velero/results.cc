#include "velero/results.h"

#include "base/error.h"

namespace salvor::velero {
namespace {

codec::Json write(const Result& result) {
  codec::Json json = codec::Json::object();
  if (!result.velero.empty()) json["velero"] = result.velero;
  if (!result.cluster.empty()) json["cluster"] = result.cluster;
  for (const auto& [name_space, messages] : result.namespaces) {
    if (!messages.empty()) json["namespaces"][name_space] = messages;
  }
  return json;
}

std::vector<std::string> read_messages(const codec::Json& json) {
  if (json.is_null()) return {};
  if (!json.is_array()) base::fail(base::ErrorCode::kCorrupt, "results: expected a list of messages");
  std::vector<std::string> messages;
  for (const auto& message : json) {
    if (!message.is_string()) base::fail(base::ErrorCode::kCorrupt, "results: a message is not a string");
    messages.push_back(message.get<std::string>());
  }
  return messages;
}

Result read(const codec::Json& json, std::string_view name) {
  Result result;
  const codec::Json* part = codec::find(json, {name});
  if (!part || part->is_null()) return result;
  if (const auto* messages = codec::find(*part, {"velero"})) result.velero = read_messages(*messages);
  if (const auto* messages = codec::find(*part, {"cluster"})) result.cluster = read_messages(*messages);
  if (const auto* namespaces = codec::find(*part, {"namespaces"}); namespaces && namespaces->is_object()) {
    for (const auto& [name_space, messages] : namespaces->items())
      result.namespaces[name_space] = read_messages(messages);
  }
  return result;
}

void append(std::vector<std::string>& to, const std::vector<std::string>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

}  // namespace

void Result::add(const std::string& name_space, std::string message) {
  (name_space.empty() ? cluster : namespaces[name_space]).push_back(std::move(message));
}

void Result::merge(const Result& other) {
  append(velero, other.velero);
  append(cluster, other.cluster);
  for (const auto& [name_space, messages] : other.namespaces) append(namespaces[name_space], messages);
}

size_t Result::count() const {
  size_t sum = velero.size() + cluster.size();
  for (const auto& [name_space, messages] : namespaces) sum += messages.size();
  return sum;
}

codec::Json Results::to_json() const {
  codec::Json json = codec::Json::object();
  json["errors"] = write(errors);
  json["warnings"] = write(warnings);
  return json;
}

Results Results::from_json(const codec::Json& json) {
  if (!json.is_object()) base::fail(base::ErrorCode::kCorrupt, "results: expected an object");
  return {.errors = read(json, "errors"), .warnings = read(json, "warnings")};
}

}  // namespace salvor::velero
