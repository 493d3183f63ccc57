#include "storage/s3/client.h"

#include <cstdlib>

#include "base/text.h"
#include "codec/hash.h"
#include "storage/s3/responses.h"
#include "storage/tls.h"

namespace salvor::storage::s3 {

namespace {

using base::Error;
using base::ErrorCode;

constexpr std::uint64_t kLongestPresign = 7 * 24 * 3600;  // seconds; S3's own limit
constexpr std::chrono::minutes kToleratedSkew{15};

std::string environment_region() {
  for (const char* name : {"AWS_REGION", "AWS_DEFAULT_REGION"}) {
    if (const char* value = std::getenv(name); value != nullptr && *value != '\0') return value;
  }
  return "";
}

bool is_ip_address(const std::string& host) {
  return host.find(':') != std::string::npos || host.find_first_not_of("0123456789.") == std::string::npos;
}

struct Meaning {
  ErrorCode code;
  bool retryable = false;
  std::string_view hint = "";
};

// Error codes of S3, Ceph RGW and MinIO that say more than their HTTP status.
std::optional<Meaning> meaning_of_code(const std::string& code) {
  static const std::map<std::string, Meaning> kMeanings = {
      {"NoSuchBucket", {ErrorCode::kNotFound}},
      {"NoSuchKey", {ErrorCode::kNotFound}},
      {"NoSuchUpload", {ErrorCode::kNotFound}},
      {"AccessDenied",
       {ErrorCode::kPermissionDenied, false, "the keys are valid but lack a permission on this bucket"}},
      {"InvalidAccessKeyId",
       {ErrorCode::kUnauthenticated, false, "the server does not know this access key"}},
      {"SignatureDoesNotMatch",
       {ErrorCode::kUnauthenticated, false, "the secret key does not belong to the access key"}},
      {"ExpiredToken", {ErrorCode::kUnauthenticated, false, "the session token has expired"}},
      {"InvalidToken", {ErrorCode::kUnauthenticated, false, "the session token is not valid"}},
      {"RequestTimeTooSkewed", {ErrorCode::kUnauthenticated}},
      {"PreconditionFailed", {ErrorCode::kAlreadyExists}},
      {"BucketAlreadyExists", {ErrorCode::kAlreadyExists, false, "the bucket belongs to someone else"}},
      {"BucketAlreadyOwnedByYou", {ErrorCode::kAlreadyExists}},
      {"InvalidRange", {ErrorCode::kInvalidArgument}},
      {"OperationAborted", {ErrorCode::kConflict, true}},
      {"ConditionalRequestConflict", {ErrorCode::kConflict, true}},
      {"RequestTimeout", {ErrorCode::kTimeout, true}},
      {"SlowDown", {ErrorCode::kUnavailable, true, "the server asks for fewer requests"}},
      {"InternalError", {ErrorCode::kUnavailable, true}},
      {"ServiceUnavailable", {ErrorCode::kUnavailable, true}},
      {"XAmzContentSHA256Mismatch", {ErrorCode::kUnavailable, true, "the data was damaged on its way"}},
      {"BadDigest", {ErrorCode::kUnavailable, true, "the data was damaged on its way"}},
      {"IncompleteBody", {ErrorCode::kUnavailable, true}},
      {"QuotaExceeded", {ErrorCode::kNoSpace}},
      {"XMinioStorageFull", {ErrorCode::kNoSpace}},
      {"NotImplemented", {ErrorCode::kUnsupported}},
  };
  const auto found = kMeanings.find(code);
  if (found == kMeanings.end()) return std::nullopt;
  return found->second;
}

Meaning meaning_of_status(int status) {
  switch (status) {
    case 401:
      return {ErrorCode::kUnauthenticated};
    case 403:
      return {ErrorCode::kPermissionDenied, false, "the keys are wrong or lack a permission on this bucket"};
    case 404:
      return {ErrorCode::kNotFound};
    case 408:
      return {ErrorCode::kTimeout, true};
    case 409:
      return {ErrorCode::kConflict, true};
    case 412:
      return {ErrorCode::kAlreadyExists};
    case 429:
      return {ErrorCode::kUnavailable, true, "the server asks for fewer requests"};
    case 501:
      return {ErrorCode::kUnsupported};
    case 504:
      return {ErrorCode::kTimeout, true};
    case 507:
      return {ErrorCode::kNoSpace};
    default:
      return status >= 500 ? Meaning{ErrorCode::kUnavailable, true} : Meaning{ErrorCode::kInvalidArgument};
  }
}

std::string header(const net::HttpResponse& response, const std::string& name) {
  const auto found = response.headers.find(name);
  return found == response.headers.end() ? "" : found->second;
}

// The region in which the bucket is, when the answer says that we asked in another.
std::string other_region(const net::HttpResponse& response, const ErrorDocument& document) {
  const bool redirect = response.status == 301 || response.status == 307 || response.status == 308;
  if (!redirect && response.status != 400) return "";
  if (const std::string region = header(response, "x-amz-bucket-region"); !region.empty()) return region;
  return document.region;
}

}  // namespace

Client::Client(S3Options options, std::shared_ptr<CredentialsProvider> credentials, const base::Clock& clock)
    : options_(std::move(options)),
      credentials_(std::move(credentials)),
      clock_(clock),
      http_(client_tls(options_.ca_pem, options_.client_pem, options_.insecure_skip_verify)),
      region_(options_.region.empty() ? environment_region() : options_.region),
      region_is_given_(!region_.empty()) {
  if (options_.bucket.empty() || options_.bucket.find('/') != std::string::npos) {
    base::fail(ErrorCode::kInvalidArgument, "invalid bucket name \"{}\"", options_.bucket);
  }
  if (region_.empty()) region_ = "us-east-1";
  net::parse_url(endpoint());
  if (!options_.public_endpoint.empty()) net::parse_url(options_.public_endpoint);
}

std::string Client::region() const {
  std::lock_guard lock(mutex_);
  return region_;
}

std::string Client::endpoint() const {
  if (!options_.endpoint.empty()) return options_.endpoint;
  const std::string region = this->region();
  return fmt::format("https://s3.{}.amazonaws.com{}", region, region.starts_with("cn-") ? ".cn" : "");
}

Client::Target Client::target(const std::string& key, bool for_public) const {
  net::Url url =
      net::parse_url(for_public && !options_.public_endpoint.empty() ? options_.public_endpoint : endpoint());
  if ((url.scheme == "https" && url.port == "443") || (url.scheme == "http" && url.port == "80"))
    url.port.clear();
  while (url.path.ends_with('/')) url.path.pop_back();
  // A certificate for *.host does not cover a bucket with dots; an IP address has no subdomains.
  const bool dotted = url.scheme == "https" && options_.bucket.find('.') != std::string::npos;
  const bool path_style = options_.path_style || dotted || is_ip_address(url.host);
  if (!path_style) url.host = options_.bucket + "." + url.host;
  Target target;
  target.host = url.authority();
  target.origin = url.scheme + "://" + target.host;
  target.path = url.path + (path_style ? "/" + options_.bucket : "") + "/" + net::percent_encode(key, true);
  if (path_style && key.empty()) target.path.pop_back();
  return target;
}

net::HttpResponse Client::send(const S3Request& request, const base::CancelToken& cancel, base::Sink* into) {
  net::HttpResponse response = send_once(request, cancel, into);
  if (response.status >= 300 && learn_region(response)) response = send_once(request, cancel, into);
  return response;
}

net::HttpResponse Client::send_once(const S3Request& request, const base::CancelToken& cancel,
                                    base::Sink* into) {
  const Credentials credentials = credentials_->get();
  const Target target = this->target(request.key, false);
  const base::Time now = clock_.now();
  RequestToSign to_sign;
  to_sign.method = request.method;
  to_sign.path = target.path;
  to_sign.query = request.query;
  to_sign.payload_hash = codec::to_hex(codec::sha256(request.body));
  to_sign.headers = request.headers;
  to_sign.headers.emplace_back("x-amz-date", amz_date(now));
  to_sign.headers.emplace_back("x-amz-content-sha256", to_sign.payload_hash);
  if (!credentials.session_token.empty()) {
    to_sign.headers.emplace_back("x-amz-security-token", credentials.session_token);
  }
  net::HttpRequest http;
  http.headers = to_sign.headers;
  if (!options_.user_agent.empty()) http.headers.emplace_back("user-agent", options_.user_agent);
  to_sign.headers.emplace_back("host", target.host);
  http.headers.emplace_back("authorization",
                            authorization_header(to_sign, credentials, {region(), "s3", now}));
  http.method = request.method;
  http.url = target.origin + target.path;
  if (!request.query.empty()) http.url += "?" + net::format_query(request.query);
  http.body = request.body;
  http.connect_timeout = options_.connect_timeout;
  http.stall_timeout = options_.stall_timeout;
  return into != nullptr ? http_.send(http, *into, cancel) : http_.send(http, cancel);
}

bool Client::learn_region(const net::HttpResponse& response) {
  if (region_is_given_) return false;
  const std::string other = other_region(response, parse_error(response.body));
  std::lock_guard lock(mutex_);
  if (other.empty() || other == region_) return false;
  region_ = other;
  return true;
}

base::Error Client::error_of(const net::HttpResponse& response, std::string_view doing) const {
  const ErrorDocument document = parse_error(response.body);
  const Meaning meaning = meaning_of_code(document.code).value_or(meaning_of_status(response.status));
  std::string message = fmt::format("cannot {}: HTTP {}", doing, response.status);
  if (!document.code.empty()) message += " " + document.code;
  if (!document.message.empty() && document.message != document.code) message += ": " + document.message;
  std::string hint(meaning.hint);
  if (const std::string other = other_region(response, document); !other.empty() && other != region()) {
    hint = fmt::format("the bucket is in region \"{}\", not \"{}\"; set the region", other, region());
  } else if (response.status >= 300 && response.status < 400) {
    hint = fmt::format(
        "the server redirects to another address ({}); set the endpoint and the region to the bucket's",
        header(response, "location"));
  } else if (document.code == "NoSuchBucket") {
    hint = fmt::format("bucket \"{}\" does not exist at this endpoint", options_.bucket);
  }
  // Answers to HEAD have no body; the Date header tells a wrong clock all the same.
  if (response.status == 403) {
    const auto server_time = parse_http_date(header(response, "date"));
    const auto skew = server_time ? std::chrono::abs(clock_.now() - *server_time) : base::Duration{0};
    if (document.code == "RequestTimeTooSkewed" || skew > kToleratedSkew) {
      hint = fmt::format("the clocks differ: here it is {}, the server has {}; set the clock",
                         base::format_rfc3339(clock_.now()),
                         server_time ? base::format_rfc3339(*server_time) : "another time");
      return Error(ErrorCode::kUnauthenticated, message + "\nhint: " + hint);
    }
  }
  return Error(meaning.code, hint.empty() ? message : message + "\nhint: " + hint, meaning.retryable);
}

std::string Client::presigned_get(const std::string& key, base::Duration valid_for) {
  const Target target = this->target(key, true);
  RequestToSign request;
  request.method = "GET";
  request.path = target.path;
  request.headers = {{"host", target.host}};
  request.payload_hash = "UNSIGNED-PAYLOAD";
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(valid_for).count();
  const auto expires =
      std::clamp<std::uint64_t>(seconds < 1 ? 1 : static_cast<std::uint64_t>(seconds), 1, kLongestPresign);
  return target.origin + target.path + "?" +
         presigned_query(request, credentials_->get(), {region(), "s3", clock_.now()}, expires);
}

std::vector<std::pair<std::string, std::string>> Client::encryption_headers() const {
  std::vector<std::pair<std::string, std::string>> headers;
  if (!options_.kms_key_id.empty()) {
    headers.emplace_back("x-amz-server-side-encryption", "aws:kms");
    headers.emplace_back("x-amz-server-side-encryption-aws-kms-key-id", options_.kms_key_id);
  } else if (!options_.server_side_encryption.empty()) {
    headers.emplace_back("x-amz-server-side-encryption", options_.server_side_encryption);
  }
  return headers;
}

std::string Client::describe() const {
  return fmt::format("s3:{}/{}", endpoint(), options_.bucket);
}

std::string Client::name_of(const std::string& key) const {
  return fmt::format("object \"{}\" in {}", key, describe());
}

}  // namespace salvor::storage::s3
