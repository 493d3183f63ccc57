#include "restore/recorder.h"

namespace salvor::restore {

void Recorder::warning(const std::string& name_space, std::string message) {
  logger_.warning("{}", message);
  std::lock_guard lock(mutex_);
  results_.warnings.add(name_space, std::move(message));
}

void Recorder::error(const std::string& name_space, std::string message) {
  logger_.error("{}", message);
  std::lock_guard lock(mutex_);
  results_.errors.add(name_space, std::move(message));
}

size_t Recorder::errors() const {
  std::lock_guard lock(mutex_);
  return results_.errors.count();
}

void Recorder::note(PlannedObject object, std::string_view outcome) {
  std::lock_guard lock(mutex_);
  if (!outcome.empty() && !object.kind.empty())
    resources_.add(object.api_version, object.kind, object.to.name_space, object.to.name, outcome);
  if (keep_plan_) plan_.push_back(std::move(object));
}

void Recorder::expect_items(size_t count) {
  std::lock_guard lock(mutex_);
  progress_.total_items += static_cast<int>(count);
  report();
}

void Recorder::item_done(bool counted) {
  std::lock_guard lock(mutex_);
  if (counted) {
    ++progress_.items_restored;
  } else {
    --progress_.total_items;
  }
  report();
}

// The receiver writes it into an object.
void Recorder::report() {
  const auto now = std::chrono::steady_clock::now();
  if (!report_ || now - reported_ < std::chrono::seconds(1)) return;
  reported_ = now;
  report_(progress_);
}

}  // namespace salvor::restore
