// How the long-running commands reach their API server.
#pragma once

#include "base/retry.h"

namespace salvor::cli {

// A control plane that is upgraded or loses its leader is away for less than these two minutes; backups and
// restores that run meanwhile wait for it.
constexpr base::RetryPolicy kPatient{.attempts = 20, .first_delay = std::chrono::milliseconds(200)};

}  // namespace salvor::cli
