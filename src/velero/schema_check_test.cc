#include "velero/schema_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "velero/crds.h"
#include "velero/types.h"

namespace salvor::velero {
namespace {

using codec::Json;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(SchemaCheck, NamesEachUnknownFieldWithItsPath) {
  const Json backup = {
      {"kind", "Backup"},
      {"spec",
       {{"ttl", "1h0m0s"},
        {"includeNamespaces", {"a"}},
        {"labelSelector", {{"matchLabel", {{"a", "b"}}}}},
        {"orderedResources", {{"pods", "a/b"}}},
        {"hooks",
         {{"resources",
           Json::array({{{"name", "h"},
                         {"pre", Json::array({{{"exec", {{"command", {"x"}}, {"tty", true}}}}})}}})}}}}}};
  EXPECT_THAT(unknown_spec_fields(backup, "Backup"),
              ElementsAre("spec.includeNamespaces", "spec.labelSelector.matchLabel",
                          "spec.hooks.resources[0].pre[0].exec.tty"));
  EXPECT_EQ(describe_unknown_fields(backup, "Backup"),
            "spec.includeNamespaces, spec.labelSelector.matchLabel, spec.hooks.resources[0].pre[0].exec.tty: "
            "unknown field");
  EXPECT_EQ(describe_unknown_fields(backup, "Pod"), "");
  EXPECT_THAT(unknown_spec_fields(backup, "Pod"), IsEmpty());
  EXPECT_THAT(unknown_spec_fields({{"kind", "Backup"}}, "Backup"), IsEmpty());
}

TEST(SchemaCheck, KnowsAllThatTheTypesWrite) {
  Backup backup;
  auto& spec = backup.spec;
  spec.metadata.labels = {{"a", "b"}};
  for (auto* list : {&spec.included_namespaces, &spec.excluded_namespaces, &spec.included_resources,
                     &spec.excluded_resources, &spec.included_cluster_scoped_resources,
                     &spec.excluded_cluster_scoped_resources, &spec.included_namespace_scoped_resources,
                     &spec.excluded_namespace_scoped_resources, &spec.volume_snapshot_locations})
    *list = {"x"};
  spec.label_selector = kube::LabelSelector::parse("a=b,c in (d)");
  spec.or_label_selectors = {kube::LabelSelector::parse("a=b")};
  for (auto* choice :
       {&spec.snapshot_volumes, &spec.include_cluster_resources, &spec.default_volumes_to_restic,
        &spec.default_volumes_to_fs_backup, &spec.snapshot_move_data})
    *choice = true;
  spec.volume_group_snapshot_label_key = spec.storage_location = spec.data_mover = "x";
  spec.ordered_resources = {{"pods", "a/b"}};
  spec.resource_policy = TypedReference{"", "configmap", "p"};
  spec.uploader_config = UploaderConfigForBackup{3};
  spec.hooks.resources = {{.name = "h",
                           .included_namespaces = {"x"},
                           .excluded_namespaces = {"x"},
                           .included_resources = {"x"},
                           .excluded_resources = {"x"},
                           .label_selector = kube::LabelSelector::parse("a=b"),
                           .pre = {{ExecHook{"c", {"x"}, "Fail", std::chrono::seconds(1)}}},
                           .post = {{ExecHook{"c", {"x"}, "Fail", std::chrono::seconds(1)}}}}};
  const auto json = backup.to_json();
  EXPECT_THAT(unknown_spec_fields(json, "Backup"), IsEmpty()) << json.dump(2);
  Schedule schedule;
  schedule.spec.template_spec = spec;
  schedule.spec.schedule = "@daily";
  schedule.spec.paused = true;
  schedule.spec.skip_immediately = schedule.spec.use_owner_references_in_backup = true;
  EXPECT_THAT(unknown_spec_fields(schedule.to_json(), "Schedule"), IsEmpty());
  BackupStorageLocation location;
  location.spec.object_storage = ObjectStorageLocation{"b", "p", "pem", SecretKeySelector{"s", "k", true}};
  location.spec.config = {{"a", "b"}};
  location.spec.credential = SecretKeySelector{"s", "k", {}};
  location.spec.is_default = true;
  location.spec.access_mode = "ReadOnly";
  location.spec.backup_sync_period = location.spec.validation_frequency = std::chrono::minutes(1);
  EXPECT_THAT(unknown_spec_fields(location.to_json(), "BackupStorageLocation"), IsEmpty());
}

}  // namespace
}  // namespace salvor::velero
