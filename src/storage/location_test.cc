#include "storage/location.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"
#include "base/file.h"
#include "storage/s3_services_test_support.h"

namespace salvor::storage {
namespace {

using base::ErrorCode;

const base::SystemClock kClock;

StoreEnvironment test_environment() {
  return {kClock, std::make_shared<base::SystemRandom>(), {}, {2, std::chrono::milliseconds(1)}};
}

base::Error error_of(const std::function<void()>& function) {
  try {
    function();
  } catch (const base::Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return {ErrorCode::kInternal, ""};
}

BucketLocation aws(std::map<std::string, std::string> config) {
  return {"velero.io/aws", "bucket", std::move(config), "",
          "[default]\naws_access_key_id=a\naws_secret_access_key=b\n"};
}

TEST(BucketLocationTest, UnknownProvidersAndKeysAreNamed) {
  base::Error error = error_of([] { open_bucket({"azure", "b"}, test_environment()); });
  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(error.message().find("\"azure\""), std::string::npos);
  error = error_of([] { open_bucket(aws({{"regoin", "x"}}), test_environment()); });
  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(error.message().find("\"regoin\""), std::string::npos);
  error = error_of([] { open_bucket({"filesystem", "b", {{"region", "x"}}}, test_environment()); });
  EXPECT_NE(error.message().find("\"region\""), std::string::npos);
}

TEST(BucketLocationTest, MalformedValuesAreRefused) {
  for (const auto& [key, value] : std::map<std::string, std::string>{{"s3ForcePathStyle", "yes"},
                                                                     {"insecureSkipTLSVerify", "on"},
                                                                     {"s3Url", "minio:9000"},
                                                                     {"publicUrl", "ftp://host"},
                                                                     {"serverSideEncryption", "rot13"},
                                                                     {"checksumAlgorithm", "MD4"},
                                                                     {"signatureVersion", "1"}}) {
    EXPECT_EQ(error_of([&] {
                open_bucket(aws({{key, value}}), test_environment());
              }).code(),
              ErrorCode::kInvalidArgument)
        << key;
  }
  for (const char* bucket : {"", "a/b", ".."}) {
    EXPECT_EQ(error_of([&] {
                open_bucket({"filesystem", bucket, {{"root", "/srv"}}}, test_environment());
              }).code(),
              ErrorCode::kInvalidArgument)
        << bucket;
  }
  EXPECT_EQ(error_of([] {
              open_bucket({"filesystem", "b"}, test_environment());
            }).code(),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of([] {
              open_bucket({"filesystem", "b", {{"root", "here"}}}, test_environment());
            }).code(),
            ErrorCode::kInvalidArgument);
}

TEST(BucketLocationTest, AwsNeedsNoMoreThanABucket) {
  EXPECT_EQ(open_bucket(aws({{"region", "eu-central-1"}}), test_environment())->describe(),
            "s3:https://s3.eu-central-1.amazonaws.com/bucket");
  EXPECT_EQ(open_bucket(aws({{"s3Url", "http://minio:9000"},
                             {"s3ForcePathStyle", "true"},
                             {"checksumAlgorithm", ""},
                             {"resticRepoPrefix", "s3:http://minio:9000/b/restic"}}),
                        test_environment())
                ->describe(),
            "s3:http://minio:9000/bucket");
}

TEST(BucketLocationTest, PresignedUrlsUseThePublicAddress) {
  const auto store = open_bucket(aws({{"s3Url", "http://minio:9000"},
                                      {"publicUrl", "https://s3.example.org"},
                                      {"s3ForcePathStyle", "true"},
                                      {"region", "r"}}),
                                 test_environment());
  EXPECT_TRUE(
      store->presigned_get("k", std::chrono::minutes(10))->starts_with("https://s3.example.org/bucket/k?"));
  const auto virtual_host =
      open_bucket(aws({{"s3Url", "http://minio:9000"}, {"region", "r"}}), test_environment());
  EXPECT_TRUE(
      virtual_host->presigned_get("k", std::chrono::minutes(10))->starts_with("http://bucket.minio:9000/k?"));
  const auto address =
      open_bucket(aws({{"s3Url", "http://10.0.0.1:9000"}, {"region", "r"}}), test_environment());
  EXPECT_TRUE(
      address->presigned_get("k", std::chrono::minutes(10))->starts_with("http://10.0.0.1:9000/bucket/k?"));
}

TEST(BucketLocationTest, AProfileThatIsMissingIsUnauthenticated) {
  EXPECT_EQ(error_of([] {
              open_bucket(aws({{"profile", "nobody"}}), test_environment());
            }).code(),
            ErrorCode::kUnauthenticated);
}

TEST(BucketLocationTest, FilesystemBucketsAreFoldersOfTheRoot) {
  const base::TempDir directory;
  const BucketLocation location{"salvor.io/filesystem", "bucket", {{"root", directory.path()}}};
  const auto store = open_bucket(location, test_environment());
  EXPECT_EQ(error_of([&] { store->list_page({}); }).code(), ErrorCode::kNotFound);
  create_bucket(location, test_environment());
  create_bucket(location, test_environment());
  store->put("velero/x", "data");
  EXPECT_EQ(base::read_file(directory.path() / "bucket/velero/x"), "data");
}

TEST(RepositoryUrl, MayBeAPath) {
  const base::TempDir directory;
  const std::string path = directory.path() / "repo";
  EXPECT_EQ(error_of([&] { open_repository_url(path, test_environment())->get("config"); }).code(),
            ErrorCode::kNotFound);
  open_repository_url("local:" + path, test_environment(), {.create = true})->put("config", "x");
  EXPECT_EQ(open_repository_url(path, test_environment())->get("config"), "x");
}

TEST(RepositoryUrl, MayBeS3InItsForms) {
  const RepositoryUrlOptions options{
      .region = "eu-west-1", .credentials_ini = "[default]\naws_access_key_id=a\naws_secret_access_key=b\n"};
  const auto describe = [&](const std::string& url) {
    return open_repository_url(url, test_environment(), options)->describe();
  };
  EXPECT_EQ(describe("s3:http://127.0.0.1:9000/bucket/a/b/"), "s3:http://127.0.0.1:9000/bucket/a/b");
  EXPECT_EQ(describe("s3:https://host/bucket"), "s3:https://host/bucket");
  EXPECT_EQ(describe("s3:host:9000/bucket/p"), "s3:https://host:9000/bucket/p");
  EXPECT_EQ(describe("s3:s3.amazonaws.com/bucket/p"), "s3:https://s3.eu-west-1.amazonaws.com/bucket/p");
  const auto url = [&](const std::string& repository) {
    return *open_repository_url(repository, test_environment(), options)
                ->presigned_get("config", std::chrono::hours(1));
  };
  EXPECT_TRUE(
      url("s3:s3.amazonaws.com/bucket/p").starts_with("https://bucket.s3.eu-west-1.amazonaws.com/p/config?"));
  EXPECT_TRUE(url("s3:https://host/bucket/p").starts_with("https://host/bucket/p/config?"));
}

TEST(RepositoryUrl, OtherFormsAreRefused) {
  EXPECT_EQ(error_of([] { open_repository_url("s3:http://host:9000", test_environment()); }).code(),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of([] { open_repository_url("", test_environment()); }).code(),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of([] { open_repository_url("sftp:host:/x", test_environment()); }).code(),
            ErrorCode::kUnsupported);
}

TEST(BucketLocationOnCeph, WorksInPathAndVirtualHostStyle) {
  const test_services::S3Service& service = test_services::ceph_service();
  BucketLocation location = service.new_bucket(test_environment());
  open_bucket(location, test_environment())->put("a/b", "data");
  // The gateway's DNS name is localhost, below which every name is this machine.
  const std::string port = service.endpoint.substr(service.endpoint.rfind(':'));
  location.config = {{"region", "us-east-1"}, {"s3Url", "http://localhost" + port}};
  const auto virtual_host = open_bucket(location, test_environment());
  EXPECT_EQ(virtual_host->get("a/b"), "data");
  EXPECT_EQ(virtual_host->list_page({}).objects.size(), 1u);
  const auto repository =
      open_repository_url(fmt::format("s3:{}/{}/a", service.endpoint, location.bucket), test_environment(),
                          {.credentials_ini = service.credentials_ini()});
  EXPECT_EQ(repository->get("b"), "data");
}

TEST(BucketLocationOnCeph, WrongKeysAreUnauthenticated) {
  const test_services::S3Service& service = test_services::ceph_service();
  BucketLocation location = service.new_bucket(test_environment());
  location.credentials_ini = "[default]\naws_access_key_id=NOBODY\naws_secret_access_key=x\n";
  EXPECT_EQ(error_of([&] { open_bucket(location, test_environment())->list_page({}); }).code(),
            ErrorCode::kUnauthenticated);
  location.credentials_ini =
      fmt::format("[default]\naws_access_key_id={}\naws_secret_access_key=x\n", service.access_key);
  EXPECT_EQ(error_of([&] { open_bucket(location, test_environment())->list_page({}); }).code(),
            ErrorCode::kUnauthenticated);
}

}  // namespace
}  // namespace salvor::storage
