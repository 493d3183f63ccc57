// A failure that becomes a metav1.Status answer: code, reason, message and details as a kube-apiserver's.
// Thrown anywhere below the request handler, which writes it.
#pragma once

#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "local/api/kinds.h"

namespace salvor::local {

struct FailureCause {
  std::string reason;  // "FieldValueInvalid", "FieldValueRequired", ...
  std::string message, field;
};

class ApiError : public std::exception {
 public:
  ApiError(int code, std::string reason, std::string message, Json details = nullptr)
      : code_(code), reason_(std::move(reason)), message_(std::move(message)), details_(std::move(details)) {}
  int code() const { return code_; }
  const std::string& reason() const { return reason_; }
  const char* what() const noexcept override { return message_.c_str(); }
  // metadata.continue of the Status, with which a list can go on inconsistently.
  void set_continue(std::string token) { continue_ = std::move(token); }
  Json status() const;

 private:
  int code_;
  std::string reason_, message_;
  Json details_;
  std::string continue_;
};

namespace api_errors {
ApiError not_found(const Kind& kind, std::string_view name);
ApiError no_such_path();
ApiError already_exists(const Kind& kind, std::string_view name);
ApiError conflict(const Kind& kind, std::string_view name, std::string_view why);
ApiError modified(const Kind& kind, std::string_view name);
ApiError invalid(const Kind& kind, std::string_view name, const std::vector<FailureCause>& causes);
ApiError bad_request(std::string message);
ApiError forbidden(const Kind& kind, std::string_view name, std::string_view why,
                   const FailureCause* cause = nullptr);
ApiError method_not_allowed(std::string_view verb, const Kind* kind = nullptr);
ApiError unsupported_media_type(std::string_view type);
ApiError expired(std::string message);
}  // namespace api_errors

// Causes, in the words of the real server's field errors.
namespace causes {
FailureCause required(std::string field, std::string_view detail = "");
FailureCause invalid(std::string field, const Json& value, std::string_view detail);
FailureCause unsupported(std::string field, const Json& value, const std::vector<std::string>& supported);
FailureCause forbidden(std::string field, std::string_view detail);
FailureCause duplicate(std::string field, const Json& value);
FailureCause type_invalid(std::string field, const Json& value, std::string_view detail);
}  // namespace causes

}  // namespace salvor::local
