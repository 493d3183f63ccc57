#include "server/pod_volume_metrics.h"

#include <fmt/format.h>

#include <chrono>

#include "velero/backup_types.h"
#include "velero/constants.h"

namespace salvor::server {

namespace {

constexpr char kEnqueued[] = "podVolume_pod_volume_backup_enqueue_count";
constexpr char kDequeued[] = "podVolume_pod_volume_backup_dequeue_count";
constexpr char kLatency[] = "podVolume_pod_volume_operation_latency_seconds";
constexpr char kLatencyGauge[] = "podVolume_pod_volume_operation_latency_seconds_gauge";

Metrics::Labels of_node(const std::string& node) {
  return {{"node", node}};
}

std::string outcome_counter(const std::string& direction, const std::string& outcome) {
  return fmt::format("podVolume_data_{}_{}_total", direction, outcome);
}

void count_end(Metrics& metrics, const std::string& node, const std::string& direction,
               const std::string& phase) {
  const auto* outcome = phase == velero::phase::kCompleted  ? "success"
                        : phase == velero::phase::kFailed   ? "failure"
                        : phase == velero::phase::kCanceled ? "cancel"
                                                            : nullptr;
  if (outcome != nullptr) metrics.add(outcome_counter(direction, outcome), of_node(node));
}

// The values are composed as Velero composes them.
Metrics::Labels of_order(const std::string& node, const velero::PodVolumeBackup& order) {
  const auto& spec = order.spec;
  const auto name = order.metadata.name();
  const auto* owner = codec::find(order.metadata.fields(), {"ownerReferences"});
  const auto backup = owner && owner->is_array() && !owner->empty()
                          ? codec::get_string(owner->front(), {"name"})
                          : order.metadata.label(velero::label::kBackupName);
  return {{"node", node},
          {"operation", fmt::format("{}-{}-{}-{}-backup", name, spec.backup_storage_location,
                                    spec.pod.name_space, spec.uploader_type)},
          {"backupName", fmt::format("{}/{}", order.metadata.name_space(), backup)},
          {"pod_volume_backup", name}};
}

}  // namespace

void init_pod_volume_metrics(Metrics& metrics, const std::string& node) {
  for (const auto* name : {kEnqueued, kDequeued}) metrics.add(name, of_node(node), 0);
  for (const auto* direction : {"upload", "download"})
    for (const auto* outcome : {"success", "failure", "cancel"})
      metrics.add(outcome_counter(direction, outcome), of_node(node), 0);
}

void count_enqueued(Metrics& metrics, const std::string& node) {
  metrics.add(kEnqueued, of_node(node));
}

void count_dequeued(Metrics& metrics, const std::string& node) {
  metrics.add(kDequeued, of_node(node));
}

void count_outcome(Metrics& metrics, const std::string& node, const velero::PodVolumeBackup& order) {
  const auto& status = order.status;
  count_end(metrics, node, "upload", status.phase);
  if (status.phase != velero::phase::kCompleted || !status.start_timestamp || !status.completion_timestamp)
    return;
  const auto labels = of_order(node, order);
  const auto seconds =
      std::chrono::duration<double>(*status.completion_timestamp - *status.start_timestamp).count();
  metrics.observe(kLatency, labels, seconds);
  metrics.set(kLatencyGauge, labels, seconds);
}

void count_outcome(Metrics& metrics, const std::string& node, const velero::PodVolumeRestore& order) {
  count_end(metrics, node, "download", order.status.phase);
}

void forget_latency(Metrics& metrics, const std::string& node, const velero::PodVolumeBackup& order) {
  const auto labels = of_order(node, order);
  for (const auto* name : {kLatency, kLatencyGauge}) metrics.remove(name, labels);
}

}  // namespace salvor::server
