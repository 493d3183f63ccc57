// The one exception type of Salvor. Thrown where something fails, given context on the way up, and caught
// where an item, a reconcile or a command ends. Expected absence is std::optional, not an Error.
// Messages: lower case, no full stop, name the thing; a hint stands on a line of its own.
// Immutable after construction but for add_context; safe to copy between threads.
#pragma once

#include <fmt/format.h>

#include <exception>
#include <string>
#include <string_view>

namespace salvor::base {

enum class ErrorCode {
  kInvalidArgument,   // the caller's or the user's input is wrong
  kNotFound,          // the named thing does not exist
  kAlreadyExists,     // put-if-absent or create met an existing thing
  kConflict,          // a concurrent change won (HTTP 409, resourceVersion mismatch)
  kPermissionDenied,  // 403 and EACCES
  kUnauthenticated,   // 401, bad signature, wrong password
  kGone,              // 410: a watch or a list continuation expired
  kUnavailable,       // 5xx, connection refused or reset: worth a retry
  kTimeout,           // may have happened, may have not
  kCancelled,         // the cancellation token fired
  kCorrupt,           // bytes from outside fail a check
  kNoSpace,           // ENOSPC, quota
  kLocked,            // a repository lock is held by another
  kUnsupported,       // well-formed, but not something this version does
  kInternal,          // our own bug
};

std::string_view to_string(ErrorCode code);

class Error : public std::exception {
 public:
  Error(ErrorCode code, std::string message, bool retryable = false)
      : code_(code), message_(std::move(message)), retryable_(retryable) {}

  ErrorCode code() const { return code_; }
  // Whether the same call may succeed later; set where it is known (the store, the HTTP client).
  bool retryable() const { return retryable_; }
  const std::string& message() const { return message_; }
  const char* what() const noexcept override { return message_.c_str(); }

  // Prefixes the message: "context: message". Returns *this, so that a handler can say
  // `throw error.add_context(...)` - or add it in place and rethrow with `throw;`.
  Error& add_context(std::string_view context);

 private:
  ErrorCode code_;
  std::string message_;
  bool retryable_;
};

template <typename... Args>
[[noreturn]] void fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(code, fmt::format(format, std::forward<Args>(args)...));
}

// An Error for a failed system call, from errno: ENOENT is kNotFound, EEXIST kAlreadyExists, EACCES and
// EPERM kPermissionDenied, ENOSPC and EDQUOT kNoSpace, ETIMEDOUT kTimeout, ECONN* and EPIPE kUnavailable
// (retryable), others kInternal. `doing` reads as "open \"/x\"".
Error system_error(int errno_value, std::string_view doing);

// What any exception says; for the places where a failure ends.
std::string describe(const std::exception& error);

}  // namespace salvor::base
