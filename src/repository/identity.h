// Who writes: the host, user and process names that keys, locks and snapshots carry.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"

namespace salvor::repository {

struct Identity {
  std::string hostname, username;
  std::uint32_t uid = 0, gid = 0;
  std::int64_t pid = 0;
};

// Of this process.
Identity current_identity();

// "2026-11-22T21:57:08.123456789Z": RFC 3339 in UTC, the fraction without trailing zeros and absent when
// zero, as Go writes its RFC3339Nano.
std::string format_rfc3339_nano(base::Time time);

}  // namespace salvor::repository
