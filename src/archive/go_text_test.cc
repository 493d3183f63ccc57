#include "archive/go_text.h"

#include <gtest/gtest.h>

namespace salvor::archive {
namespace {

std::string json(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

std::string name(std::string_view text) {
  std::string out;
  append_quoted_name(out, text);
  return out;
}

TEST(GoText, QuotesNamesAsStrconvDoes) {
  EXPECT_EQ(go_quote("plain name.txt"), "plain name.txt");
  EXPECT_EQ(go_quote("a\a\b\f\n\r\t\v\\\""), R"(a\a\b\f\n\r\t\v\\\")");
  EXPECT_EQ(go_quote(std::string_view("\x01\x7f\0", 3)), R"(\x01\x7f\x00)");
  EXPECT_EQ(go_quote("caf\xc3\xa9 it's"), "caf\xc3\xa9 it's");
  EXPECT_EQ(go_quote("bad\xff\xc3"), R"(bad\xff\xc3)");
  EXPECT_EQ(go_quote("\xc2\xa0\xe2\x80\x8d\xee\x80\x80\xe3\x80\x80"), R"(\u00a0\u200d\ue000\u3000)");
  EXPECT_EQ(go_quote("\xc2\xad\xe2\x80\xa8"), R"(\u00ad\u2028)");
  EXPECT_EQ(go_quote("\xf3\xa0\x80\x81"), R"(\U000e0001)");
  EXPECT_EQ(go_quote("\xf0\x9f\x98\x80\xef\xbf\xbd"), "\xf0\x9f\x98\x80\xef\xbf\xbd");
  EXPECT_EQ(go_quote("\xed\xa0\x80"), R"(\xed\xa0\x80)");
}

TEST(GoText, UnquoteInvertsQuoteForEveryByteAndManyRunes) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  for (char32_t rune = 0x80; rune < 0x20000; rune += 7) {
    if (rune < 0xd800 || rune > 0xdfff) append_rune(all, rune);
  }
  EXPECT_EQ(go_unquote(go_quote(all)), all);
  EXPECT_EQ(go_unquote(R"(\101\x41)"), "AA");
}

TEST(GoText, UnquoteRefusesWhatGoRefuses) {
  for (const char* text : {"\\", "\\q", "\\x4", "\\u12", "\\ud800", "\\U00110000", "a\"b", "a\nb", "\\400"}) {
    EXPECT_FALSE(go_unquote(text)) << text;
  }
}

TEST(GoText, WritesJsonStringsAsGoDoesWithHtmlEscaping) {
  EXPECT_EQ(json("a<b>&\"\\"), R"("a\u003cb\u003e\u0026\"\\")");
  EXPECT_EQ(json("\n\r\t\x01\x7f"), "\"\\n\\r\\t\\u0001\x7f\"");
  EXPECT_EQ(json("\xe2\x80\xa8\xe2\x80\xa9\xff\xc3\xa9"), "\"\\u2028\\u2029\\ufffd\xc3\xa9\"");
}

TEST(GoText, StoresNamesQuotedTwice) {
  EXPECT_EQ(name("na\"me\\x"), R"("na\\\"me\\\\x")");
  EXPECT_EQ(name("a<b"), R"("a\u003cb")");
  EXPECT_EQ(name("a\x7f"), R"("a\\x7f")");
  EXPECT_EQ(name("x\n"), R"("x\\n")");
}

}  // namespace
}  // namespace salvor::archive
