#include "server/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace salvor::server {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Metrics, HaveAllOfVelerosNames) {
  Metrics metrics;
  declare_velero_metrics(metrics);
  for (const auto* name : {"backup_tarball_size_bytes",
                           "backup_last_successful_timestamp",
                           "backup_total",
                           "backup_items_total",
                           "backup_items_errors",
                           "backup_last_status",
                           "restore_total",
                           "backup_location_status_gauge",
                           "schedule_expected_interval_seconds",
                           "backup_attempt_total",
                           "backup_success_total",
                           "backup_partial_failure_total",
                           "backup_failure_total",
                           "backup_validation_failure_total",
                           "backup_warning_total",
                           "backup_deletion_attempt_total",
                           "backup_deletion_success_total",
                           "backup_deletion_failure_total",
                           "restore_attempt_total",
                           "restore_validation_failed_total",
                           "restore_success_total",
                           "restore_partial_failure_total",
                           "restore_failed_total",
                           "volume_snapshot_attempt_total",
                           "volume_snapshot_success_total",
                           "volume_snapshot_failure_total",
                           "csi_snapshot_attempt_total",
                           "csi_snapshot_success_total",
                           "csi_snapshot_failure_total",
                           "repo_maintenance_success_total",
                           "repo_maintenance_failure_total",
                           "repo_maintenance_duration_seconds",
                           "backup_duration_seconds"})
    EXPECT_TRUE(metrics.declares(std::string("velero_") + name)) << name;
  for (const auto* name :
       {"pod_volume_backup_enqueue_count", "pod_volume_backup_dequeue_count",
        "pod_volume_operation_latency_seconds", "pod_volume_operation_latency_seconds_gauge",
        "data_upload_success_total", "data_upload_failure_total", "data_upload_cancel_total",
        "data_download_success_total", "data_download_failure_total", "data_download_cancel_total"})
    EXPECT_TRUE(metrics.declares(std::string("podVolume_") + name)) << name;
}

TEST(Metrics, CountersOfAScheduleAreThereAtZeroAndGoWithIt) {
  Metrics metrics;
  declare_velero_metrics(metrics);
  init_schedule_metrics(metrics, "daily");
  EXPECT_THAT(metrics.text(), HasSubstr("velero_backup_success_total{schedule=\"daily\"} 0\n"));
  remove_schedule_metrics(metrics, "daily");
  EXPECT_THAT(metrics.text(), Not(HasSubstr("daily")));
}

TEST(Metrics, AHistogramCountsCumulatively) {
  Metrics metrics;
  declare_velero_metrics(metrics);
  for (const double seconds : {30.0, 60.0, 301.0, 1e6})
    metrics.observe("velero_backup_duration_seconds", {{"schedule", "daily"}}, seconds);
  const auto text = metrics.text();
  for (const auto* line :
       {"le=\"60\"} 2", "le=\"300\"} 2", "le=\"600\"} 3", "le=\"14400\"} 3", "le=\"+Inf\"} 4"})
    EXPECT_THAT(text, HasSubstr(line));
}

}  // namespace
}  // namespace salvor::server
