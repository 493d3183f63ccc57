#include "server/events.h"

namespace salvor::server {

using codec::Json;

namespace {
// What the API server takes for a message.
constexpr size_t kMostMessage = 1024;
}  // namespace

void EventRecorder::record(const Json& about, Type type, const std::string& reason,
                           const std::string& message) {
  const auto name = kube::name_of(about), name_space = kube::namespace_of(about);
  const auto now = base::format_rfc3339(clock_.now());
  const Json event = {
      {"apiVersion", "v1"},
      {"kind", "Event"},
      {"metadata",
       {{"name", name.substr(0, 200) + "." + random_.uuid().substr(0, 13)}, {"namespace", name_space}}},
      {"involvedObject",
       {{"kind", codec::get_string(about, {"kind"})},
        {"namespace", name_space},
        {"name", name},
        {"uid", kube::uid_of(about)},
        {"apiVersion", codec::get_string(about, {"apiVersion"})},
        {"resourceVersion", kube::resource_version_of(about)}}},
      {"reason", reason},
      {"message", message.substr(0, kMostMessage)},
      {"source", {{"component", "salvor"}, {"host", host_}}},
      {"firstTimestamp", now},
      {"lastTimestamp", now},
      {"count", 1},
      {"type", type == Type::kNormal ? "Normal" : "Warning"},
      {"reportingComponent", "salvor.io/server"},
      {"reportingInstance", host_}};
  try {
    client_.create(kube::resources::kEvents, event);
  } catch (const std::exception& error) {
    logger_.warning("cannot record event {} of {} \"{}\": {}", reason, codec::get_string(about, {"kind"}),
                    name, base::describe(error));
  }
}

EventRecorder::Type event_type_of_phase(const std::string& phase) {
  const bool bad = phase.find("Failed") != std::string::npos || phase == "Unavailable" ||
                   phase == "NotReady" || phase == "Canceling" || phase == "Canceled";
  return bad ? EventRecorder::Type::kWarning : EventRecorder::Type::kNormal;
}

}  // namespace salvor::server
