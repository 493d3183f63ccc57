#include "archive/backup_tally.h"

namespace salvor::archive {

void BackupTally::add_error(const std::string& path, const std::string& message) {
  std::lock_guard lock(mutex_);
  errors_.push_back(message);
  if (request_.on_error) request_.on_error(path, message);
}

void BackupTally::add_item(const BackedUpItem& item, bool directory, std::uint64_t file_size) {
  std::lock_guard lock(mutex_);
  using Action = BackedUpItem::Action;
  auto& created = directory ? counters_.dirs_new : counters_.files_new;
  auto& changed = directory ? counters_.dirs_changed : counters_.files_changed;
  auto& unmodified = directory ? counters_.dirs_unmodified : counters_.files_unmodified;
  ++(item.action == Action::kNew ? created : item.action == Action::kChanged ? changed : unmodified);
  if (!directory) {
    ++counters_.total_files_processed;
    counters_.total_bytes_processed += file_size;
  }
  if (request_.on_item) request_.on_item(item);
}

void BackupTally::add_blob(repository::BlobType type, const repository::Repository::Saved& saved,
                           std::uint64_t size) {
  if (saved.known) return;
  std::lock_guard lock(mutex_);
  ++(type == repository::BlobType::kData ? counters_.data_blobs : counters_.tree_blobs);
  counters_.data_added += size;
  counters_.data_added_packed += saved.packed_size;
}

void BackupTally::begin_file(const std::string& path) {
  std::lock_guard lock(mutex_);
  current_ = path;
}

BackupProgress BackupTally::progress() const {
  std::lock_guard lock(mutex_);
  BackupProgress progress;
  progress.files_done = counters_.total_files_processed;
  progress.files_total = files_total;
  progress.bytes_done = bytes_read;
  progress.bytes_total = bytes_total;
  progress.errors = errors_.size();
  progress.current = current_;
  return progress;
}

repository::SnapshotSummary BackupTally::summary() const {
  std::lock_guard lock(mutex_);
  return counters_;
}

std::vector<std::string> BackupTally::take_errors() {
  std::lock_guard lock(mutex_);
  return std::move(errors_);
}

}  // namespace salvor::archive
