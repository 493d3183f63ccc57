// JSON as Kubernetes and Velero write it. Json keeps members in the order in which they came, because files
// that other tools compare byte by byte are written from it. For small documents; bulk data stays raw bytes.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace salvor::codec {

using Json = nlohmann::ordered_json;

// Throws kInvalidArgument: `what` names the document, the message holds the position.
Json parse_json(std::string_view text, std::string_view what);

// As Go's encoding/json writes it: no spaces; < > & U+2028 U+2029 escaped when html_escape; invalid UTF-8
// replaced by U+FFFD. indent > 0: as json.MarshalIndent with so many spaces ("key": value, [] and {} when
// empty).
std::string to_json(const Json& value, int indent = 0, bool html_escape = true);

// The value at a path of member names, or nullptr: find(object, {"spec", "template"}).
const Json* find(const Json& value, std::initializer_list<std::string_view> path);
// The string there, or "".
std::string get_string(const Json& value, std::initializer_list<std::string_view> path);

}  // namespace salvor::codec
