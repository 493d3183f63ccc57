#include "velero/resource_modifiers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace salvor::velero {
namespace {

std::string refusal(const std::string& yaml) {
  try {
    ResourceModifiers::parse(yaml);
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kInvalidArgument);
    return error.message();
  }
  return "";
}

std::string rule(const std::string& text) {
  return "version: v1\nresourceModifierRules:\n- " + text;
}

TEST(ResourceModifiers, WhatIsNotUnderstoodIsRefusedByName) {
  using ::testing::HasSubstr;
  EXPECT_THAT(refusal("version: v2\nresourceModifierRules: []"), HasSubstr("unsupported version \"v2\""));
  EXPECT_THAT(refusal("version: v1\nrules: []"), HasSubstr("unknown field \"rules\" in the document"));
  EXPECT_THAT(refusal("version: v1"), HasSubstr("resourceModifierRules is empty"));
  EXPECT_THAT(refusal(rule("patches: []")), HasSubstr("resourceModifierRules[0] lacks conditions"));
  EXPECT_THAT(refusal(rule("conditions: {}")), HasSubstr("lacks groupResource"));
  EXPECT_THAT(refusal(rule("conditions: {groupResource: pods, nameRegex: x}")),
              HasSubstr("unknown field \"nameRegex\""));
  EXPECT_THAT(refusal(rule("conditions: {groupResource: pods, resourceNameRegex: '('}")),
              HasSubstr("is no regular expression"));
  EXPECT_THAT(refusal(rule("conditions: {groupResource: pods}\n  patches: [{operation: set, path: /a}]")),
              HasSubstr("unsupported operation \"set\" of resourceModifierRules[0].patches[0]"));
  EXPECT_THAT(
      refusal(rule("conditions: {groupResource: pods}\n  patches: [{operation: add, path: a, value: b}]")),
      HasSubstr("is no JSON pointer"));
  EXPECT_THAT(
      refusal(rule("conditions: {groupResource: pods}\n  patches: [{operation: add, path: /a, value: 1}]")),
      HasSubstr("value of resourceModifierRules[0].patches[0] must be a string\nhint: put it in quotes"));
  EXPECT_THAT(refusal(rule("conditions: {groupResource: pods}\n  mergePatches: [{patchData: '[1]'}]")),
              HasSubstr("must be one mapping"));
  EXPECT_THAT(refusal("version: v1\nresourceModifierRules: {"), HasSubstr("resource modifiers"));
}

TEST(ResourceModifiers, AConfigMapHoldsThemInItsOneEntry) {
  const auto yaml =
      rule("conditions: {groupResource: pods}\n  patches: [{operation: remove, path: /spec/x}]");
  EXPECT_EQ(ResourceModifiers::from_config_map({{"data", {{"any", yaml}}}}).rules().size(), 1U);
  EXPECT_THROW(ResourceModifiers::from_config_map({{"data", {{"a", yaml}, {"b", yaml}}}}), base::Error);
  EXPECT_THROW(ResourceModifiers::from_config_map({{"metadata", {{"name", "m"}}}}), base::Error);
}

TEST(ResourceModifiers, ValuesAreReadAsWhatTheyLookLike) {
  EXPECT_EQ(modifier_value("null"), Json());
  EXPECT_EQ(modifier_value("TRUE"), Json(true));
  EXPECT_EQ(modifier_value("-1.5"), Json(-1.5));
  EXPECT_EQ(modifier_value("1Gi"), Json("1Gi"));
  EXPECT_EQ(modifier_value("\"1\""), Json("1"));
  EXPECT_EQ(modifier_value("[1,{}]"), Json::parse("[1,{}]"));
  EXPECT_EQ(modifier_value("{broken"), Json("{broken"));
  EXPECT_EQ(modifier_value(""), Json(""));
}

}  // namespace
}  // namespace salvor::velero
