#include "velero/includes_excludes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace salvor::velero {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(IncludesExcludes, AnEmptyIncludeListOrAStarIncludesEverything) {
  EXPECT_TRUE(IncludesExcludes().includes("a"));
  EXPECT_TRUE(IncludesExcludes().includes_everything());
  EXPECT_TRUE(IncludesExcludes({"*"}, {}).includes_everything());
  EXPECT_FALSE(IncludesExcludes({"*"}, {"b"}).includes_everything());
  EXPECT_EQ(IncludesExcludes({"*"}, {"b"}).includes_text(), "*");
  EXPECT_EQ(IncludesExcludes({"a", "c"}, {}).includes_text(), "a, c");
  EXPECT_EQ(IncludesExcludes({"a"}, {}).excludes_text(), "<none>");
}

TEST(IncludesExcludes, ExcludesWinAndBothTakeGlobs) {
  const IncludesExcludes lists({"app-*", "db"}, {"app-test?"});
  EXPECT_TRUE(lists.includes("app-1"));
  EXPECT_TRUE(lists.includes("db"));
  EXPECT_FALSE(lists.includes("db2"));
  EXPECT_FALSE(lists.includes("app-test1"));
}

TEST(IncludesExcludes, ReportsContradictionsInVelerosWords) {
  EXPECT_THAT(validate_includes_excludes({"a"}, {"b"}), IsEmpty());
  EXPECT_THAT(validate_includes_excludes({"*", "a"}, {"*", "a"}),
              ElementsAre("includes list must either contain '*' only, or a non-empty list of items",
                          "excludes list cannot contain '*'",
                          "excludes list cannot contain an item in the includes list: *",
                          "excludes list cannot contain an item in the includes list: a"));
  EXPECT_THAT(validate_scoped_includes_excludes({"a"}, {"*"}),
              ElementsAre("when exclude is '*', include cannot have value"));
  EXPECT_THAT(validate_scoped_includes_excludes({}, {"*"}), IsEmpty());
}

TEST(IncludesExcludes, NamespacesMustBeLabelsOrPatternsOfThem) {
  EXPECT_THAT(validate_namespace_includes_excludes({"app-*", "x"}, {"kube-?"}), IsEmpty());
  for (const auto* name : {"app**", "a|b", "(a)", "app-[12", "app-[1-"})
    EXPECT_THAT(validate_namespace_includes_excludes({name}, {}), testing::Not(IsEmpty())) << name;
  EXPECT_THAT(validate_namespace_includes_excludes({"app-[12]", "[!k]*"}, {}), IsEmpty());
  EXPECT_THAT(
      validate_namespace_includes_excludes({"Bad_Name"}, {}),
      ElementsAre(HasSubstr("invalid namespace \"Bad_Name\": a lowercase RFC 1123 label must consist of")));
}

}  // namespace
}  // namespace salvor::velero
