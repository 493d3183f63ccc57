// A backup's own log: gzip'd lines, and the warnings and errors among them sorted by where they belong, which
// is what status.warnings, status.errors and <name>-results.gz say. Thread-safe.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "base/stream.h"
#include "codec/gzip.h"
#include "velero/results.h"

namespace salvor::backup {

class BackupLog final : public base::LogSink {
 public:
  explicit BackupLog(const base::Clock& clock);
  void log(base::LogLevel level, std::string_view message, const base::LogFields& fields) override;
  int warnings() const { return lines_.warnings(); }
  int errors() const { return lines_.errors(); }
  velero::Results results() const;
  // The whole log, compressed. Once; what is logged later is not in it.
  std::string take();

 private:
  mutable std::mutex mutex_;  // guards all below
  velero::Results results_;
  base::StringSink packed_;
  codec::GzipSink gzip_;
  base::StreamLogSink lines_;
  bool taken_ = false;
};

}  // namespace salvor::backup
