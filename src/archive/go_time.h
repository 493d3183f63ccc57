// Times in Go's layout language, in which a layout is how it would write Mon Jan 2 15:04:05 -0700 MST 2006:
// what restic's --time-template takes. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "archive/local_zone.h"

namespace salvor::archive {

// `offset`: seconds east of UTC; `zone`: the zone's abbreviation, "" to write the offset in its place.
std::string format_go_time(std::string_view layout, const Moment& moment, std::int32_t offset,
                           const std::string& zone = "");

}  // namespace salvor::archive
