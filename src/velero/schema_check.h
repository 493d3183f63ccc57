// Fields of a velero.io object that its definition does not know. The definitions keep unknown fields instead
// of dropping them, so that the server can say that it does not do what they ask for. Pure.
#pragma once

#include <string>
#include <vector>

#include "codec/json.h"

namespace salvor::velero {

// "spec.hooks.resources[0].pre[1].exec.shell": members of `object`'s spec that the schema of its kind
// ("Backup") does not have. Empty for an unknown kind.
std::vector<std::string> unknown_spec_fields(const codec::Json& object, const std::string& kind);

// The same as a sentence: "spec.ttls, spec.pod.cluster: unknown field"; "" when all are known.
std::string describe_unknown_fields(const codec::Json& object, const std::string& kind);

}  // namespace salvor::velero
