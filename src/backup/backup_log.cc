#include "backup/backup_log.h"

namespace salvor::backup {
namespace {

// Velero's wording, which `describe` prints.
std::string result_text(std::string_view message, const base::LogFields& fields) {
  std::string text;
  auto append = [&](const char* field, const char* title) {
    if (auto found = fields.find(field); found != fields.end())
      text += fmt::format(" {}: /{}", title, found->second);
  };
  append("resource", "resource");
  append("name", "name");
  if (!message.empty()) text += fmt::format(" message: /{}", message);
  append("error", "error");
  return text;
}

}  // namespace

BackupLog::BackupLog(const base::Clock& clock) : gzip_(packed_), lines_(gzip_, clock) {}

void BackupLog::log(base::LogLevel level, std::string_view message, const base::LogFields& fields) {
  std::lock_guard lock(mutex_);
  if (level >= base::LogLevel::kWarning) {
    velero::Result& result = level == base::LogLevel::kError ? results_.errors : results_.warnings;
    if (auto name_space = fields.find("namespace"); name_space != fields.end()) {
      result.add(name_space->second, result_text(message, fields));
    } else {
      result.add_velero(result_text(message, fields));
    }
  }
  if (!taken_) lines_.log(level, message, fields);
}

velero::Results BackupLog::results() const {
  std::lock_guard lock(mutex_);
  return results_;
}

std::string BackupLog::take() {
  std::lock_guard lock(mutex_);
  if (!taken_) gzip_.finish();
  taken_ = true;
  return packed_.take();
}

}  // namespace salvor::backup
