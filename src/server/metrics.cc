#include "server/metrics.h"

#include <fmt/format.h>

#include <cmath>

namespace salvor::server {

namespace {

const std::vector<double> kDurationBuckets{60, 300, 600, 900, 1800, 3600, 7200, 10800, 14400};

struct Declaration {
  const char *name, *help;
};
// With label schedule.
constexpr Declaration kScheduleCounters[] = {
    {"velero_backup_attempt_total", "Total number of attempted backups"},
    {"velero_backup_success_total", "Total number of successful backups"},
    {"velero_backup_partial_failure_total", "Total number of partially failed backups"},
    {"velero_backup_failure_total", "Total number of failed backups"},
    {"velero_backup_validation_failure_total", "Total number of validation failed backups"},
    {"velero_backup_warning_total", "Total number of warned backups"},
    {"velero_backup_deletion_attempt_total", "Total number of attempted backup deletions"},
    {"velero_backup_deletion_success_total", "Total number of successful backup deletions"},
    {"velero_backup_deletion_failure_total", "Total number of failed backup deletions"},
    {"velero_restore_attempt_total", "Total number of attempted restores"},
    {"velero_restore_validation_failed_total", "Total number of failed restores failing validations"},
    {"velero_restore_success_total", "Total number of successful restores"},
    {"velero_restore_partial_failure_total", "Total number of partially failed restores"},
    {"velero_restore_failed_total", "Total number of failed restores"},
    {"velero_volume_snapshot_attempt_total", "Total number of attempted volume snapshots"},
    {"velero_volume_snapshot_success_total", "Total number of successful volume snapshots"},
    {"velero_volume_snapshot_failure_total", "Total number of failed volume snapshots"},
};
// With other labels.
constexpr Declaration kCounters[] = {
    {"velero_csi_snapshot_attempt_total", "Total number of CSI attempted volume snapshots"},
    {"velero_csi_snapshot_success_total", "Total number of CSI successful volume snapshots"},
    {"velero_csi_snapshot_failure_total", "Total number of CSI failed volume snapshots"},
    {"velero_repo_maintenance_success_total", "Total number of successful repository maintenances"},
    {"velero_repo_maintenance_failure_total", "Total number of failed repository maintenances"},
    {"podVolume_pod_volume_backup_enqueue_count", "Total number of pod volume backups that a node was given"},
    {"podVolume_pod_volume_backup_dequeue_count", "Total number of pod volume backups that a node finished"},
    {"podVolume_data_upload_success_total", "Total number of successful data uploads"},
    {"podVolume_data_upload_failure_total", "Total number of failed data uploads"},
    {"podVolume_data_upload_cancel_total", "Total number of cancelled data uploads"},
    {"podVolume_data_download_success_total", "Total number of successful data downloads"},
    {"podVolume_data_download_failure_total", "Total number of failed data downloads"},
    {"podVolume_data_download_cancel_total", "Total number of cancelled data downloads"},
    {"salvor_notification_success_total", "Total number of notifications that a webhook took"},
    {"salvor_notification_failure_total", "Total number of notifications that a webhook did not take"},
    {"salvor_backup_resumed_total", "Total number of backups begun anew after the end of their server"},
    {"salvor_restore_resumed_total", "Total number of restores begun anew after the end of their server"},
};
constexpr Declaration kGauges[] = {
    {"velero_schedule_expected_interval_seconds", "Time between two runs of a schedule, in seconds"},
    {"podVolume_pod_volume_operation_latency_seconds_gauge",
     "Time taken to save or restore a pod's volume, in seconds"},
    {"salvor_leader", "Whether this server does the work: 1, or stands by: 0"},
    {"velero_backup_total", "Current number of existent backups"},
    {"velero_restore_total", "Current number of existent restores"},
    {"velero_backup_tarball_size_bytes", "Size, in bytes, of a backup"},
    {"velero_backup_last_successful_timestamp",
     "Last time a backup ran successfully, Unix timestamp in seconds"},
    {"velero_backup_items_total", "Total number of items backed up"},
    {"velero_backup_items_errors", "Total number of errors encountered during backup"},
    {"velero_backup_last_status", "Last status of the backup. A value of 1 is success, 0 is failure"},
    {"velero_backup_location_status_gauge",
     "The status of backup location. A value of 1 is available, 0 is unavailable"},
};

std::string escape(std::string_view text, bool quotes) {
  std::string result;
  for (const char c : text) {
    if (c == '\\')
      result += "\\\\";
    else if (c == '\n')
      result += "\\n";
    else if (quotes && c == '"')
      result += "\\\"";
    else
      result += c;
  }
  return result;
}

std::string number(double value) {
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  if (value == std::floor(value) && std::fabs(value) < 1e15) return fmt::format("{:.0f}", value);
  return fmt::format("{}", value);
}

std::string series_name(const std::string& name, const Metrics::Labels& labels,
                        const std::string& bound = "") {
  std::string text;
  for (const auto& [key, value] : labels)
    text += fmt::format("{}{}=\"{}\"", text.empty() ? "" : ",", key, escape(value, true));
  if (!bound.empty()) text += fmt::format("{}le=\"{}\"", text.empty() ? "" : ",", bound);
  return text.empty() ? name : name + "{" + text + "}";
}

}  // namespace

void Metrics::declare(const std::string& name, const std::string& type, const std::string& help,
                      std::vector<double> buckets) {
  std::lock_guard lock(mutex_);
  families_.try_emplace(name, Family{type, help, std::move(buckets), {}});
}
void Metrics::declare_counter(const std::string& name, const std::string& help) {
  declare(name, "counter", help, {});
}
void Metrics::declare_gauge(const std::string& name, const std::string& help) {
  declare(name, "gauge", help, {});
}
void Metrics::declare_histogram(const std::string& name, const std::string& help,
                                std::vector<double> buckets) {
  declare(name, "histogram", help, std::move(buckets));
}

void Metrics::add(const std::string& name, const Labels& labels, double value) {
  std::lock_guard lock(mutex_);
  families_.at(name).series[labels].value += value;
}

void Metrics::set(const std::string& name, const Labels& labels, double value) {
  std::lock_guard lock(mutex_);
  families_.at(name).series[labels].value = value;
}

void Metrics::observe(const std::string& name, const Labels& labels, double value) {
  std::lock_guard lock(mutex_);
  auto& family = families_.at(name);
  auto& series = family.series[labels];
  series.counts.resize(family.buckets.size() + 1);
  size_t bucket = 0;
  while (bucket < family.buckets.size() && value > family.buckets[bucket]) ++bucket;
  ++series.counts[bucket];
  series.value += value;
}

void Metrics::remove(const std::string& name, const Labels& labels) {
  std::lock_guard lock(mutex_);
  families_.at(name).series.erase(labels);
}

bool Metrics::declares(const std::string& name) const {
  std::lock_guard lock(mutex_);
  return families_.contains(name);
}

double Metrics::value(const std::string& name, const Labels& labels) const {
  std::lock_guard lock(mutex_);
  const auto family = families_.find(name);
  if (family == families_.end()) return 0;
  const auto series = family->second.series.find(labels);
  return series == family->second.series.end() ? 0 : series->second.value;
}

std::string Metrics::text() const {
  std::lock_guard lock(mutex_);
  std::string out;
  for (const auto& [name, family] : families_) {
    if (family.series.empty()) continue;
    out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, escape(family.help, false), name, family.type);
    for (const auto& [labels, series] : family.series) {
      if (family.type != "histogram") {
        out += fmt::format("{} {}\n", series_name(name, labels), number(series.value));
        continue;
      }
      std::uint64_t count = 0;
      for (size_t i = 0; i <= family.buckets.size(); ++i) {
        if (i < series.counts.size()) count += series.counts[i];
        const auto bound = i < family.buckets.size() ? number(family.buckets[i]) : "+Inf";
        out += fmt::format("{} {}\n", series_name(name + "_bucket", labels, bound), count);
      }
      out += fmt::format("{} {}\n{} {}\n", series_name(name + "_sum", labels), number(series.value),
                         series_name(name + "_count", labels), count);
    }
  }
  return out;
}

void declare_velero_metrics(Metrics& metrics) {
  for (const auto& [name, help] : kScheduleCounters) metrics.declare_counter(name, help);
  for (const auto& [name, help] : kCounters) metrics.declare_counter(name, help);
  for (const auto& [name, help] : kGauges) metrics.declare_gauge(name, help);
  metrics.declare_histogram("velero_repo_maintenance_duration_seconds",
                            "Time taken to maintain a repository, in seconds", kDurationBuckets);
  metrics.declare_histogram("podVolume_pod_volume_operation_latency_seconds",
                            "Time taken to save or restore a pod's volume, in seconds", kDurationBuckets);
  metrics.declare_histogram("velero_backup_duration_seconds", "Time taken to complete backup, in seconds",
                            kDurationBuckets);
  metrics.set("velero_backup_total", {}, 0);
  metrics.set("velero_restore_total", {}, 0);
  init_schedule_metrics(metrics, "");
}

void init_schedule_metrics(Metrics& metrics, const std::string& schedule) {
  const Metrics::Labels labels{{"schedule", schedule}};
  for (const auto& [name, help] : kScheduleCounters) metrics.add(name, labels, 0);
}

void remove_schedule_metrics(Metrics& metrics, const std::string& schedule) {
  const Metrics::Labels labels{{"schedule", schedule}};
  for (const auto& [name, help] : kScheduleCounters) metrics.remove(name, labels);
}

}  // namespace salvor::server
