// What a node agent counts about its orders, by Velero's names (velero.md section 10). Pure but for the
// Metrics that it is given; thread-safe.
#pragma once

#include <string>

#include "server/metrics.h"
#include "velero/pod_volume_types.h"

namespace salvor::server {

// So that the series of a node are there before its first order.
void init_pod_volume_metrics(Metrics& metrics, const std::string& node);

// The node was given a PodVolumeBackup, and is through with it.
void count_enqueued(Metrics& metrics, const std::string& node);
void count_dequeued(Metrics& metrics, const std::string& node);
// How data was moved, by the phase in which the order ended, and, of a backup that is saved, how long it
// took.
void count_outcome(Metrics& metrics, const std::string& node, const velero::PodVolumeBackup& order);
void count_outcome(Metrics& metrics, const std::string& node, const velero::PodVolumeRestore& order);
// Of an order that is deleted: series of its own must not stay for ever.
void forget_latency(Metrics& metrics, const std::string& node, const velero::PodVolumeBackup& order);

}  // namespace salvor::server
