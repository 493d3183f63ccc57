#include "storage/location.h"

#include <cstdlib>
#include <filesystem>
#include <set>

#include "base/error.h"
#include "base/retry.h"
#include "net/url.h"
#include "storage/decorators.h"
#include "storage/file_object_store.h"
#include "storage/rest/rest_object_store.h"
#include "storage/s3/s3_object_store.h"
#include "storage/tls.h"

namespace salvor::storage {

namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;

const std::set<std::string>& aws_keys() {
  static const std::set<std::string> kKeys = {"region",
                                              "s3Url",
                                              "publicUrl",
                                              "s3ForcePathStyle",
                                              "kmsKeyId",
                                              "serverSideEncryption",
                                              "profile",
                                              "insecureSkipTLSVerify",
                                              "checksumAlgorithm",
                                              "enableSharedConfig",
                                              "signatureVersion",
                                              "resticRepoPrefix"};
  return kKeys;
}

const std::set<std::string>& filesystem_keys() {
  static const std::set<std::string> kKeys = {"root", "resticRepoPrefix"};
  return kKeys;
}

std::string joined(const std::set<std::string>& words) {
  return fmt::format("{}", fmt::join(words, ", "));
}

// The settings of one location, and the errors that name them.
class Settings {
 public:
  Settings(const BucketLocation& location, const std::set<std::string>& known) : location_(location) {
    for (const auto& [key, value] : location.config) {
      if (!known.contains(key)) {
        base::fail(ErrorCode::kInvalidArgument,
                   "unknown config key \"{}\" for provider \"{}\"\nhint: it takes {}", key, location.provider,
                   joined(known));
      }
    }
  }

  std::string text(const std::string& key) const {
    const auto found = location_.config.find(key);
    return found == location_.config.end() ? "" : found->second;
  }

  // As Go's strconv.ParseBool, which Velero's plugin uses.
  bool boolean(const std::string& key) const {
    const std::string value = text(key);
    static const std::set<std::string> kTrue = {"1", "t", "T", "true", "TRUE", "True"};
    static const std::set<std::string> kFalse = {"", "0", "f", "F", "false", "FALSE", "False"};
    if (!kTrue.contains(value) && !kFalse.contains(value)) invalid(key, "neither true nor false");
    return kTrue.contains(value);
  }

  std::string one_of(const std::string& key, const std::set<std::string>& allowed) const {
    const std::string value = text(key);
    if (!value.empty() && !allowed.contains(value)) invalid(key, "not one of " + joined(allowed));
    return value;
  }

  std::string url(const std::string& key) const {
    const std::string value = text(key);
    if (value.empty()) return value;
    const net::Url url = net::parse_url(value);
    if (url.scheme != "http" && url.scheme != "https") invalid(key, "not an http:// or https:// URL");
    if (!url.query.empty()) invalid(key, "a URL with a query");
    return value;
  }

  [[noreturn]] void invalid(const std::string& key, std::string_view why) const {
    base::fail(ErrorCode::kInvalidArgument, "config key \"{}\" is \"{}\": {}", key, text(key), why);
  }

 private:
  const BucketLocation& location_;
};

std::shared_ptr<s3::CredentialsProvider> credentials_of(const std::optional<std::string>& ini,
                                                        const std::string& profile) {
  if (!ini) return s3::default_credentials(profile);
  try {
    return s3::static_credentials(s3::parse_credentials_ini(*ini, profile.empty() ? "default" : profile));
  } catch (Error& error) {
    throw Error(ErrorCode::kUnauthenticated, "unusable credentials: " + error.message());
  }
}

s3::S3Options s3_options(const BucketLocation& location) {
  const Settings settings(location, aws_keys());
  s3::S3Options options;
  options.bucket = location.bucket;
  options.endpoint = settings.url("s3Url");
  options.public_endpoint = settings.url("publicUrl");
  options.region = settings.text("region");
  options.path_style = settings.boolean("s3ForcePathStyle");
  options.insecure_skip_verify = settings.boolean("insecureSkipTLSVerify");
  options.ca_pem = location.ca_pem;
  options.kms_key_id = settings.text("kmsKeyId");
  options.server_side_encryption = settings.one_of("serverSideEncryption", {"AES256", "aws:kms"});
  // Every body is sent with its SHA-256 in the signature, which the server checks: no second checksum is
  // needed.
  settings.one_of("checksumAlgorithm", {"CRC32", "CRC32C", "SHA1", "SHA256"});
  settings.boolean("enableSharedConfig");
  if (settings.one_of("signatureVersion", {"1", "4"}) == "1") {
    settings.invalid("signatureVersion", "only version 4 is supported");
  }
  return options;
}

fs::path filesystem_bucket(const BucketLocation& location) {
  const Settings settings(location, filesystem_keys());
  const fs::path root = settings.text("root");
  if (root.empty()) {
    base::fail(ErrorCode::kInvalidArgument,
               "config key \"root\" of provider \"{}\" is missing: the directory that holds buckets",
               location.provider);
  }
  if (!root.is_absolute()) settings.invalid("root", "not an absolute path");
  if (location.bucket == "." || location.bucket == ".." || location.bucket.find('\0') != std::string::npos) {
    base::fail(ErrorCode::kInvalidArgument, "invalid bucket name \"{}\"", location.bucket);
  }
  return root / location.bucket;
}

std::string provider_of(const BucketLocation& location) {
  const auto provider = known_provider(location.provider);
  if (!provider) {
    base::fail(ErrorCode::kInvalidArgument,
               "unknown object storage provider \"{}\"\nhint: known are velero.io/aws (or aws) and "
               "salvor.io/filesystem (or filesystem)",
               location.provider);
  }
  if (location.bucket.empty() || location.bucket.find('/') != std::string::npos) {
    base::fail(
        ErrorCode::kInvalidArgument, "invalid bucket name \"{}\": {}", location.bucket,
        location.bucket.empty() ? "it is empty" : "it holds a slash; use the prefix for folders in a bucket");
  }
  return *provider;
}

std::shared_ptr<ObjectStore> retrying(std::unique_ptr<ObjectStore> store,
                                      const StoreEnvironment& environment) {
  return with_retry(std::move(store), environment.retry, environment.random, environment.logger);
}

std::shared_ptr<ObjectStore> open_s3_url(const std::string& url, std::string rest,
                                         const StoreEnvironment& environment,
                                         const RepositoryUrlOptions& given) {
  // "s3://host/bucket" is an old form of "s3:host/bucket".
  if (rest.starts_with("//")) rest.erase(0, 2);
  if (!rest.starts_with("http://") && !rest.starts_with("https://")) rest = "https://" + rest;
  const net::Url parsed = net::parse_url(rest);
  const std::string path = net::percent_decode(parsed.path);
  const size_t bucket_end = std::min(path.find('/', 1), path.size());
  s3::S3Options options;
  if (path.size() > 1) options.bucket = path.substr(1, bucket_end - 1);
  if (options.bucket.empty()) {
    base::fail(ErrorCode::kInvalidArgument,
               "invalid repository URL \"{}\": it names no bucket\nhint: s3:https://HOST/BUCKET/PREFIX", url);
  }
  options.region = given.region;
  const bool aws = parsed.host == "s3.amazonaws.com" || parsed.host.ends_with(".amazonaws.com") ||
                   parsed.host.ends_with(".amazonaws.com.cn");
  options.path_style = given.path_style.value_or(!aws);
  // The global name is served by every region's own.
  if (parsed.host != "s3.amazonaws.com") options.endpoint = parsed.scheme + "://" + parsed.authority();
  options.ca_pem = given.ca_pem;
  options.client_pem = given.client_pem;
  options.insecure_skip_verify = given.insecure_skip_verify;
  options.user_agent = given.user_agent;
  if (given.stall_timeout) options.stall_timeout = *given.stall_timeout;
  options.part_retry = environment.retry;
  auto credentials = credentials_of(given.credentials_ini, given.profile);
  if (given.create)
    base::retry(environment.retry, *environment.random, {},
                [&] { s3::ensure_bucket(options, *credentials, environment.clock); });
  auto store = s3::make_s3_object_store(options, std::move(credentials), environment.clock);
  return with_prefix(retrying(std::move(store), environment), path.substr(bucket_end));
}

std::string environment_text(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Where "user:password@" of a URL's authority begins and ends, without the "@"; npos: it has none.
struct UserInfo {
  size_t begin, end;
};
std::optional<UserInfo> user_info(std::string_view url) {
  const size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return std::nullopt;
  const size_t begin = scheme + 3;
  const size_t end = url.substr(0, url.find('/', begin)).rfind('@');
  if (end == std::string_view::npos || end < begin) return std::nullopt;
  return UserInfo{begin, end};
}

std::shared_ptr<ObjectStore> open_rest_url(const std::string& url, std::string rest,
                                           const StoreEnvironment& environment,
                                           const RepositoryUrlOptions& given) {
  rest::RestOptions options;
  options.user = environment_text("RESTIC_REST_USERNAME");
  options.password = environment_text("RESTIC_REST_PASSWORD");
  if (const auto user = user_info(rest)) {
    const std::string text = rest.substr(user->begin, user->end - user->begin);
    const size_t colon = std::min(text.find(':'), text.size());
    options.user = net::percent_decode(text.substr(0, colon));
    options.password = colon < text.size() ? net::percent_decode(text.substr(colon + 1)) : "";
    rest.erase(user->begin, user->end + 1 - user->begin);
  }
  const net::Url parsed = net::parse_url(rest);
  if (parsed.scheme != "http" && parsed.scheme != "https") {
    base::fail(ErrorCode::kInvalidArgument,
               "invalid repository URL \"{}\": a REST server is reached by http or https\n"
               "hint: rest:https://HOST:8000/PATH",
               redacted_repository_url(url));
  }
  options.url = rest;
  options.tls = client_tls(given.ca_pem, given.client_pem, given.insecure_skip_verify);
  options.user_agent = given.user_agent;
  if (given.stall_timeout) options.stall_timeout = *given.stall_timeout;
  options.create = given.create;
  return retrying(rest::make_rest_object_store(std::move(options)), environment);
}

}  // namespace

std::string redacted_repository_url(const std::string& url) {
  const auto user = user_info(url);
  if (!user) return url;
  const size_t colon = url.find(':', user->begin);
  if (colon == std::string::npos || colon >= user->end) return url;
  return url.substr(0, colon + 1) + "***" + url.substr(user->end);
}

std::optional<std::string> known_provider(const std::string& provider) {
  if (provider == "aws" || provider == "velero.io/aws") return "aws";
  if (provider == "filesystem" || provider == "salvor.io/filesystem") return "filesystem";
  return std::nullopt;
}

std::shared_ptr<ObjectStore> open_bucket(const BucketLocation& location,
                                         const StoreEnvironment& environment) {
  if (provider_of(location) == "filesystem") {
    return retrying(make_file_object_store(filesystem_bucket(location)), environment);
  }
  s3::S3Options options = s3_options(location);
  options.part_retry = environment.retry;
  const auto profile = location.config.find("profile");
  auto credentials =
      credentials_of(location.credentials_ini, profile == location.config.end() ? "" : profile->second);
  return retrying(s3::make_s3_object_store(options, std::move(credentials), environment.clock), environment);
}

void create_bucket(const BucketLocation& location, const StoreEnvironment& environment) {
  if (provider_of(location) == "filesystem") {
    make_file_object_store(filesystem_bucket(location), {.create = true});
    return;
  }
  const auto profile = location.config.find("profile");
  const auto credentials =
      credentials_of(location.credentials_ini, profile == location.config.end() ? "" : profile->second);
  base::retry(environment.retry, *environment.random, {},
              [&] { s3::create_bucket(s3_options(location), *credentials, environment.clock); });
}

std::shared_ptr<ObjectStore> open_repository_url(const std::string& url, const StoreEnvironment& environment,
                                                 const RepositoryUrlOptions& options) {
  if (url.starts_with("s3:")) return open_s3_url(url, url.substr(3), environment, options);
  if (url.starts_with("rest:")) return open_rest_url(url, url.substr(5), environment, options);
  static const std::set<std::string> kOthers = {"sftp", "swift", "b2", "azure", "gs", "rclone"};
  const std::string scheme = url.substr(0, url.find(':'));
  if (scheme.size() < url.size() && kOthers.contains(scheme)) {
    base::fail(ErrorCode::kUnsupported,
               "repository URL \"{}\": backend \"{}\" is not supported by this version", url, scheme);
  }
  const std::string path = url.starts_with("local:") ? url.substr(6) : url;
  if (path.empty()) base::fail(ErrorCode::kInvalidArgument, "the repository's location is empty");
  return retrying(make_file_object_store(fs::absolute(path), {.create = options.create}), environment);
}

}  // namespace salvor::storage
