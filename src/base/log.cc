#include "base/log.h"

#include <unistd.h>

#include <cctype>

namespace salvor::base {
namespace {

// logrus leaves a value bare when it consists of these only.
bool bare(std::string_view value) {
  if (value.empty()) return false;
  for (const char c : value) {
    if (!std::isalnum(static_cast<unsigned char>(c)) &&
        std::string_view("-._/@^+").find(c) == std::string_view::npos) {
      return false;
    }
  }
  return true;
}

void append_quoted(std::string& out, std::string_view value) {
  out += '"';
  for (const char c : value) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
          fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

class StderrLogSink final : public LogSink {
 public:
  explicit StderrLogSink(LogLevel minimum) : minimum_(minimum) {}
  void log(LogLevel level, std::string_view message, const LogFields& fields) override {
    if (level < minimum_) return;
    const std::string line = format_log_line(SystemClock().now(), level, message, fields);
    // A log line that cannot be written has nowhere to be reported.
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
  }

 private:
  const LogLevel minimum_;
};

}  // namespace

std::string_view to_string(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "info";
}

Logger Logger::with(std::string key, std::string value) const {
  LogFields fields = fields_;
  fields[std::move(key)] = std::move(value);
  return Logger(sink_, std::move(fields));
}

std::string format_log_line(Time time, LogLevel level, std::string_view message, const LogFields& fields) {
  std::string line = fmt::format("time=\"{}\" level={} msg=", format_rfc3339(time), to_string(level));
  if (bare(message)) {
    line += message;
  } else {
    append_quoted(line, message);
  }
  for (const auto& [key, value] : fields) {
    line += ' ';
    line += key;
    line += '=';
    if (bare(value)) {
      line += value;
    } else {
      append_quoted(line, value);
    }
  }
  line += '\n';
  return line;
}

void StreamLogSink::log(LogLevel level, std::string_view message, const LogFields& fields) {
  if (level == LogLevel::kWarning) ++warnings_;
  if (level == LogLevel::kError) ++errors_;
  if (level < minimum_) return;
  const std::string line = format_log_line(clock_.now(), level, message, fields);
  std::lock_guard lock(mutex_);
  out_.write(line);
}

void TeeLogSink::log(LogLevel level, std::string_view message, const LogFields& fields) {
  first_->log(level, message, fields);
  second_->log(level, message, fields);
}

std::shared_ptr<LogSink> stderr_log_sink(LogLevel minimum) {
  return std::make_shared<StderrLogSink>(minimum);
}

}  // namespace salvor::base
