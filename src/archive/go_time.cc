#include "archive/go_time.h"

#include <fmt/format.h>

#include <array>
#include <ctime>

namespace salvor::archive {
namespace {

constexpr std::array<const char*, 12> kMonths = {"January",   "February", "March",    "April",
                                                 "May",       "June",     "July",     "August",
                                                 "September", "October",  "November", "December"};
constexpr std::array<const char*, 7> kDays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                              "Thursday", "Friday", "Saturday"};

struct Parts {
  std::tm time{};
  std::int32_t nanoseconds = 0, offset = 0;
  const std::string& zone;
};

std::string offset_text(std::int32_t offset, bool colon, bool minutes, bool z_for_utc) {
  if (z_for_utc && offset == 0) return "Z";
  const int total = offset < 0 ? -offset : offset;
  std::string text = fmt::format("{}{:02}", offset < 0 ? '-' : '+', total / 3600);
  if (minutes) text += fmt::format("{}{:02}", colon ? ":" : "", total / 60 % 60);
  return text;
}

int hour12(const std::tm& time) {
  return time.tm_hour % 12 == 0 ? 12 : time.tm_hour % 12;
}

// "000" keeps all digits, "999" drops zeros at the end, and the dot when nothing is left.
std::string fraction_text(std::string_view digits, char separator, std::int32_t nanoseconds) {
  std::string text = fmt::format("{:09}", nanoseconds).substr(0, std::min<std::size_t>(digits.size(), 9));
  if (digits[0] == '9') {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.empty()) return {};
  }
  return separator + text;
}

struct Element {
  std::string_view layout;
  std::string (*format)(const Parts&);
};

std::string number(const char* form, int value) {
  return fmt::format(fmt::runtime(form), value);
}

// Longer ones before those they begin with.
const std::array kElements = {
    Element{"January",
            [](const Parts& p) { return std::string(kMonths[static_cast<std::size_t>(p.time.tm_mon)]); }},
    Element{"Jan",
            [](const Parts& p) { return std::string(kMonths[static_cast<std::size_t>(p.time.tm_mon)], 3); }},
    Element{"Monday",
            [](const Parts& p) { return std::string(kDays[static_cast<std::size_t>(p.time.tm_wday)]); }},
    Element{"Mon",
            [](const Parts& p) { return std::string(kDays[static_cast<std::size_t>(p.time.tm_wday)], 3); }},
    Element{"MST",
            [](const Parts& p) {
              return p.zone.empty() ? offset_text(p.offset, false, p.offset % 3600 != 0, false) : p.zone;
            }},
    Element{"2006", [](const Parts& p) { return number("{:04}", p.time.tm_year + 1900); }},
    Element{"-07:00", [](const Parts& p) { return offset_text(p.offset, true, true, false); }},
    Element{"-0700", [](const Parts& p) { return offset_text(p.offset, false, true, false); }},
    Element{"-07", [](const Parts& p) { return offset_text(p.offset, false, false, false); }},
    Element{"Z07:00", [](const Parts& p) { return offset_text(p.offset, true, true, true); }},
    Element{"Z0700", [](const Parts& p) { return offset_text(p.offset, false, true, true); }},
    Element{"Z07", [](const Parts& p) { return offset_text(p.offset, false, false, true); }},
    Element{"002", [](const Parts& p) { return number("{:03}", p.time.tm_yday + 1); }},
    Element{"01", [](const Parts& p) { return number("{:02}", p.time.tm_mon + 1); }},
    Element{"02", [](const Parts& p) { return number("{:02}", p.time.tm_mday); }},
    Element{"03", [](const Parts& p) { return number("{:02}", hour12(p.time)); }},
    Element{"04", [](const Parts& p) { return number("{:02}", p.time.tm_min); }},
    Element{"05", [](const Parts& p) { return number("{:02}", p.time.tm_sec); }},
    Element{"06", [](const Parts& p) { return number("{:02}", (p.time.tm_year + 1900) % 100); }},
    Element{"15", [](const Parts& p) { return number("{:02}", p.time.tm_hour); }},
    Element{"PM", [](const Parts& p) { return std::string(p.time.tm_hour >= 12 ? "PM" : "AM"); }},
    Element{"pm", [](const Parts& p) { return std::string(p.time.tm_hour >= 12 ? "pm" : "am"); }},
    Element{"_2", [](const Parts& p) { return number("{:2}", p.time.tm_mday); }},
    Element{"1", [](const Parts& p) { return number("{}", p.time.tm_mon + 1); }},
    Element{"2", [](const Parts& p) { return number("{}", p.time.tm_mday); }},
    Element{"3", [](const Parts& p) { return number("{}", hour12(p.time)); }},
    Element{"4", [](const Parts& p) { return number("{}", p.time.tm_min); }},
    Element{"5", [](const Parts& p) { return number("{}", p.time.tm_sec); }},
};

// Of ".000", ",999" and the like at the start of `layout`, which no digit may follow; 0: there is none.
std::size_t fraction_length(std::string_view layout) {
  if (layout.size() < 2 || (layout[0] != '.' && layout[0] != ',') || (layout[1] != '0' && layout[1] != '9'))
    return 0;
  const std::size_t end = std::min(layout.find_first_not_of(layout[1], 1), layout.size());
  return end < layout.size() && layout[end] >= '0' && layout[end] <= '9' ? 0 : end;
}

}  // namespace

std::string format_go_time(std::string_view layout, const Moment& moment, std::int32_t offset,
                           const std::string& zone) {
  const std::time_t shifted = moment.seconds + offset;
  Parts parts{.nanoseconds = moment.nanoseconds, .offset = offset, .zone = zone};
  gmtime_r(&shifted, &parts.time);
  std::string out;
  while (!layout.empty()) {
    if (const std::size_t length = fraction_length(layout); length != 0) {
      out += fraction_text(layout.substr(1, length - 1), layout[0], parts.nanoseconds);
      layout.remove_prefix(length);
      continue;
    }
    const Element* found = nullptr;
    for (const Element& element : kElements) {
      if (found == nullptr && layout.starts_with(element.layout)) found = &element;
    }
    if (found == nullptr) {
      out += layout[0];
      layout.remove_prefix(1);
      continue;
    }
    out += found->format(parts);
    layout.remove_prefix(found->layout.size());
  }
  return out;
}

}  // namespace salvor::archive
