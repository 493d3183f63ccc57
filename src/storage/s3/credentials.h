// Where S3 keys come from. Providers cache; get() may do I/O. Thread-safe.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

namespace salvor::storage::s3 {

struct Credentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;  // "" when there is none
};

class CredentialsProvider {
 public:
  virtual ~CredentialsProvider() = default;
  // Throws kUnauthenticated, saying where it looked, when there are none.
  virtual Credentials get() = 0;
};

std::shared_ptr<CredentialsProvider> static_credentials(Credentials credentials);

// AWS_ACCESS_KEY_ID / AWS_SECRET_ACCESS_KEY / AWS_SESSION_TOKEN, else the profile of the shared credentials
// file (AWS_SHARED_CREDENTIALS_FILE or ~/.aws/credentials; AWS_PROFILE, else "default"). A `profile` that is
// given wins over the environment's keys, as in AWS's own tools. The file is read again when it has changed:
// tokens are rotated in it.
std::shared_ptr<CredentialsProvider> default_credentials(const std::string& profile = "");

// Parses an AWS shared-credentials INI text; kNotFound when the profile is not there.
Credentials parse_credentials_ini(const std::string& text, const std::string& profile);

}  // namespace salvor::storage::s3
