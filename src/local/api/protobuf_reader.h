// Kubernetes' protobuf encoding of built-in types, for reading only: what typed clients (kubectl create, auth
// can-i) send. Answers to them are JSON, which they take. Free functions.
#pragma once

#include <optional>

#include "local/api/kinds.h"

namespace salvor::local {

extern const char* const kProtobufFieldsA;
extern const char* const kProtobufFieldsB;

// A whole body: "k8s\0", then an Unknown with the type and the object. `kind` is what the request is about;
// bodies of its subresources and delete options name their own types. nullopt when malformed or of an unknown
// type.
std::optional<Json> read_protobuf(std::string_view body, const Kind& kind);

}  // namespace salvor::local
