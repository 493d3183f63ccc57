#include "cli/redaction.h"

#include <array>

#include "base/text.h"

namespace salvor::cli {
namespace {

using codec::Json;

constexpr char kRedacted[] = "<redacted>";
constexpr std::array kTelling = {"password",   "passwd",    "secret",    "token",
                                 "credential", "accesskey", "privatekey"};
// kubectl writes the whole object there, Secrets' data included.
constexpr char kLastApplied[] = "kubectl.kubernetes.io/last-applied-configuration";

bool tells_a_secret(std::string name) {
  std::erase_if(name, [](char c) { return c == '_' || c == '-' || c == '.'; });
  name = base::to_lower(name);
  // A name of a Secret is no secret.
  if (name.ends_with("secretname") || name.ends_with("credentialsfile")) return false;
  return std::any_of(kTelling.begin(), kTelling.end(),
                     [&](const char* word) { return name.find(word) != std::string::npos; });
}

void redact_values(Json& members) {
  for (auto& [key, value] : members.items()) value = kRedacted;
}

void redact_inside(Json& value) {
  if (value.is_array()) {
    for (auto& element : value) redact_inside(element);
    return;
  }
  if (!value.is_object()) return;
  // {"name": "PASSWORD", "value": "..."}: an environment variable.
  if (value.contains("name") && value.contains("value") && value["value"].is_string())
    value["value"] = kRedacted;
  for (auto& [key, member] : value.items()) {
    if (key == kLastApplied || (member.is_string() && tells_a_secret(key)))
      member = kRedacted;
    else
      redact_inside(member);
  }
}

}  // namespace

void redact(Json& object) {
  if (codec::get_string(object, {"kind"}) == "Secret") {
    for (const char* group : {"data", "stringData"})
      if (object.contains(group) && object[group].is_object()) redact_values(object[group]);
  }
  redact_inside(object);
}

}  // namespace salvor::cli
