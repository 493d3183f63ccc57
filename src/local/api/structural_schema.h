// OpenAPI v3 structural schemas of custom resources: defaults, pruning of unknown fields and validation
// (types, required, enum, ranges, lengths, patterns, nullable, x-kubernetes-* extensions; not CEL rules).
// Free functions.
#pragma once

#include "local/api/api_error.h"

namespace salvor::local {

// Sets defaults, removes unknown members (listed in the result's `unknown`) and checks the rest; failures go
// to causes. A null schema keeps everything.
TypeProblems conform_to_open_api(Json& object, const Json& schema, std::vector<FailureCause>& causes);

}  // namespace salvor::local
