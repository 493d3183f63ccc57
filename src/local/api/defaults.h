// The values that the API gives to fields which a client left out, per kind. Free functions, thread-safe.
#pragma once

#include "local/api/kinds.h"

namespace salvor::local {

// Built-in kinds; on every write, as a real server does when it decodes.
void apply_defaults(const Kind& kind, Json& object);
// What is set at creation only (strategies' PrepareForCreate): status is emptied or begins with its first
// phase.
void prepare_for_create(const Kind& kind, Json& object);

}  // namespace salvor::local
