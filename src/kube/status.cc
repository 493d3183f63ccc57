#include "base/text.h"
#include "kube/client.h"

namespace salvor::kube {

using base::ErrorCode;

namespace {

constexpr size_t kLongestQuote = 300;

ErrorCode code_of(int http_status, const std::string& reason) {
  switch (http_status) {
    case 400:
    case 413:
    case 422:
      return ErrorCode::kInvalidArgument;
    case 401:
      return ErrorCode::kUnauthenticated;
    case 403:
      return ErrorCode::kPermissionDenied;
    case 404:
      return ErrorCode::kNotFound;
    case 409:
      return reason == "AlreadyExists" ? ErrorCode::kAlreadyExists : ErrorCode::kConflict;
    case 410:
      return ErrorCode::kGone;
    case 429:
      return ErrorCode::kUnavailable;
    case 504:
      return ErrorCode::kTimeout;
    default:
      return http_status >= 500 ? ErrorCode::kUnavailable : ErrorCode::kUnsupported;
  }
}

}  // namespace

StatusError status_error(int http_status, std::string_view body, std::string_view method,
                         std::string_view path) {
  const bool retryable = http_status == 429 || http_status >= 500;
  const auto json = Json::parse(body, nullptr, false);
  if (json.is_object() && codec::get_string(json, {"kind"}) == "Status") {
    const auto reason = codec::get_string(json, {"reason"});
    auto message = codec::get_string(json, {"message"});
    if (message.empty()) message = fmt::format("{} {}: HTTP {} {}", method, path, http_status, reason);
    const auto* details = codec::find(json, {"details"});
    return {code_of(http_status, reason), std::move(message), retryable, http_status, reason,
            details ? *details : Json()};
  }
  const auto quote = base::trim(body.substr(0, kLongestQuote));
  auto message = fmt::format("{} {}: HTTP {}", method, path.substr(0, path.find('?')), http_status);
  if (!quote.empty()) message += fmt::format(": {}", quote);
  return {code_of(http_status, ""), std::move(message), retryable, http_status, ""};
}

}  // namespace salvor::kube
