#include "base/duration.h"

#include <fmt/format.h>

#include <array>
#include <cctype>
#include <limits>
#include <utility>

namespace salvor::base {
namespace {

constexpr std::array<std::pair<std::string_view, std::int64_t>, 8> kUnits{{{"ns", 1},
                                                                           {"us", 1'000},
                                                                           {"\xC2\xB5s", 1'000},
                                                                           {"\xCE\xBCs", 1'000},
                                                                           {"ms", 1'000'000},
                                                                           {"s", 1'000'000'000},
                                                                           {"m", 60'000'000'000},
                                                                           {"h", 3'600'000'000'000}}};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::int64_t unit_nanos(std::string_view unit) {
  for (const auto& [name, nanos] : kUnits) {
    if (name == unit) return nanos;
  }
  return 0;
}

// Strips trailing zeros of a fraction given as `digits` decimal places.
std::string fraction(std::uint64_t value, int digits) {
  if (value == 0) return "";
  std::string text = fmt::format("{:0{}}", value, digits);
  while (text.back() == '0') text.pop_back();
  return "." + text;
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  bool negative = false;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  if (text == "0") return Duration(0);
  if (text.empty()) return std::nullopt;
  long double total = 0;
  while (!text.empty()) {
    size_t at = 0;
    long double value = 0;
    bool digits = false;
    for (; at < text.size() && is_digit(text[at]); ++at, digits = true) value = value * 10 + (text[at] - '0');
    if (at < text.size() && text[at] == '.') {
      long double scale = 0.1L;
      for (++at; at < text.size() && is_digit(text[at]); ++at, digits = true, scale /= 10) {
        value += (text[at] - '0') * scale;
      }
    }
    if (!digits) return std::nullopt;
    size_t end = at;
    while (end < text.size() && text[end] != '.' && !is_digit(text[end])) ++end;
    const std::int64_t nanos = unit_nanos(text.substr(at, end - at));
    if (nanos == 0) return std::nullopt;
    total += value * static_cast<long double>(nanos);
    text.remove_prefix(end);
  }
  if (total > static_cast<long double>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
  const auto nanos = static_cast<std::int64_t>(total + 0.5L);
  return Duration(negative ? -nanos : nanos);
}

std::string format_duration(Duration duration) {
  const bool negative = duration.count() < 0;
  const auto nanos = negative ? ~static_cast<std::uint64_t>(duration.count()) + 1
                              : static_cast<std::uint64_t>(duration.count());
  const std::string sign = negative ? "-" : "";
  if (nanos == 0) return "0s";
  if (nanos < 1'000) return fmt::format("{}{}ns", sign, nanos);
  if (nanos < 1'000'000)
    return fmt::format("{}{}{}\xC2\xB5s", sign, nanos / 1'000, fraction(nanos % 1'000, 3));
  if (nanos < 1'000'000'000) {
    return fmt::format("{}{}{}ms", sign, nanos / 1'000'000, fraction(nanos % 1'000'000, 6));
  }
  const std::uint64_t seconds = nanos / 1'000'000'000;
  std::string text = fmt::format("{}{}s", seconds % 60, fraction(nanos % 1'000'000'000, 9));
  if (seconds >= 60) text = fmt::format("{}m{}", seconds / 60 % 60, text);
  if (seconds >= 3600) text = fmt::format("{}h{}", seconds / 3600, text);
  return sign + text;
}

}  // namespace salvor::base
