// Log lines as JSON, one object a line, for collectors that read such:
//   {"time":"2026-11-22T21:57:08Z","level":"info","msg":"Backing up item","backup":"velero/x"}
// Thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/log.h"

namespace salvor::base {

// With the newline. A field that is called time, level or msg is written as "fields.<name>".
std::string format_json_log_line(Time time, LogLevel level, std::string_view message,
                                 const LogFields& fields);

// To standard error.
std::shared_ptr<LogSink> stderr_json_log_sink(LogLevel minimum = LogLevel::kInfo);

}  // namespace salvor::base
