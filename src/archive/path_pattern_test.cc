#include "archive/path_pattern.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"

namespace salvor::archive {
namespace {

bool matches(std::string_view pattern, std::string_view path, bool ignore_case = false) {
  return PathPattern(pattern, ignore_case).matches(path);
}

TEST(PathPattern, MatchesARunOfComponentsAtAnyDepth) {
  EXPECT_TRUE(matches("*.go", "/home/user/a.go"));
  EXPECT_TRUE(matches("user", "/home/user/a.go"));
  EXPECT_TRUE(matches("user/a.*", "/home/user/a.go"));
  EXPECT_TRUE(matches("home/user", "/home/user/a.go"));
  EXPECT_FALSE(matches("home/a.go", "/home/user/a.go"));
  EXPECT_FALSE(matches("use", "/home/user/a.go"));
}

TEST(PathPattern, ALeadingSlashAnchors) {
  EXPECT_TRUE(matches("/home", "/home/user/a.go"));
  EXPECT_FALSE(matches("/user", "/home/user/a.go"));
  EXPECT_TRUE(matches("/*/user", "/home/user/a.go"));
  EXPECT_TRUE(matches("/home/user/", "/home/user"));
}

TEST(PathPattern, TwoStarsStandForAnyNumberOfComponents) {
  EXPECT_TRUE(matches("/home/**/a.go", "/home/a.go"));
  EXPECT_TRUE(matches("/home/**/a.go", "/home/x/y/a.go"));
  EXPECT_FALSE(matches("/home/**/b.go", "/home/x/y/a.go"));
  EXPECT_TRUE(matches("foo/**/bar", "/x/foo/1/2/bar/z"));
}

TEST(PathPattern, KnowsClassesEscapesAndCase) {
  EXPECT_TRUE(matches("[a-c]x", "/bx"));
  EXPECT_FALSE(matches("[^a-c]x", "/bx"));
  EXPECT_TRUE(matches("a\\*", "/a*"));
  EXPECT_FALSE(matches("a\\*", "/ab"));
  EXPECT_TRUE(matches("f?o", "/f\xc3\xa9o"));
  EXPECT_TRUE(matches("*.JPG", "/x/y.jpg", true));
  EXPECT_FALSE(matches("*.JPG", "/x/y.jpg"));
  for (const char* bad : {"[", "[]", "[a", "a\\", "", "!", "x[a-]"}) {
    EXPECT_THROW(PathPattern(bad, false), base::Error) << bad;
  }
}

TEST(PathFilter, TheLastMatchDecides) {
  PathFilter filter;
  filter.add("*.log");
  filter.add("!keep.log");
  EXPECT_TRUE(filter.matches("/var/a.log"));
  EXPECT_FALSE(filter.matches("/var/keep.log"));
  EXPECT_FALSE(filter.matches("/var/x"));
}

TEST(PathFilter, SaysWhetherAnythingBelowMayMatch) {
  PathFilter filter;
  filter.add("/home/user/docs");
  EXPECT_TRUE(filter.may_match_below("/"));
  EXPECT_TRUE(filter.may_match_below("/home"));
  EXPECT_FALSE(filter.may_match_below("/var"));
  EXPECT_TRUE(filter.may_match_below("/home/user/docs/x"));
  filter.add("*.txt");
  EXPECT_TRUE(filter.may_match_below("/var"));
}

TEST(PatternLines, DropsCommentsAndExpandsVariables) {
  setenv("SALVOR_TEST_DIR", "/data", 1);
  EXPECT_EQ(read_pattern_lines("# c\n\n  *.o \n$SALVOR_TEST_DIR/x\n${SALVOR_TEST_DIR}y$$\n"),
            (std::vector<std::string>{"*.o", "/data/x", "/datay$"}));
}

TEST(PatternLines, AByteOrderMarkSaysHowTheTextIsEncoded) {
  EXPECT_EQ(decode_text("\xef\xbb\xbf*.o"), "*.o");
  EXPECT_EQ(decode_text(std::string("\xff\xfe*\0\xf6\0\xac\x20\x3d\xd8\x00\xde", 12)),
            "*\xc3\xb6\xe2\x82\xac\xf0\x9f\x98\x80");
  EXPECT_EQ(decode_text(std::string("\xfe\xff\0*\xd8\x3d\0x", 8)), "*\xef\xbf\xbdx") << "half a pair";
  EXPECT_EQ(decode_text("plain \xff"), "plain \xff");
}

}  // namespace
}  // namespace salvor::archive
