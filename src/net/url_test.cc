#include "net/url.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace salvor::net {
namespace {

TEST(Url, IsTakenApart) {
  const Url url = parse_url("HTTPS://Example.COM:6443/api/v1/pods?watch=true&x=%20#frag");
  EXPECT_EQ(url.scheme, "https");
  EXPECT_EQ(url.host, "example.com");
  EXPECT_EQ(url.port, "6443");
  EXPECT_EQ(url.path, "/api/v1/pods");
  EXPECT_EQ(url.query, "watch=true&x=%20");
  EXPECT_EQ(url.authority(), "example.com:6443");
}

TEST(Url, MayHaveNoPathAndNoPort) {
  const Url url = parse_url("http://localhost");
  EXPECT_EQ(url.path, "");
  EXPECT_EQ(url.port, "");
  EXPECT_EQ(url.authority(), "localhost");
  EXPECT_EQ(parse_url("http://localhost?x=1").query, "x=1");
}

TEST(Url, HoldsIpv6AddressesWithoutBrackets) {
  const Url url = parse_url("http://[::1]:8080/");
  EXPECT_EQ(url.host, "::1");
  EXPECT_EQ(url.port, "8080");
  EXPECT_EQ(url.authority(), "[::1]:8080");
}

TEST(Url, OfAFileHasNoHost) {
  const Url url = parse_url("file:///srv/buckets/a%20b");
  EXPECT_EQ(url.host, "");
  EXPECT_EQ(url.path, "/srv/buckets/a%20b");
}

TEST(Url, MalformedIsRefused) {
  for (const char* text :
       {"", "localhost:8080", "//host/path", "http://", "http://host:port/", "http://host:99999/",
        "http://[::1", "http://user:secret@host/", "http://ho st/", "1http://x"}) {
    try {
      parse_url(text);
      ADD_FAILURE() << text << " was accepted";
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::ErrorCode::kInvalidArgument) << text;
      EXPECT_EQ(error.message().find("secret"), std::string::npos);
    }
  }
}

TEST(PercentEncoding, LeavesOnlyUnreservedCharacters) {
  EXPECT_EQ(percent_encode("aZ09-_.~"), "aZ09-_.~");
  EXPECT_EQ(percent_encode("a b/c+d=\xc3\xa4"), "a%20b%2Fc%2Bd%3D%C3%A4");
  EXPECT_EQ(percent_encode("a b/c", true), "a%20b/c");
}

TEST(PercentEncoding, IsUndone) {
  EXPECT_EQ(percent_decode("a%20b%2fc+d"), "a b/c+d");
  EXPECT_EQ(percent_decode("a+b", true), "a b");
  EXPECT_EQ(percent_decode("100%"), "100%");
  EXPECT_EQ(percent_decode("%zz%4"), "%zz%4");
}

TEST(Query, RoundTrips) {
  const QueryParameters parameters = {{"prefix", "a b/"}, {"uploads", ""}, {"x", "1&2=3"}};
  EXPECT_EQ(format_query(parameters), "prefix=a%20b%2F&uploads=&x=1%262%3D3");
  EXPECT_EQ(parse_query(format_query(parameters)), parameters);
  EXPECT_EQ(parse_query("a=1&&b"), (QueryParameters{{"a", "1"}, {"b", ""}}));
}

}  // namespace
}  // namespace salvor::net
