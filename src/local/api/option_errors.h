// What a request with bad parameters is answered: 422 naming the options and each field. Free function.
#pragma once

#include "local/api/api_error.h"

namespace salvor::local::api_errors {

// `options` is "ListOptions", "DeleteOptions", ...
inline ApiError invalid_options(std::string options, const std::vector<FailureCause>& causes) {
  Kind kind;
  kind.group = "meta.k8s.io";
  kind.kind = std::move(options);
  return invalid(kind, "", causes);
}

}  // namespace salvor::local::api_errors
