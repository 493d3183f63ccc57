#include "cli/time_text.h"

#include <fmt/chrono.h>

namespace salvor::cli {

std::string time_text(const std::optional<base::Time>& time, const std::string& absent) {
  if (!time) return absent;
  const std::string text = base::format_rfc3339(*time);
  return text.substr(0, 10) + " " + text.substr(11, 8) + " +0000 UTC";
}

std::string short_duration(base::Duration duration) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration).count();
  if (seconds < 60) return fmt::format("{}s", std::max<std::int64_t>(seconds, 0));
  if (seconds < 3600) return fmt::format("{}m", seconds / 60);
  if (seconds < 86400) return fmt::format("{}h", seconds / 3600);
  if (seconds < 365 * 86400) return fmt::format("{}d", seconds / 86400);
  return fmt::format("{}y", seconds / 86400 / 365);
}

std::string from_now(const std::optional<base::Time>& time, base::Time now) {
  if (!time) return "n/a";
  return *time >= now ? short_duration(*time - now) : short_duration(now - *time) + " ago";
}

std::string ago(const std::optional<base::Time>& time, base::Time now) {
  return time ? short_duration(now - *time) + " ago" : "n/a";
}

}  // namespace salvor::cli
