// AWS Signature Version 4 (AWS General Reference, "Signing AWS API requests"; S3 API Reference,
// "Authenticating Requests"): the Authorization header and the query of a pre-signed URL. Pure functions,
// thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "net/url.h"
#include "storage/s3/credentials.h"

namespace salvor::storage::s3 {

struct RequestToSign {
  std::string method;
  std::string path;            // as it is sent: percent-encoded once, "/" at least
  net::QueryParameters query;  // decoded
  std::vector<std::pair<std::string, std::string>>
      headers;               // all of them are signed; Host must be among them
  std::string payload_hash;  // hex SHA-256 of the body, or "UNSIGNED-PAYLOAD"
};

struct SigningScope {
  std::string region;
  std::string service = "s3";
  base::Time time;
};

// "20130524T000000Z": what x-amz-date holds.
std::string amz_date(base::Time time);

// The value of the Authorization header. x-amz-date and a session token must already be among the headers.
std::string authorization_header(const RequestToSign& request, const Credentials& credentials,
                                 const SigningScope& scope);

// The whole query of a pre-signed URL: request.query and the X-Amz-* parameters, the signature last.
std::string presigned_query(const RequestToSign& request, const Credentials& credentials,
                            const SigningScope& scope, std::uint64_t expires_seconds);

}  // namespace salvor::storage::s3
