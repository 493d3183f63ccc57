// The network checks of probes, made inside the pod's network namespace.
#pragma once

#include <string>

#include "codec/json.h"

namespace salvor::local {

// probe: {type: "tcp"|"http", host, port, path, scheme, headers: [{name, value}], timeout_ms}.
// "" when the check passes, else why not.
std::string run_probe_check(const codec::Json& probe);

}  // namespace salvor::local
