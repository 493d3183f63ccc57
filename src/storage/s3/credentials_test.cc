#include "storage/s3/credentials.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"
#include "base/file.h"

namespace salvor::storage::s3 {
namespace {

using base::ErrorCode;

const char* const kIni =
    "# a comment\n[default]\naws_access_key_id = AK1\naws_secret_access_key=SK1==\n\n"
    "[ other ]\r\n; more\r\nAWS_ACCESS_KEY_ID=AK2\r\naws_secret_access_key = SK2\r\naws_session_token=T2\r\n"
    "region = eu-west-1\r\n[half]\naws_access_key_id=AK3\n";

ErrorCode code_of(const std::function<void()>& function) {
  try {
    function();
  } catch (const base::Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorCode::kInternal;
}

TEST(CredentialsIni, HoldsProfiles) {
  const Credentials first = parse_credentials_ini(kIni, "default");
  EXPECT_EQ(first.access_key_id, "AK1");
  EXPECT_EQ(first.secret_access_key, "SK1==");
  EXPECT_EQ(first.session_token, "");
  const Credentials other = parse_credentials_ini(kIni, "other");
  EXPECT_EQ(other.access_key_id, "AK2");
  EXPECT_EQ(other.secret_access_key, "SK2");
  EXPECT_EQ(other.session_token, "T2");
}

TEST(CredentialsIni, AMissingOrIncompleteProfileIsAnError) {
  EXPECT_EQ(code_of([] { parse_credentials_ini(kIni, "nobody"); }), ErrorCode::kNotFound);
  EXPECT_EQ(code_of([] { parse_credentials_ini(kIni, "half"); }), ErrorCode::kUnauthenticated);
}

class DefaultCredentialsTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : kNames) {
      if (const char* value = std::getenv(name)) saved_[name] = value;
      ::unsetenv(name);
    }
    ::setenv("HOME", directory_.path().c_str(), 1);
  }
  void TearDown() override {
    for (const char* name : kNames) {
      ::unsetenv(name);
      if (saved_.contains(name)) ::setenv(name, saved_[name].c_str(), 1);
    }
  }
  static constexpr const char* kNames[] = {"AWS_ACCESS_KEY_ID",           "AWS_SECRET_ACCESS_KEY",
                                           "AWS_SESSION_TOKEN",           "AWS_PROFILE",
                                           "AWS_SHARED_CREDENTIALS_FILE", "HOME"};
  base::TempDir directory_;
  std::map<std::string, std::string> saved_;
};

TEST_F(DefaultCredentialsTest, ComeFromTheEnvironmentFirst) {
  ::setenv("AWS_ACCESS_KEY_ID", "AKE", 1);
  ::setenv("AWS_SECRET_ACCESS_KEY", "SKE", 1);
  EXPECT_EQ(default_credentials()->get().access_key_id, "AKE");
}

TEST_F(DefaultCredentialsTest, ComeFromTheFileInTheHomeDirectory) {
  std::filesystem::create_directory(directory_.path() / ".aws");
  base::write_file_atomic(directory_.path() / ".aws/credentials", kIni);
  EXPECT_EQ(default_credentials()->get().access_key_id, "AK1");
  ::setenv("AWS_PROFILE", "other", 1);
  EXPECT_EQ(default_credentials()->get().access_key_id, "AK2");
}

TEST_F(DefaultCredentialsTest, AGivenProfileWinsOverTheEnvironment) {
  ::setenv("AWS_ACCESS_KEY_ID", "AKE", 1);
  ::setenv("AWS_SECRET_ACCESS_KEY", "SKE", 1);
  const auto file = directory_.path() / "file";
  ::setenv("AWS_SHARED_CREDENTIALS_FILE", file.c_str(), 1);
  base::write_file_atomic(file, kIni);
  EXPECT_EQ(default_credentials("other")->get().access_key_id, "AK2");
}

TEST_F(DefaultCredentialsTest, AreReadAgainWhenTheFileChanges) {
  const auto file = directory_.path() / "file";
  ::setenv("AWS_SHARED_CREDENTIALS_FILE", file.c_str(), 1);
  base::write_file_atomic(file, kIni);
  const auto provider = default_credentials();
  EXPECT_EQ(provider->get().access_key_id, "AK1");
  base::write_file_atomic(file, "[default]\naws_access_key_id=ROTATED\naws_secret_access_key=x\n");
  EXPECT_EQ(provider->get().access_key_id, "ROTATED");
}

TEST_F(DefaultCredentialsTest, SayWhereTheyLookedWhenThereAreNone) {
  try {
    default_credentials()->get();
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnauthenticated);
    EXPECT_NE(error.message().find("AWS_ACCESS_KEY_ID"), std::string::npos);
    EXPECT_NE(error.message().find((directory_.path() / ".aws/credentials").string()), std::string::npos);
  }
}

}  // namespace
}  // namespace salvor::storage::s3
