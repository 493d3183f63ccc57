#include "storage/s3/signature.h"

#include <algorithm>
#include <map>

#include "base/text.h"
#include "codec/hash.h"

namespace salvor::storage::s3 {

namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

// Trimmed, and runs of blanks inside made one.
std::string canonical_value(std::string_view value) {
  std::string out;
  for (const char c : base::trim(value)) {
    if (c == ' ' && out.ends_with(' ')) continue;
    out += c;
  }
  return out;
}

std::string canonical_query(const net::QueryParameters& query) {
  net::QueryParameters encoded;
  for (const auto& [name, value] : query) {
    encoded.emplace_back(net::percent_encode(name), net::percent_encode(value));
  }
  std::sort(encoded.begin(), encoded.end());
  std::string out;
  for (const auto& [name, value] : encoded) {
    if (!out.empty()) out += '&';
    out += name + "=" + value;
  }
  return out;
}

std::map<std::string, std::string> canonical_headers(const RequestToSign& request) {
  std::map<std::string, std::string> headers;
  for (const auto& [name, value] : request.headers) {
    std::string& joined = headers[base::to_lower(name)];
    joined += (joined.empty() ? "" : ",") + canonical_value(value);
  }
  return headers;
}

std::string signed_names(const std::map<std::string, std::string>& headers) {
  std::string names;
  for (const auto& [name, value] : headers) names += (names.empty() ? "" : ";") + name;
  return names;
}

std::string scope_text(const SigningScope& scope) {
  return fmt::format("{}/{}/{}/aws4_request", amz_date(scope.time).substr(0, 8), scope.region, scope.service);
}

std::string signature(const RequestToSign& request, const Credentials& credentials,
                      const SigningScope& scope) {
  const auto headers = canonical_headers(request);
  std::string canonical = request.method + "\n" + request.path + "\n" + canonical_query(request.query) + "\n";
  for (const auto& [name, value] : headers) canonical += name + ":" + value + "\n";
  canonical += "\n" + signed_names(headers) + "\n" + request.payload_hash;

  const std::string date = amz_date(scope.time);
  const std::string to_sign = fmt::format("{}\n{}\n{}\n{}", kAlgorithm, date, scope_text(scope),
                                          codec::to_hex(codec::sha256(canonical)));
  codec::Digest256 key = codec::hmac_sha256("AWS4" + credentials.secret_access_key, date.substr(0, 8));
  for (const std::string& part : {scope.region, scope.service, std::string("aws4_request")}) {
    key = codec::hmac_sha256(codec::as_view(key), part);
  }
  return codec::to_hex(codec::hmac_sha256(codec::as_view(key), to_sign));
}

}  // namespace

std::string amz_date(base::Time time) {
  std::string text = base::format_rfc3339(time);  // 2013-05-24T00:00:00Z
  std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
  return text;
}

std::string authorization_header(const RequestToSign& request, const Credentials& credentials,
                                 const SigningScope& scope) {
  return fmt::format("{} Credential={}/{},SignedHeaders={},Signature={}", kAlgorithm,
                     credentials.access_key_id, scope_text(scope), signed_names(canonical_headers(request)),
                     signature(request, credentials, scope));
}

std::string presigned_query(const RequestToSign& request, const Credentials& credentials,
                            const SigningScope& scope, std::uint64_t expires_seconds) {
  RequestToSign with_parameters = request;
  net::QueryParameters& query = with_parameters.query;
  query.emplace_back("X-Amz-Algorithm", kAlgorithm);
  query.emplace_back("X-Amz-Credential", credentials.access_key_id + "/" + scope_text(scope));
  query.emplace_back("X-Amz-Date", amz_date(scope.time));
  query.emplace_back("X-Amz-Expires", std::to_string(expires_seconds));
  if (!credentials.session_token.empty())
    query.emplace_back("X-Amz-Security-Token", credentials.session_token);
  query.emplace_back("X-Amz-SignedHeaders", signed_names(canonical_headers(request)));
  return canonical_query(query) + "&X-Amz-Signature=" + signature(with_parameters, credentials, scope);
}

}  // namespace salvor::storage::s3
