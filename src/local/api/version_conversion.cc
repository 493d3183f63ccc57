#include "local/api/version_conversion.h"

#include "codec/hash.h"
#include "local/api/json_paths.h"

namespace salvor::local {

namespace {

struct Renamed {
  const char *core, *events;
};

constexpr Renamed kEventFields[] = {
    {"involvedObject", "regarding"},
    {"message", "note"},
    {"source", "deprecatedSource"},
    {"firstTimestamp", "deprecatedFirstTimestamp"},
    {"lastTimestamp", "deprecatedLastTimestamp"},
    {"count", "deprecatedCount"},
    {"reportingComponent", "reportingController"},
};

Json rename(const Json& event, bool to_core) {
  Json renamed = Json::object();
  for (const auto& [key, value] : event.items()) {
    std::string name = key;
    for (const Renamed& field : kEventFields) {
      if (key == (to_core ? field.events : field.core)) name = to_core ? field.core : field.events;
    }
    renamed[name] = value;
  }
  return renamed;
}

Json autoscaler_to_v1(Json object) {
  Json* metrics = at_path(object, "spec.metrics");
  if (metrics == nullptr) return object;
  for (const Json& metric : *metrics) {
    if (string_at(metric, "resource.name") == "cpu" &&
        string_at(metric, "resource.target.type") == "Utilization") {
      set_path(object, "spec.targetCPUUtilizationPercentage",
               integer_at(metric, "resource.target.averageUtilization"));
    }
  }
  erase_path(object, "spec.metrics");
  erase_path(object, "spec.behavior");
  erase_path(object, "status.currentMetrics");
  erase_path(object, "status.conditions");
  return object;
}

Json autoscaler_to_v2(Json object) {
  const Json percentage = value_at(object, "spec.targetCPUUtilizationPercentage");
  erase_path(object, "spec.targetCPUUtilizationPercentage");
  erase_path(object, "status.currentCPUUtilizationPercentage");
  set_path(object, "spec.metrics",
           Json::array({{{"type", "Resource"},
                         {"resource",
                          {{"name", "cpu"},
                           {"target",
                            {{"type", "Utilization"},
                             {"averageUtilization", percentage.is_null() ? Json(80) : percentage}}}}}}}));
  return object;
}

}  // namespace

Json convert_to_served(const Kind& kind, Json stored) {
  if (kind.storage == "events") return rename(stored, false);
  if (kind.group == "autoscaling" && kind.version == "v1") return autoscaler_to_v1(std::move(stored));
  return stored;
}

Json convert_to_stored(const Kind& kind, Json served) {
  if (kind.storage == "events") return rename(served, true);
  if (kind.group == "autoscaling" && kind.version == "v1") return autoscaler_to_v2(std::move(served));
  return served;
}

void merge_string_data(Json& secret) {
  const Json strings = secret["stringData"];
  secret.erase("stringData");
  if (!strings.is_object()) return;
  Json& data = make_path(secret, "data");
  if (!data.is_object()) data = Json::object();
  for (const auto& [key, value] : strings.items()) {
    data[key] = codec::to_base64(value.is_string() ? value.get<std::string>() : "");
  }
}

}  // namespace salvor::local
