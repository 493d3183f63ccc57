#include "storage/s3/credentials.h"

#include <sys/stat.h>

#include <cstdlib>
#include <mutex>
#include <sstream>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace salvor::storage::s3 {

namespace {

using base::Error;
using base::ErrorCode;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

class StaticCredentials final : public CredentialsProvider {
 public:
  explicit StaticCredentials(Credentials credentials) : credentials_(std::move(credentials)) {}
  Credentials get() override { return credentials_; }

 private:
  const Credentials credentials_;
};

class DefaultCredentials final : public CredentialsProvider {
 public:
  explicit DefaultCredentials(std::string profile) : profile_(std::move(profile)) {}

  Credentials get() override {
    if (profile_.empty()) {
      Credentials found{environment("AWS_ACCESS_KEY_ID"), environment("AWS_SECRET_ACCESS_KEY"),
                        environment("AWS_SESSION_TOKEN")};
      if (!found.access_key_id.empty() && !found.secret_access_key.empty()) return found;
    }
    std::string path = environment("AWS_SHARED_CREDENTIALS_FILE");
    if (path.empty()) path = environment("HOME") + "/.aws/credentials";
    std::string profile = profile_.empty() ? environment("AWS_PROFILE") : profile_;
    if (profile.empty()) profile = "default";
    return from_file(path, profile);
  }

 private:
  Credentials from_file(const std::string& path, const std::string& profile) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) {
      throw Error(
          ErrorCode::kUnauthenticated,
          fmt::format(
              "no S3 credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are {}, and \"{}\" cannot "
              "be read\nhint: set them, or give a credentials file",
              profile_.empty() ? "not set" : "not used because a profile is given", path));
    }
    std::lock_guard lock(mutex_);
    const bool fresh = cached_path_ == path && cached_profile_ == profile && cached_size_ == info.st_size &&
                       cached_modified_.tv_sec == info.st_mtim.tv_sec &&
                       cached_modified_.tv_nsec == info.st_mtim.tv_nsec;
    if (!fresh) {
      try {
        cached_ = parse_credentials_ini(base::read_file(path), profile);
      } catch (Error& error) {
        error.add_context(fmt::format("credentials file \"{}\"", path));
        throw Error(ErrorCode::kUnauthenticated, error.message());
      }
      cached_path_ = path;
      cached_profile_ = profile;
      cached_size_ = info.st_size;
      cached_modified_ = info.st_mtim;
    }
    return cached_;
  }

  const std::string profile_;
  std::mutex mutex_;  // guards all below
  Credentials cached_;
  std::string cached_path_, cached_profile_;
  off_t cached_size_ = -1;
  timespec cached_modified_{};
};

}  // namespace

std::shared_ptr<CredentialsProvider> static_credentials(Credentials credentials) {
  return std::make_shared<StaticCredentials>(std::move(credentials));
}

std::shared_ptr<CredentialsProvider> default_credentials(const std::string& profile) {
  return std::make_shared<DefaultCredentials>(profile);
}

Credentials parse_credentials_ini(const std::string& text, const std::string& profile) {
  std::istringstream lines(text);
  std::string line;
  bool inside = false, found = false;
  Credentials credentials;
  while (std::getline(lines, line)) {
    const std::string_view content = base::trim(line);
    if (content.empty() || content[0] == '#' || content[0] == ';') continue;
    if (content[0] == '[') {
      std::string_view name = base::trim(content.substr(1, content.find(']') - 1));
      if (name.starts_with("profile ")) name = base::trim(name.substr(8));  // as in ~/.aws/config
      inside = name == profile;
      found = found || inside;
      continue;
    }
    const size_t equals = content.find('=');
    if (!inside || equals == std::string_view::npos) continue;
    const std::string name = base::to_lower(base::trim(content.substr(0, equals)));
    const std::string value(base::trim(content.substr(equals + 1)));
    if (name == "aws_access_key_id") credentials.access_key_id = value;
    if (name == "aws_secret_access_key") credentials.secret_access_key = value;
    if (name == "aws_session_token") credentials.session_token = value;
  }
  if (!found) base::fail(ErrorCode::kNotFound, "there is no profile \"{}\"", profile);
  if (credentials.access_key_id.empty() || credentials.secret_access_key.empty()) {
    base::fail(ErrorCode::kUnauthenticated, "profile \"{}\" lacks aws_access_key_id or aws_secret_access_key",
               profile);
  }
  return credentials;
}

}  // namespace salvor::storage::s3
