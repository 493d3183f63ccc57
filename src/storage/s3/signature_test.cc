#include "storage/s3/signature.h"

#include <gtest/gtest.h>

namespace salvor::storage::s3 {
namespace {

const char* const kEmptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

// Amazon S3 API Reference, "Authenticating Requests: Using the Authorization Header", examples, and "Using
// Query Parameters".
class S3Documentation : public testing::Test {
 protected:
  Credentials credentials{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""};
  SigningScope scope{"us-east-1", "s3", *base::parse_rfc3339("2013-05-24T00:00:00Z")};

  RequestToSign request(const std::string& method, const std::string& path, net::QueryParameters query = {}) {
    return {method,
            path,
            std::move(query),
            {{"Host", "examplebucket.s3.amazonaws.com"},
             {"x-amz-content-sha256", kEmptyHash},
             {"x-amz-date", "20130524T000000Z"}},
            kEmptyHash};
  }
  std::string header(const std::string& names, const std::string& signature) {
    return "AWS4-HMAC-SHA256 "
           "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=" +
           names + ",Signature=" + signature;
  }
};

TEST_F(S3Documentation, GetObjectWithARange) {
  RequestToSign get = request("GET", "/test.txt");
  get.headers.emplace_back("Range", "bytes=0-9");
  EXPECT_EQ(authorization_header(get, credentials, scope),
            header("host;range;x-amz-content-sha256;x-amz-date",
                   "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"));
}

TEST_F(S3Documentation, PutObject) {
  const std::string hash = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
  const RequestToSign put = {"PUT",
                             "/test%24file.text",
                             {},
                             {{"date", "Fri, 24 May 2013 00:00:00 GMT"},
                              {"host", "examplebucket.s3.amazonaws.com"},
                              {"x-amz-content-sha256", hash},
                              {"x-amz-date", "20130524T000000Z"},
                              {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                             hash};
  EXPECT_EQ(authorization_header(put, credentials, scope),
            header("date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
                   "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"));
}

TEST_F(S3Documentation, GetBucketLifecycle) {
  EXPECT_EQ(authorization_header(request("GET", "/", {{"lifecycle", ""}}), credentials, scope),
            header("host;x-amz-content-sha256;x-amz-date",
                   "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"));
}

TEST_F(S3Documentation, ListObjects) {
  EXPECT_EQ(
      authorization_header(request("GET", "/", {{"prefix", "J"}, {"max-keys", "2"}}), credentials, scope),
      header("host;x-amz-content-sha256;x-amz-date",
             "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
}

TEST_F(S3Documentation, PresignedGet) {
  const RequestToSign get = {
      "GET", "/test.txt", {}, {{"host", "examplebucket.s3.amazonaws.com"}}, "UNSIGNED-PAYLOAD"};
  EXPECT_EQ(
      presigned_query(get, credentials, scope, 86400),
      "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2F"
      "aws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature="
      "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

// The Signature Version 4 test suite ("aws4_testsuite").
class SignatureTestSuite : public testing::Test {
 protected:
  Credentials credentials{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""};
  SigningScope scope{"us-east-1", "service", *base::parse_rfc3339("2015-08-30T12:36:00Z")};

  std::string sign(const std::string& method, net::QueryParameters query) {
    const RequestToSign request = {method,
                                   "/",
                                   std::move(query),
                                   {{"Host", "example.amazonaws.com"}, {"X-Amz-Date", "20150830T123600Z"}},
                                   kEmptyHash};
    const std::string header = authorization_header(request, credentials, scope);
    EXPECT_TRUE(
        header.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request,"
                           "SignedHeaders=host;x-amz-date,Signature="));
    return header.substr(header.rfind('=') + 1);
  }
};

TEST_F(SignatureTestSuite, GetVanilla) {
  EXPECT_EQ(sign("GET", {}), "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
}

TEST_F(SignatureTestSuite, GetVanillaQueryOrderKeyCase) {
  EXPECT_EQ(sign("GET", {{"Param2", "value2"}, {"Param1", "value1"}}),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
}

TEST_F(SignatureTestSuite, PostVanilla) {
  EXPECT_EQ(sign("POST", {}), "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
}

}  // namespace
}  // namespace salvor::storage::s3
