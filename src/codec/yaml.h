// YAML to Json with Kubernetes' reading of scalars (YAML 1.2 core plus what sigs.k8s.io/yaml takes: unquoted
// true/false/null/numbers are typed, everything else and everything quoted is a string). Anchors, aliases and
// merge keys are resolved. Throws kInvalidArgument with line and column.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "codec/json.h"

namespace salvor::codec {

// All documents of a stream; empty documents are dropped.
std::vector<Json> parse_yaml(std::string_view text, std::string_view what);

// Block style, members sorted by name as sigs.k8s.io/yaml writes them, strings quoted only where needed.
std::string to_yaml(const Json& value);

}  // namespace salvor::codec
