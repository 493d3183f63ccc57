#include "base/json_log.h"

#include <unistd.h>

#include <cstdint>

namespace salvor::base {
namespace {

// Of the character that `text` begins with, 0 if that is no well-formed one.
size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  const size_t length = first < 0x80             ? 1
                        : (first & 0xe0) == 0xc0 ? 2
                        : (first & 0xf0) == 0xe0 ? 3
                        : (first & 0xf8) == 0xf0 ? 4
                                                 : 0;
  if (length == 0 || length > text.size()) return 0;
  std::uint32_t code = length == 1 ? first : first & (0x7fU >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3fU);
  }
  constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < kLeast[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return 0;
  return length;
}

// RFC 8259; bytes that are no UTF-8 become U+FFFD, so that every reader of JSON takes the line.
void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += text[i++];
    } else if (c == '\n') {
      out += "\\n";
      ++i;
    } else if (c == '\t') {
      out += "\\t";
      ++i;
    } else if (c < 0x20) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", c);
      ++i;
    } else if (c < 0x80) {
      out += text[i++];
    } else {
      const size_t length = utf8_length(text.substr(i));
      if (length == 0) {
        out += "\xEF\xBF\xBD";
        ++i;
      } else {
        out += text.substr(i, length);
        i += length;
      }
    }
  }
  out += '"';
}

class StderrJsonLogSink final : public LogSink {
 public:
  explicit StderrJsonLogSink(LogLevel minimum) : minimum_(minimum) {}
  void log(LogLevel level, std::string_view message, const LogFields& fields) override {
    if (level < minimum_) return;
    const std::string line = format_json_log_line(SystemClock().now(), level, message, fields);
    // A log line that cannot be written has nowhere to be reported.
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
  }

 private:
  const LogLevel minimum_;
};

}  // namespace

std::string format_json_log_line(Time time, LogLevel level, std::string_view message,
                                 const LogFields& fields) {
  std::string line =
      fmt::format("{{\"time\":\"{}\",\"level\":\"{}\",\"msg\":", format_rfc3339(time), to_string(level));
  append_json_string(line, message);
  for (const auto& [key, value] : fields) {
    const bool taken = key == "time" || key == "level" || key == "msg";
    line += ',';
    append_json_string(line, taken ? "fields." + key : key);
    line += ':';
    append_json_string(line, value);
  }
  line += "}\n";
  return line;
}

std::shared_ptr<LogSink> stderr_json_log_sink(LogLevel minimum) {
  return std::make_shared<StderrJsonLogSink>(minimum);
}

}  // namespace salvor::base
