#include "velero/resource_policies.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace salvor::velero {
namespace {

constexpr char kPolicies[] = R"(
version: v1
volumePolicies:
- conditions:
    capacity: "0,100Gi"
    storageClass: [gp2, ebs-sc]
  action:
    type: skip
- conditions:
    nfs: {}
  action: {type: fs-backup}
- conditions:
    csi: {driver: ebs.csi.aws.com}
    pvcLabels: {tier: gold}
  action: {type: snapshot}
)";

TEST(ResourcePolicies, TheFirstPolicyWhoseConditionsAllHoldDecides) {
  const auto policies = ResourcePolicies::parse(kPolicies);
  EXPECT_EQ(policies.action_for({.capacity = std::int64_t{10} << 30, .storage_class = "gp2"}),
            VolumeAction::kSkip);
  EXPECT_EQ(policies.action_for({.capacity = std::int64_t{101} << 30, .storage_class = "gp2"}), std::nullopt);
  EXPECT_EQ(policies.action_for({.source = "nfs", .source_spec = Json::object()}), VolumeAction::kFsBackup);
  PolicyVolume csi{.source = "csi", .source_spec = {{"driver", "ebs.csi.aws.com"}}};
  EXPECT_EQ(policies.action_for(csi), std::nullopt);
  csi.claim_labels["tier"] = "gold";
  EXPECT_EQ(policies.action_for(csi), VolumeAction::kSnapshot);
}

TEST(ResourcePolicies, RefusesUnknownFieldsVersionsAndActions) {
  EXPECT_THROW(ResourcePolicies::parse("version: v2"), base::Error);
  EXPECT_THROW(ResourcePolicies::parse("version: v1\nvolumes: []"), base::Error);
  EXPECT_THROW(
      ResourcePolicies::parse("version: v1\nvolumePolicies: [{conditions: {}, action: {type: keep}}]"),
      base::Error);
  EXPECT_THROW(
      ResourcePolicies::parse("version: v1\nvolumePolicies: [{conditions: {size: 1}, action: {type: skip}}]"),
      base::Error);
  EXPECT_THROW(ResourcePolicies::from_config_map({{"data", {{"a", "version: v1"}, {"b", "version: v1"}}}}),
               base::Error);
}

TEST(ResourcePolicies, ReadsQuantities) {
  EXPECT_EQ(parse_quantity("10Gi"), std::int64_t{10} << 30);
  EXPECT_EQ(parse_quantity("1500M"), 1500000000);
  EXPECT_EQ(parse_quantity("1E"), 1000000000000000000);
  EXPECT_EQ(parse_quantity("0.5Ki"), 512);
  EXPECT_EQ(parse_quantity("12e3"), 12000);
  EXPECT_EQ(parse_quantity("ten"), std::nullopt);
  EXPECT_EQ(parse_quantity("10Gb"), std::nullopt);
  EXPECT_EQ(parse_quantity(""), std::nullopt);
}

}  // namespace
}  // namespace salvor::velero
