// Times as Velero's commands print them.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"

namespace salvor::cli {

// "2026-11-22 21:57:08 +0000 UTC"; `absent` for no time.
std::string time_text(const std::optional<base::Time>& time, const std::string& absent = "<nil>");
// "5s", "3m", "7h", "29d", "2y".
std::string short_duration(base::Duration duration);
// From now: "29d", "5h ago", "n/a".
std::string from_now(const std::optional<base::Time>& time, base::Time now);
// "3h ago", "n/a".
std::string ago(const std::optional<base::Time>& time, base::Time now);

}  // namespace salvor::cli
