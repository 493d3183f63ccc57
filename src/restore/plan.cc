#include "restore/plan.h"

namespace salvor::restore {

codec::Json to_json(const PlannedObject& object) {
  codec::Json json{{"action", object.action}, {"resource", object.group_resource}};
  const auto text = [&](const char* name, const std::string& value) {
    if (!value.empty()) json[name] = value;
  };
  text("apiVersion", object.api_version);
  text("kind", object.kind);
  text("namespace", object.to.name_space);
  text("name", object.to.name);
  if (object.from != object.to && !object.from.name.empty()) {
    json["from"] = codec::Json::object();
    if (!object.from.name_space.empty()) json["from"]["namespace"] = object.from.name_space;
    json["from"]["name"] = object.from.name;
  }
  text("reason", object.reason);
  if (!object.changes.empty()) json["changes"] = kube::to_json(object.changes);
  return json;
}

}  // namespace salvor::restore
