#include "archive/content_restorer.h"

namespace salvor::archive {

void RestoreTally::add_error(const std::string& path, const std::string& message) {
  std::lock_guard lock(mutex_);
  report_.errors.push_back(message);
  if (request_.on_error) request_.on_error(path, message);
}

void RestoreTally::plan_file(std::uint64_t bytes) {
  std::lock_guard lock(mutex_);
  if (totals_known_) return;
  ++progress_.files_total;
  progress_.bytes_total += bytes;
}

void RestoreTally::add_bytes(std::uint64_t bytes) {
  std::lock_guard lock(mutex_);
  progress_.bytes_done += bytes;
  report_.bytes += bytes;
}

void RestoreTally::finish_file(RestoredItem item) {
  std::lock_guard lock(mutex_);
  ++progress_.files_done;
  ++report_.files;
  ++report_.items;
  tell(item);
}

void RestoreTally::skip_file(const std::string& path, std::uint64_t bytes) {
  std::lock_guard lock(mutex_);
  ++progress_.files_skipped;
  progress_.bytes_skipped += bytes;
  ++report_.files_skipped;
  report_.bytes_skipped += bytes;
  tell({RestoredItem::Action::kUnchanged, path, bytes});
}

void RestoreTally::finish_other(const std::string& path) {
  std::lock_guard lock(mutex_);
  ++report_.items;
  tell({RestoredItem::Action::kRestored, path, 0});
}

void RestoreTally::add_deleted(const std::string& path) {
  std::lock_guard lock(mutex_);
  ++progress_.files_deleted;
  ++report_.files_deleted;
  tell({RestoredItem::Action::kDeleted, path, 0});
}

void RestoreTally::set_totals(std::uint64_t files, std::uint64_t bytes) {
  std::lock_guard lock(mutex_);
  totals_known_ = true;
  progress_.files_total = files;
  progress_.bytes_total = bytes;
}

RestoreProgress RestoreTally::progress() const {
  std::lock_guard lock(mutex_);
  return progress_;
}

RestoreReport RestoreTally::take_report() {
  std::lock_guard lock(mutex_);
  return std::move(report_);
}

void RestoreTally::tell(const RestoredItem& item) {
  if (request_.on_item) request_.on_item(item);
}

}  // namespace salvor::archive
