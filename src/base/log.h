// Structured logging in logrus's text layout, which Velero's log files have:
//   time="2026-11-22T21:57:08Z" level=info msg="Backing up item" backup=velero/x name=y
// A Logger is a cheap value: a shared sink and the fields that every line carries. Thread-safe. Values of
// fields must not hold secrets; nothing here redacts.
#pragma once

#include <fmt/format.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/stream.h"

namespace salvor::base {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

std::string_view to_string(LogLevel level);

using LogFields = std::map<std::string, std::string>;

class LogSink {
 public:
  virtual ~LogSink() = default;
  virtual void log(LogLevel level, std::string_view message, const LogFields& fields) = 0;
};

class Logger {
 public:
  // Discards everything.
  Logger() = default;
  // The sink is shared by all loggers derived from this one, in whatever threads they run.
  explicit Logger(std::shared_ptr<LogSink> sink, LogFields fields = {})
      : sink_(std::move(sink)), fields_(std::move(fields)) {}

  Logger with(std::string key, std::string value) const;

  void log(LogLevel level, std::string_view message) const {
    if (sink_) sink_->log(level, message, fields_);
  }
  template <typename... Args>
  void debug(fmt::format_string<Args...> format, Args&&... args) const {
    if (sink_) log(LogLevel::kDebug, fmt::format(format, std::forward<Args>(args)...));
  }
  template <typename... Args>
  void info(fmt::format_string<Args...> format, Args&&... args) const {
    if (sink_) log(LogLevel::kInfo, fmt::format(format, std::forward<Args>(args)...));
  }
  template <typename... Args>
  void warning(fmt::format_string<Args...> format, Args&&... args) const {
    if (sink_) log(LogLevel::kWarning, fmt::format(format, std::forward<Args>(args)...));
  }
  template <typename... Args>
  void error(fmt::format_string<Args...> format, Args&&... args) const {
    if (sink_) log(LogLevel::kError, fmt::format(format, std::forward<Args>(args)...));
  }
  const std::shared_ptr<LogSink>& sink() const { return sink_; }
  const LogFields& fields() const { return fields_; }

 private:
  std::shared_ptr<LogSink> sink_;
  LogFields fields_;
};

// One logrus line, with the newline. Values are quoted where logrus quotes them.
std::string format_log_line(Time time, LogLevel level, std::string_view message, const LogFields& fields);

// Writes lines at or above `minimum` to a sink that outlives it, and counts warnings and errors: a backup's
// counts are those of its log.
class StreamLogSink final : public LogSink {
 public:
  StreamLogSink(Sink& out, const Clock& clock, LogLevel minimum = LogLevel::kInfo)
      : out_(out), clock_(clock), minimum_(minimum) {}
  void log(LogLevel level, std::string_view message, const LogFields& fields) override;
  int warnings() const { return warnings_; }
  int errors() const { return errors_; }

 private:
  Sink& out_;
  const Clock& clock_;
  const LogLevel minimum_;
  std::mutex mutex_;  // serialises writes to out_
  std::atomic<int> warnings_ = 0;
  std::atomic<int> errors_ = 0;
};

// Sends each line to both; how a backup logs into its own file and the server's output.
class TeeLogSink final : public LogSink {
 public:
  TeeLogSink(std::shared_ptr<LogSink> first, std::shared_ptr<LogSink> second)
      : first_(std::move(first)), second_(std::move(second)) {}
  void log(LogLevel level, std::string_view message, const LogFields& fields) override;

 private:
  std::shared_ptr<LogSink> first_, second_;
};

// To standard error.
std::shared_ptr<LogSink> stderr_log_sink(LogLevel minimum = LogLevel::kInfo);

}  // namespace salvor::base
