#include "storage/s3/s3_object_store.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"
#include "net/http_server.h"
#include "net/url.h"
#include "storage/decorators.h"
#include "storage/s3/client.h"
#include "storage/s3/responses.h"
#include "storage/s3_services_test_support.h"

namespace salvor::storage::s3 {
namespace {

using base::ErrorCode;
constexpr size_t kMiB = 1024 * 1024;

const base::ManualClock kNoon{*base::parse_rfc3339("2026-11-22T12:00:00Z")};

struct Answer {
  int status = 200;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

std::string error_document(const std::string& code, const std::string& more = "") {
  return fmt::format("<?xml version=\"1.0\"?><Error><Code>{}</Code><Message>about {}</Message>{}</Error>",
                     code, code, more);
}

// A server that answers as the test says, and a store that speaks to it.
class FakeS3 {
 public:
  using Handler = std::function<Answer(const net::ServerRequest&)>;
  explicit FakeS3(Handler handler)
      : server_({},
                [handler = std::move(handler)](const net::ServerRequest& request, net::ServerReply& reply) {
                  Answer answer = handler(request);
                  // Each answer ends its connection, so that no test depends on the state that the one before
                  // left.
                  answer.headers.emplace_back("Connection", "close");
                  reply.send(answer.status, answer.headers, answer.body);
                }) {}

  S3Options options() const {
    S3Options options;
    options.endpoint = fmt::format("http://127.0.0.1:{}", server_.port());
    options.region = "us-east-1";
    options.bucket = "bucket";
    options.part_size = 1000;
    options.part_retry = {8, std::chrono::milliseconds(1), std::chrono::milliseconds(1)};
    return options;
  }
  std::unique_ptr<ObjectStore> store(S3Options options) const {
    return make_s3_object_store(std::move(options), static_credentials({"AK", "SK", ""}), kNoon);
  }
  std::unique_ptr<ObjectStore> store() const { return store(options()); }

 private:
  net::HttpServer server_;
};

base::Error error_of(const std::function<void()>& function) {
  try {
    function();
  } catch (const base::Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return {ErrorCode::kInternal, ""};
}

base::Error get_error(Answer answer) {
  const FakeS3 server([&](const net::ServerRequest&) { return answer; });
  return error_of([&] { server.store()->get("key"); });
}

TEST(S3Errors, SayWhatTheServerSaid) {
  const base::Error error = get_error({403, error_document("AccessDenied"), {}});
  EXPECT_EQ(error.code(), ErrorCode::kPermissionDenied);
  EXPECT_FALSE(error.retryable());
  EXPECT_NE(error.message().find("object \"key\" in s3:http://127.0.0.1:"), std::string::npos)
      << error.message();
  EXPECT_NE(error.message().find("HTTP 403 AccessDenied: about AccessDenied"), std::string::npos)
      << error.message();
}

TEST(S3Errors, HaveCodesThatCallersActOn) {
  struct Case {
    int status;
    const char* code;
    ErrorCode expected;
    bool retryable;
  };
  for (const Case& one :
       std::initializer_list<Case>{{404, "NoSuchKey", ErrorCode::kNotFound, false},
                                   {404, "NoSuchBucket", ErrorCode::kNotFound, false},
                                   {403, "SignatureDoesNotMatch", ErrorCode::kUnauthenticated, false},
                                   {403, "InvalidAccessKeyId", ErrorCode::kUnauthenticated, false},
                                   {403, "RequestTimeTooSkewed", ErrorCode::kUnauthenticated, false},
                                   {403, "QuotaExceeded", ErrorCode::kNoSpace, false},
                                   {503, "SlowDown", ErrorCode::kUnavailable, true},
                                   {500, "InternalError", ErrorCode::kUnavailable, true},
                                   {400, "RequestTimeout", ErrorCode::kTimeout, true},
                                   {400, "InvalidArgument", ErrorCode::kInvalidArgument, false},
                                   {507, "XMinioStorageFull", ErrorCode::kNoSpace, false}}) {
    const base::Error error = get_error({one.status, error_document(one.code), {}});
    EXPECT_EQ(error.code(), one.expected) << one.code;
    EXPECT_EQ(error.retryable(), one.retryable) << one.code;
  }
}

TEST(S3Errors, OfProxiesGoByTheirStatus) {
  EXPECT_TRUE(get_error({502, "<html>bad gateway", {}}).retryable());
  EXPECT_EQ(get_error({504, "", {}}).code(), ErrorCode::kTimeout);
  EXPECT_EQ(get_error({401, "", {}}).code(), ErrorCode::kUnauthenticated);
  EXPECT_EQ(get_error({429, "", {}}).code(), ErrorCode::kUnavailable);
}

TEST(S3Errors, ARedirectNamesTheRegion) {
  const base::Error error =
      get_error({301, error_document("PermanentRedirect"), {{"x-amz-bucket-region", "eu-west-1"}}});
  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(error.message().find("the bucket is in region \"eu-west-1\", not \"us-east-1\""),
            std::string::npos)
      << error.message();
  const base::Error malformed =
      get_error({400, error_document("AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>"), {}});
  EXPECT_NE(malformed.message().find("\"eu-west-1\""), std::string::npos) << malformed.message();
}

TEST(S3Errors, AWrongClockIsNamedWithBothTimes) {
  const FakeS3 server([&](const net::ServerRequest&) {
    return Answer{403, "", {{"Date", "Sun, 22 Nov 2026 13:30:00 GMT"}}};
  });
  const base::Error error = error_of([&] { server.store()->stat("key"); });  // HEAD: there is no body
  EXPECT_EQ(error.code(), ErrorCode::kUnauthenticated);
  EXPECT_NE(error.message().find("here it is 2026-11-22T12:00:00Z, the server has 2026-11-22T13:30:00Z"),
            std::string::npos)
      << error.message();
}

TEST(S3Region, IsLearntWhenNoneWasGiven) {
  ::unsetenv("AWS_REGION");
  ::unsetenv("AWS_DEFAULT_REGION");
  std::atomic<int> requests = 0;
  const FakeS3 server([&](const net::ServerRequest& request) {
    ++requests;
    if (request.header("authorization").find("/eu-west-1/s3/") != std::string::npos)
      return Answer{200, "data", {}};
    return Answer{400, error_document("AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>"), {}};
  });
  S3Options options = server.options();
  options.region.clear();
  const auto store = server.store(options);
  EXPECT_EQ(store->get("key"), "data");
  EXPECT_EQ(store->get("key"), "data");
  EXPECT_EQ(requests, 3);
}

TEST(S3Requests, CarryEncryptionAndTheSessionToken) {
  std::mutex mutex;
  std::map<std::string, std::string> seen;
  const FakeS3 server([&](const net::ServerRequest& request) {
    std::lock_guard lock(mutex);
    for (const char* name : {"x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id",
                             "x-amz-security-token", "x-amz-content-sha256", "x-amz-date"}) {
      seen[name] = request.header(name);
    }
    return Answer{};
  });
  S3Options options = server.options();
  options.kms_key_id = "key-id";
  make_s3_object_store(options, static_credentials({"AK", "SK", "TOKEN"}), kNoon)->put("key", "");
  EXPECT_EQ(seen["x-amz-server-side-encryption"], "aws:kms");
  EXPECT_EQ(seen["x-amz-server-side-encryption-aws-kms-key-id"], "key-id");
  EXPECT_EQ(seen["x-amz-security-token"], "TOKEN");
  EXPECT_EQ(seen["x-amz-date"], "20261122T120000Z");
  EXPECT_EQ(seen["x-amz-content-sha256"], "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

// Enough of the multipart protocol to break it at will.
class MultipartS3 {
 public:
  int failures_per_part = 0;
  int lost_completions = 0;  // completions that take effect but answer 500
  bool fail_for_ever = false;
  std::string complete_body = "<CompleteMultipartUploadResult/>";

  Answer handle(const net::ServerRequest& request) {
    std::lock_guard lock(mutex_);
    const auto query = net::parse_query(request.query);
    const auto has = [&](const char* name) {
      return std::any_of(query.begin(), query.end(),
                         [&](const auto& parameter) { return parameter.first == name; });
    };
    if (request.method == "POST" && has("uploads")) {
      ++started;
      return {200, "<R xmlns=\"x\"><Bucket>bucket</Bucket><UploadId>id-1</UploadId></R>", {}};
    }
    if (request.method == "PUT" && has("partNumber")) {
      if (fail_for_ever || failures_[request.query]++ < failures_per_part) return {500, "", {}};
      largest_part = std::max(largest_part, request.body.size());
      content_ += request.body;
      return {200, "", {{"ETag", "\"etag\""}}};
    }
    if (request.method == "POST" && has("uploadId")) {
      if (completed) return {404, error_document("NoSuchUpload"), {}};
      completed = complete_body.find("<Error>") == std::string::npos;
      completion = request.body;
      if (lost_completions-- > 0) return {500, "", {}};
      return {200, complete_body, {}};
    }
    if (request.method == "DELETE" && has("uploadId")) {
      ++aborted;
      return {204, "", {}};
    }
    if (request.method == "HEAD" && completed) {
      return {200, std::string(content_.size(), ' '), {}};
    }
    if (request.method == "PUT") {
      ++plain_puts;
      return {};
    }
    return {404, "", {}};
  }

  int started = 0, aborted = 0, plain_puts = 0;
  bool completed = false;
  size_t largest_part = 0;
  std::string completion;
  std::string content() const { return content_; }

 private:
  std::mutex mutex_;
  std::map<std::string, int> failures_;
  std::string content_;
};

class S3Upload : public testing::Test {
 protected:
  std::unique_ptr<Upload> start() { return server_.store()->start_upload("key"); }
  MultipartS3 s3_;
  const FakeS3 server_{[this](const net::ServerRequest& request) { return s3_.handle(request); }};
};

TEST_F(S3Upload, ThatFitsIntoOnePartIsOnePut) {
  const auto upload = start();
  upload->write(std::string(1000, 'x'));
  upload->commit();
  EXPECT_EQ(s3_.plain_puts, 1);
  EXPECT_EQ(s3_.started, 0);
}

TEST_F(S3Upload, SendsPartsThatAreNoLargerThanTheirSize) {
  const auto upload = start();
  std::string data;
  for (int i = 0; i < 25; ++i) data += std::string(100, static_cast<char>('a' + i));
  upload->write(data);
  upload->commit();
  EXPECT_EQ(s3_.content(), data);
  EXPECT_EQ(s3_.largest_part, 1000u);
  EXPECT_NE(s3_.completion.find("<Part><PartNumber>3</PartNumber><ETag>\"etag\"</ETag></Part></Complete"),
            std::string::npos);
  EXPECT_EQ(s3_.aborted, 0);
}

TEST_F(S3Upload, RepeatsAPartThatFailsFiveTimes) {
  s3_.failures_per_part = 5;
  const auto upload = start();
  upload->write(std::string(2500, 'x'));
  upload->commit();
  EXPECT_EQ(s3_.content(), std::string(2500, 'x'));
}

TEST_F(S3Upload, ThatStopsInTheMiddleIsAborted) {
  {
    const auto upload = start();
    upload->write(std::string(1500, 'x'));
    s3_.fail_for_ever = true;
    const base::Error error = error_of([&] { upload->write(std::string(1500, 'x')); });
    EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
    EXPECT_NE(error.message().find("upload part 2 of object \"key\""), std::string::npos) << error.message();
  }
  EXPECT_EQ(s3_.aborted, 1);
  EXPECT_FALSE(s3_.completed);
}

TEST_F(S3Upload, ACancelledOneIsAbortedToo) {
  base::CancelSource source;
  {
    const auto upload = server_.store()->start_upload("key", source.token());
    upload->write(std::string(1500, 'x'));
    source.cancel();
    EXPECT_EQ(error_of([&] { upload->write("x"); }).code(), ErrorCode::kCancelled);
  }
  EXPECT_EQ(s3_.aborted, 1);
}

TEST_F(S3Upload, ACompletionWhoseAnswerIsLostCounts) {
  s3_.lost_completions = 1;
  const auto store =
      with_retry(server_.store(), {3, std::chrono::milliseconds(1), std::chrono::milliseconds(1)},
                 std::make_shared<base::SeededRandom>(1));
  const auto upload = store->start_upload("key");
  upload->write(std::string(1500, 'x'));
  upload->commit();
  EXPECT_TRUE(s3_.completed);
}

TEST_F(S3Upload, AnErrorInsideA200IsAnError) {
  s3_.complete_body = error_document("InternalError");
  const auto upload = start();
  upload->write(std::string(1500, 'x'));
  const base::Error error = error_of([&] { upload->commit(); });
  EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
  EXPECT_TRUE(error.retryable());
  EXPECT_NE(error.message().find("InternalError"), std::string::npos);
}

TEST(S3UploadOnCeph, LeavesNoPartsBehindWhenGivenUp) {
  const test_services::S3Service& service = test_services::ceph_service();
  static const base::SystemClock clock;
  const BucketLocation location = service.new_bucket({clock, std::make_shared<base::SystemRandom>()});
  S3Options options;
  options.endpoint = service.endpoint;
  options.region = "us-east-1";
  options.bucket = location.bucket;
  options.part_size = 5 * kMiB;
  const auto credentials = static_credentials({service.access_key, service.secret_key, ""});
  Client client(options, credentials, clock);
  const auto pending = [&] {
    const auto response = client.send({.method = "GET", .query = {{"uploads", ""}}}, {});
    EXPECT_EQ(response.status, 200);
    return response.body.find("<Upload>") != std::string::npos;
  };
  {
    const auto upload = make_s3_object_store(options, credentials, clock)->start_upload("k");
    upload->write(std::string(6 * kMiB, 'x'));
    EXPECT_TRUE(pending());
  }
  EXPECT_FALSE(pending());
}

TEST(S3Responses, ListsAreRead) {
  const ListPage page = parse_list(
      "<?xml version=\"1.0\"?><ListBucketResult "
      "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name>"
      "<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextContinuationToken>t&amp;1</"
      "NextContinuationToken>"
      "<Contents><Key>a%20b%2Bc+d</Key><LastModified>2026-11-22T12:00:00.123Z</"
      "LastModified><ETag>&quot;x&quot;</ETag>"
      "<Size>17</Size></Contents><CommonPrefixes><Prefix>p%2F</Prefix></CommonPrefixes></ListBucketResult>");
  ASSERT_EQ(page.objects.size(), 1u);
  EXPECT_EQ(page.objects[0].key, "a b+c d");
  EXPECT_EQ(page.objects[0].size, 17u);
  EXPECT_EQ(page.objects[0].modified, *base::parse_rfc3339("2026-11-22T12:00:00.123Z"));
  EXPECT_EQ(page.common_prefixes, std::vector<std::string>{"p/"});
  EXPECT_EQ(page.next, "t&1");
}

TEST(S3Responses, DamageIsCorrupt) {
  for (const char* body :
       {"", "<ListBucketResult>", "not xml",
        "<ListBucketResult><Contents><Key>a</Key><Size>x</Size></Contents></ListBucketResult>",
        "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"}) {
    EXPECT_EQ(error_of([&] { parse_list(body); }).code(), ErrorCode::kCorrupt) << body;
  }
  EXPECT_EQ(parse_error("<html>").code, "");
}

TEST(S3Responses, HttpDatesAreRead) {
  EXPECT_EQ(parse_http_date("Fri, 24 May 2013 00:00:00 GMT"), base::parse_rfc3339("2013-05-24T00:00:00Z"));
  EXPECT_FALSE(parse_http_date("yesterday"));
  EXPECT_FALSE(parse_http_date("Fri, 24 Foo 2013 00:00:00 GMT"));
}

}  // namespace
}  // namespace salvor::storage::s3
