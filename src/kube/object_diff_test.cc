#include "kube/object_diff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace salvor::kube {
namespace {

std::vector<std::string> texts(const char* before, const char* after) {
  std::vector<std::string> result;
  for (const auto& change :
       diff_objects(codec::parse_json(before, "before"), codec::parse_json(after, "after")))
    result.push_back(change.path + ": " + value_text(change.before) + " -> " + value_text(change.after));
  return result;
}

TEST(ObjectDiff, NamesTheSmallestChangedParts) {
  EXPECT_THAT(
      texts(R"({"spec":{"replicas":3,"paused":true},"metadata":{"labels":{"a.b/c":"x"}}})",
            R"({"spec":{"replicas":2,"template":{}},"metadata":{"labels":{"a.b/c":"y"}}})"),
      testing::ElementsAre("metadata.labels[\"a.b/c\"]: \"x\" -> \"y\"", "spec.paused: true -> <absent>",
                           "spec.replicas: 3 -> 2", "spec.template: <absent> -> {}"));
}

TEST(ObjectDiff, ComparesNamedElementsByNameAndOthersByPosition) {
  EXPECT_THAT(texts(R"({"c":[{"name":"a","image":"1"},{"name":"b"}],"l":[1,2]})",
                    R"({"c":[{"name":"b"},{"name":"a","image":"2"}],"l":[1,3,4]})"),
              testing::ElementsAre("c[name=a].image: \"1\" -> \"2\"", "l[1]: 2 -> 3", "l[2]: <absent> -> 4"));
}

TEST(ObjectDiff, OrderOfMembersIsNoDifference) {
  EXPECT_THAT(texts(R"({"a":1,"b":{"c":1,"d":2}})", R"({"b":{"d":2,"c":1},"a":1})"), testing::IsEmpty());
  // Also inside elements that are compared as wholes.
  EXPECT_THAT(texts(R"({"l":[{"x":1,"y":2}]})", R"({"l":[{"y":2,"x":1}]})"), testing::IsEmpty());
}

TEST(ObjectDiff, LongValuesAreCutBetweenCharacters) {
  EXPECT_EQ(value_text(Json("äöü"), 4), "\"ä...");
}

}  // namespace
}  // namespace salvor::kube
