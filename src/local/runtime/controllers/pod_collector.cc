#include "local/runtime/controllers/pod_collector.h"

#include "base/error.h"

namespace salvor::local {

namespace resources = kube::resources;
using codec::get_string;

std::vector<Controller::Trigger> PodCollector::triggers() {
  return {on_self(resources::kPods)};
}

std::optional<std::chrono::milliseconds> PodCollector::reconcile(const ObjectName& key) {
  const auto pod = client().get(resources::kPods, key, context_.cancel);
  if (!pod) return std::nullopt;
  const std::string node = get_string(*pod, {"spec", "nodeName"});
  if (node.empty() || node == context_.node_name) return std::nullopt;
  if (client().get(resources::kNodes, {"", node}, context_.cancel)) return std::nullopt;
  context_.logger.info("pod {} is removed: its node {} does not exist", key.to_string(), node);
  try {
    client().raw("DELETE", kube::object_path(resources::kPods, key),
                 Json{{"gracePeriodSeconds", 0}, {"preconditions", {{"uid", kube::uid_of(*pod)}}}}.dump(),
                 "application/json", context_.cancel);
  } catch (const base::Error& error) {
    if (error.code() != base::ErrorCode::kNotFound && error.code() != base::ErrorCode::kConflict) throw;
  }
  return std::nullopt;
}

}  // namespace salvor::local
