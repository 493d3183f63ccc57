// The capabilities that a container's root keeps. Free function, thread-safe.
#pragma once

#include <cstdint>

#include "codec/json.h"

namespace salvor::local {

// A bit for each, from securityContext.privileged and .capabilities; without them what container runtimes
// leave. kInvalidArgument for an unknown name.
std::uint64_t container_capabilities(const codec::Json& container);

}  // namespace salvor::local
