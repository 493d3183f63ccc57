#include "velero/validation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "velero/constants.h"

namespace salvor::velero {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const base::Time kNow = *base::parse_rfc3339("2026-11-22T22:00:00Z");

class Validation : public ::testing::Test {
 protected:
  Validation() {
    storage_locations_.push_back(storage_location("aws-primary"));
    snapshot_locations_.push_back(snapshot_location("ebs", "aws"));
    backup_.metadata = ObjectMeta("velero", "b");
    backup_.spec.storage_location = "aws-primary";
    restore_.metadata = ObjectMeta("velero", "r");
  }
  static BackupStorageLocation storage_location(const std::string& name) {
    BackupStorageLocation location;
    location.metadata = ObjectMeta("velero", name);
    return location;
  }
  static VolumeSnapshotLocation snapshot_location(const std::string& name, const std::string& provider) {
    VolumeSnapshotLocation location;
    location.metadata = ObjectMeta("velero", name);
    location.spec.provider = provider;
    return location;
  }
  static Backup past(const std::string& name, const std::string& schedule, const std::string& backup_phase,
                     const std::string& started) {
    Backup backup;
    backup.metadata = ObjectMeta("velero", name);
    if (!schedule.empty()) backup.metadata.set_label(label::kScheduleName, schedule);
    backup.spec.storage_location = "aws-primary";
    backup.status.phase = backup_phase;
    backup.status.start_timestamp = base::parse_rfc3339(started);
    return backup;
  }
  ValidationLookups lookups() {
    return {.storage_locations = [this] { return storage_locations_; },
            .snapshot_locations = [this] { return snapshot_locations_; },
            .config_map = [this](const std::string& name) -> std::optional<Json> {
              auto found = config_maps_.find(name);
              return found == config_maps_.end() ? std::nullopt : std::optional(found->second);
            },
            .backups = [this] { return backups_; }};
  }
  std::vector<std::string> prepare() {
    return prepare_backup(backup_, defaults_, lookups(), excluded_, {"v1.36.0", "1", "36"}, kNow);
  }
  std::vector<std::string> prepare_the_restore() { return prepare_restore(restore_, defaults_, lookups()); }

  ServerDefaults defaults_;
  std::vector<BackupStorageLocation> storage_locations_;
  std::vector<VolumeSnapshotLocation> snapshot_locations_;
  std::map<std::string, Json> config_maps_;
  std::vector<Backup> backups_;
  std::vector<std::string> excluded_;
  Backup backup_;
  Restore restore_;
};

TEST_F(Validation, WhatABackupLeavesOpenIsFilledInAsVeleroDoes) {
  excluded_ = {"private"};
  EXPECT_THAT(prepare(), IsEmpty());
  EXPECT_EQ(backup_.spec.ttl, std::chrono::hours(720));
  EXPECT_EQ(backup_.status.expiration, kNow + std::chrono::hours(720));
  EXPECT_EQ(backup_.spec.csi_snapshot_timeout, std::chrono::minutes(10));
  EXPECT_EQ(backup_.spec.default_volumes_to_fs_backup, false);
  EXPECT_EQ(backup_.metadata.label(label::kStorageLocation), "aws-primary");
  EXPECT_EQ(backup_.metadata.annotation("velero.io/source-cluster-k8s-gitversion"), "v1.36.0");
  EXPECT_EQ(backup_.metadata.annotation("velero.io/resource-timeout"), "10m0s");
  EXPECT_THAT(backup_.spec.included_namespaces, ElementsAre("*"));
  EXPECT_THAT(backup_.spec.excluded_namespaces, ElementsAre("private"));
  EXPECT_THAT(backup_.spec.volume_snapshot_locations, ElementsAre("ebs"));
  EXPECT_THAT(backup_.spec.excluded_namespace_scoped_resources,
              ElementsAre("volumesnapshots.snapshot.storage.k8s.io"));
  EXPECT_THAT(backup_.spec.excluded_cluster_scoped_resources,
              ElementsAre("volumesnapshotcontents.snapshot.storage.k8s.io"));
  EXPECT_EQ(backup_.spec.snapshot_volumes, std::nullopt);
}

TEST_F(Validation, WithOldFiltersTheCsiKindsAreExcludedTheOldWay) {
  backup_.spec.included_resources = {"secrets"};
  EXPECT_THAT(prepare(), IsEmpty());
  EXPECT_THAT(backup_.spec.excluded_resources, ElementsAre("volumesnapshots.snapshot.storage.k8s.io",
                                                           "volumesnapshotcontents.snapshot.storage.k8s.io"));
  EXPECT_THAT(backup_.spec.excluded_namespace_scoped_resources, IsEmpty());
}

TEST_F(Validation, TheStorageLocationMustExistAndTakeWrites) {
  backup_.spec.storage_location = "absent";
  EXPECT_THAT(prepare(), ElementsAre(HasSubstr("backupstoragelocations.velero.io \"absent\" not found")));
  backup_.spec.storage_location = "";
  EXPECT_THAT(prepare(), ElementsAre(HasSubstr("the default 'default' wasn't found")));
  backup_.spec.storage_location = "";
  storage_locations_[0].spec.is_default = true;
  storage_locations_[0].spec.access_mode = "ReadOnly";
  EXPECT_THAT(prepare(), ElementsAre("backup can't be created because backup storage location aws-primary is "
                                     "currently in read-only mode"));
  storage_locations_[0].spec.access_mode = "";
  storage_locations_[0].status.phase = phase::kUnavailable;
  EXPECT_THAT(prepare(), ElementsAre(HasSubstr("is in Unavailable status")));
}

TEST_F(Validation, SnapshotLocationsAreOnePerProvider) {
  backup_.spec.volume_snapshot_locations = {"absent"};
  EXPECT_THAT(prepare(), ElementsAre(HasSubstr("VolumeSnapshotLocation CRD for the location absent")));
  snapshot_locations_.push_back(snapshot_location("ebs-2", "aws"));
  backup_.spec.volume_snapshot_locations = {"ebs", "ebs-2"};
  EXPECT_THAT(prepare(),
              ElementsAre("more than one VolumeSnapshotLocation name specified for provider aws: ebs-2; "
                          "unexpected name was ebs"));
  backup_.spec.volume_snapshot_locations = {};
  EXPECT_THAT(prepare(),
              ElementsAre("provider aws has more than one possible volume snapshot location, but none "
                          "were specified explicitly or as a default"));
  defaults_.snapshot_locations["aws"] = "ebs-2";
  EXPECT_THAT(prepare(), IsEmpty());
  EXPECT_THAT(backup_.spec.volume_snapshot_locations, ElementsAre("ebs-2"));
}

TEST_F(Validation, AllContradictionsOfASpecAreReportedTogether) {
  backup_.spec.included_resources = {"*", "pods"};
  backup_.spec.included_namespace_scoped_resources = {"pods"};
  backup_.spec.included_namespaces = {"Bad_Name"};
  backup_.spec.label_selector = kube::LabelSelector::parse("a=b");
  backup_.spec.or_label_selectors = {kube::LabelSelector::parse("c=d")};
  EXPECT_THAT(
      prepare(),
      ElementsAre(
          HasSubstr("They cannot be used together"),
          "Invalid included/excluded resource lists: includes list must either contain '*' only, or a "
          "non-empty list of items",
          HasSubstr("Invalid included/excluded namespace lists: invalid namespace \"Bad_Name\""),
          HasSubstr("encountered labelSelector as well as orLabelSelectors in backup spec")));
}

TEST_F(Validation, ResourcePoliciesMustBeThereAndWellFormed) {
  backup_.spec.resource_policy = TypedReference{.kind = "ConfigMap", .name = "p"};
  EXPECT_THAT(prepare(), ElementsAre("resource policies configmaps \"p\" not found"));
  config_maps_["p"] = {{"data", {{"policies.yaml", "version: v9"}}}};
  EXPECT_THAT(prepare(), ElementsAre(HasSubstr("incompatible version number")));
  config_maps_["p"] = {{"data", {{"policies.yaml", "version: v1"}}}};
  EXPECT_THAT(prepare(), IsEmpty());
}

TEST_F(Validation, SchedulesNeedACronExpression) {
  EXPECT_THAT(validate_schedule({}), ElementsAre("Schedule must be a non-empty valid Cron expression"));
  EXPECT_THAT(validate_schedule({.schedule = "every day"}),
              ElementsAre("invalid schedule: expected exactly 5 fields, found 2: [every day]"));
  EXPECT_THAT(validate_schedule({.schedule = "0 2 * * *"}), IsEmpty());
}

TEST_F(Validation, ARestoreNamesABackupOrASchedule) {
  const std::string both =
      "Either a backup or schedule must be specified as a source for the restore, but not both";
  EXPECT_THAT(prepare_the_restore(), ElementsAre(both));
  restore_.spec.backup_name = "b";
  EXPECT_THAT(prepare_the_restore(),
              ElementsAre("Error retrieving backup: backups.velero.io \"b\" not found"));
  restore_.spec.schedule_name = "s";
  EXPECT_THAT(prepare_the_restore(), ElementsAre(both));
}

TEST_F(Validation, ARestoreFromAScheduleTakesTheNewestCompletedBackup) {
  restore_.spec.schedule_name = "s";
  EXPECT_THAT(prepare_the_restore(), ElementsAre("No backups found for schedule"));
  backups_ = {past("b1", "s", phase::kPartiallyFailed, "2026-11-22T03:00:00Z")};
  EXPECT_THAT(prepare_the_restore(), ElementsAre("No completed backups found for schedule"));
  backups_.push_back(past("b2", "s", phase::kCompleted, "2026-11-20T03:00:00Z"));
  backups_.push_back(past("b3", "s", phase::kCompleted, "2026-11-21T03:00:00Z"));
  backups_.push_back(past("b4", "t", phase::kCompleted, "2026-11-22T03:00:00Z"));
  EXPECT_THAT(prepare_the_restore(), IsEmpty());
  EXPECT_EQ(restore_.spec.backup_name, "b3");
  EXPECT_EQ(restore_.spec.item_operation_timeout, std::chrono::hours(4));
  EXPECT_EQ(restore_.spec.excluded_resources.front(), "nodes");
}

TEST_F(Validation, ARestoreIsCheckedForKindsPoliciesAndHooks) {
  backups_ = {past("b", "", phase::kCompleted, "2026-11-22T03:00:00Z")};
  restore_.spec.backup_name = "b";
  restore_.spec.included_resources = {"nodes"};
  restore_.spec.existing_resource_policy = "overwrite";
  restore_.spec.hooks.resources.resize(1);
  restore_.spec.hooks.resources[0].name = "h";
  restore_.spec.hooks.resources[0].post_hooks.push_back(
      {.exec = {}, .init = InitRestoreHook{.init_containers = {{{"name", "i"}, {"command", {"true"}}}}}});
  EXPECT_THAT(
      prepare_the_restore(),
      ElementsAre(
          "nodes are non-restorable resources",
          "Invalid included/excluded resource lists: excludes list cannot contain an item in the includes "
          "list: nodes",
          "invalid InitContainer in restore hook \"h\", it doesn't have image field",
          "Invalid ExistingResourcePolicy: overwrite"));
}

}  // namespace
}  // namespace salvor::velero
