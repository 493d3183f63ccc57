#include "kube/selector.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace salvor::kube {
namespace {

using Labels = std::map<std::string, std::string>;

TEST(LabelSelectorTest, PrintsRequirementsSortedByKeyAsVeleroDoes) {
  EXPECT_EQ(LabelSelector::parse("backup-tier in (high, critical),app=postgresql").to_string(),
            "app=postgresql,backup-tier in (critical,high)");
  EXPECT_EQ(LabelSelector::parse("!b, a ,c!=d,e notin (x),f>5,g<7").to_string(),
            "a,!b,c!=d,e notin (x),f>5,g<7");
  EXPECT_EQ(LabelSelector::parse("a==b").to_string(), "a=b");
  EXPECT_EQ(LabelSelector::parse("").to_string(), "");
  EXPECT_EQ(LabelSelector::parse("app.kubernetes.io/name=x").to_string(), "app.kubernetes.io/name=x");
}

TEST(LabelSelectorTest, MatchesAsKubernetesDoes) {
  const Labels labels{{"app", "db"}, {"tier", "high"}, {"n", "6"}};
  for (const auto* text : {"", "app=db", "app in (db,web)", "app!=web", "none!=x", "none notin (x)", "!none",
                           "app", "n>5", "n<7", "app=db,tier=high"})
    EXPECT_TRUE(LabelSelector::parse(text).matches(labels)) << text;
  for (const auto* text :
       {"app=web", "app in (web)", "app!=db", "!app", "none", "none=", "n>6", "tier>1", "app=db,tier=low"})
    EXPECT_FALSE(LabelSelector::parse(text).matches(labels)) << text;
}

TEST(LabelSelectorTest, AnEmptyValueIsAValue) {
  EXPECT_TRUE(LabelSelector::parse("a=").matches({{"a", ""}}));
  EXPECT_TRUE(LabelSelector::parse("a in (,b)").matches({{"a", ""}}));
}

TEST(LabelSelectorTest, RejectsMalformedTexts) {
  for (const auto* text : {"=b", "a=b,", ",a", "a in", "a in (", "a in b", "a in (b", "a near (b)", "!",
                           "a b", "-a=b", "a=b c", "a>x", "a=b)", "UPPER_prefix/a=b"})
    EXPECT_THROW(LabelSelector::parse(text), base::Error) << text;
}

TEST(LabelSelectorTest, ReadsAndWritesTheObjectForm) {
  const auto json = codec::parse_json(
      R"({"matchLabels":{"app":"db"},"matchExpressions":[{"key":"tier","operator":"In","values":["high","critical"]},
      {"key":"x","operator":"DoesNotExist"}]})",
      "selector");
  const auto selector = LabelSelector::from_json(json);
  EXPECT_EQ(selector.to_string(), "app=db,tier in (critical,high),!x");
  EXPECT_EQ(selector.to_json().dump(),
            R"({"matchLabels":{"app":"db"},"matchExpressions":[{"key":"tier","operator":"In",)"
            R"("values":["critical","high"]},{"key":"x","operator":"DoesNotExist"}]})");
  EXPECT_TRUE(LabelSelector::from_json(nullptr).empty());
}

TEST(LabelSelectorTest, RejectsWrongObjects) {
  for (const auto* text : {R"({"matchExpressions":[{"key":"a","operator":"Near","values":["b"]}]})",
                           R"({"matchExpressions":[{"key":"a","operator":"In"}]})",
                           R"({"matchExpressions":[{"key":"a","operator":"Exists","values":["b"]}]})",
                           R"({"matchLabels":{"a":1}})", R"({"matchLabels":{"a":"b c"}})", R"("a=b")"})
    EXPECT_THROW(LabelSelector::from_json(codec::parse_json(text, "selector")), base::Error) << text;
}

TEST(FieldSelectorTest, ComparesDottedPathsWithAbsentAsEmpty) {
  const auto pod = codec::parse_json(R"({"metadata":{"name":"a,b"},"spec":{"unschedulable":true}})", "pod");
  EXPECT_TRUE(FieldSelector::parse(R"(metadata.name=a\,b,spec.unschedulable==true)").matches(pod));
  EXPECT_TRUE(FieldSelector::parse("status.phase!=Running").matches(pod));
  EXPECT_TRUE(FieldSelector::parse("status.phase=").matches(pod));
  EXPECT_FALSE(FieldSelector::parse("metadata.name!=a\\,b").matches(pod));
  EXPECT_TRUE(FieldSelector::parse(field_equals("metadata.name", "a,b")).matches(pod));
  EXPECT_THROW(FieldSelector::parse("metadata.name"), base::Error);
  EXPECT_THROW(FieldSelector::parse("a=b=c"), base::Error);
}

}  // namespace
}  // namespace salvor::kube
