#include "cli/repo/backup_display.h"

#include <algorithm>

namespace salvor::cli {
namespace {

using Action = archive::BackedUpItem::Action;

codec::Json status_json(const archive::BackupProgress& progress, double seconds) {
  codec::Json json;
  json["message_type"] = "status";
  if (seconds >= 1) json["seconds_elapsed"] = static_cast<std::uint64_t>(seconds);
  const double share = progress.bytes_total == 0
                           ? 0
                           : std::min(1.0, static_cast<double>(progress.bytes_done) /
                                               static_cast<double>(progress.bytes_total));
  if (share > 0 && share < 1 && seconds >= 1) {
    json["seconds_remaining"] = static_cast<std::uint64_t>(seconds * (1 - share) / share);
  }
  json["percent_done"] = share;
  if (progress.files_total != 0) json["total_files"] = progress.files_total;
  if (progress.files_done != 0) json["files_done"] = progress.files_done;
  if (progress.bytes_total != 0) json["total_bytes"] = progress.bytes_total;
  if (progress.bytes_done != 0) json["bytes_done"] = progress.bytes_done;
  if (progress.errors != 0) json["error_count"] = progress.errors;
  if (!progress.current.empty()) json["current_files"] = codec::Json::array({progress.current});
  return json;
}

codec::Json verbose_json(const char* action, const archive::BackedUpItem& item, std::uint64_t total_files) {
  codec::Json json;
  json["message_type"] = "verbose_status";
  json["action"] = action;
  json["item"] = item.path;
  json["duration"] = item.seconds;
  json["data_size"] = item.data_size;
  json["data_size_in_repo"] = item.data_size_in_repo;
  json["metadata_size"] = item.metadata_size;
  json["metadata_size_in_repo"] = item.metadata_size_in_repo;
  json["total_files"] = total_files;
  return json;
}

codec::Json summary_json(const archive::BackupReport& report, double seconds, bool dry_run) {
  const repository::SnapshotSummary& summary = report.summary;
  codec::Json json;
  json["message_type"] = "summary";
  json["files_new"] = summary.files_new;
  json["files_changed"] = summary.files_changed;
  json["files_unmodified"] = summary.files_unmodified;
  json["dirs_new"] = summary.dirs_new;
  json["dirs_changed"] = summary.dirs_changed;
  json["dirs_unmodified"] = summary.dirs_unmodified;
  json["data_blobs"] = summary.data_blobs;
  json["tree_blobs"] = summary.tree_blobs;
  json["data_added"] = summary.data_added;
  json["data_added_packed"] = summary.data_added_packed;
  json["total_files_processed"] = summary.total_files_processed;
  json["total_bytes_processed"] = summary.total_bytes_processed;
  json["total_duration"] = seconds;
  json["backup_start"] = summary.backup_start;
  json["backup_end"] = summary.backup_end;
  if (report.snapshot) json["snapshot_id"] = report.snapshot->hex();
  if (dry_run) json["dry_run"] = true;
  return json;
}

}  // namespace

BackupDisplay::BackupDisplay(RepoSession& session, const std::vector<std::string>& targets, bool dry_run)
    : session_(session),
      targets_(targets),
      dry_run_(dry_run),
      start_(session.context().clock.now()),
      line_(session.context().out, session.context().clock, !session.text()) {}

bool BackupDisplay::wants_progress() const {
  const bool json = session_.flags().json && !session_.flags().quiet;
  return json || line_.visible() || (session_.text() && session_.flags().verbose > 0);
}

double BackupDisplay::seconds() const {
  const auto elapsed = session_.context().clock.now() - start_;
  return std::max(0.0, std::chrono::duration<double>(elapsed).count());  // the clock may have been set back
}

void BackupDisplay::begin() {
  if (!session_.text() || session_.flags().verbose == 0) return;
  session_.print("load index files\nstart scan on [{0}]\nstart backup on [{0}]\n", fmt::join(targets_, " "));
}

void BackupDisplay::parent(const repository::Snapshot* parent) {
  if (!session_.text()) return;
  if (parent != nullptr) {
    session_.print("using parent snapshot {}\n", parent->id.short_hex());
  } else {
    session_.print("no parent snapshot found, will read all files\n");
  }
  begin();
}

// The scan is over when its totals are known.
void BackupDisplay::tell_scanned(const archive::BackupProgress& progress) {
  if (scanned_ || progress.files_total == 0) return;
  scanned_ = true;
  if (session_.flags().json) {
    if (session_.flags().verbose < 2) return;
    const archive::BackedUpItem scan{.seconds = seconds(), .data_size = progress.bytes_total};
    session_.print_json(verbose_json("scan_finished", scan, progress.files_total));
  } else if (session_.text() && session_.flags().verbose > 0) {
    line_.print(fmt::format("scan finished in {:.3f}s: {} files, {}", seconds(), progress.files_total,
                            format_bytes(progress.bytes_total)));
  }
}

void BackupDisplay::update(const archive::BackupProgress& progress) {
  tell_scanned(progress);
  if (session_.flags().json && !session_.flags().quiet && json_pace_.is_due(session_.context().clock.now())) {
    session_.print_json(status_json(progress, seconds()));
  }
  line_.update({.items_done = progress.files_done,
                .items_total = progress.files_total,
                .bytes_done = progress.bytes_done,
                .bytes_total = progress.bytes_total,
                .errors = progress.errors,
                .current = progress.current});
}

void BackupDisplay::error(const std::string& path, const std::string& message) {
  line_.clear();
  if (!session_.flags().json) {
    session_.print_error("error: {}\n", message);
    return;
  }
  codec::Json json;
  json["message_type"] = "error";
  json["error"]["message"] = message;
  json["during"] = "archival";
  json["item"] = path;
  session_.print_error("{}\n", codec::to_json(json));
}

void BackupDisplay::item(const archive::BackedUpItem& item) {
  if (!session_.flags().json) {
    print_item(item);
    return;
  }
  const char* action = item.action == Action::kNew       ? "new"
                       : item.action == Action::kChanged ? "modified"
                                                         : "unchanged";
  session_.print_json(verbose_json(action, item, 0));
}

void BackupDisplay::print_item(const archive::BackedUpItem& item) {
  std::string text;
  if (item.action == Action::kUnmodified) {
    text = fmt::format("unchanged {}", item.path);
  } else {
    text = fmt::format("{:<9} {}, saved in {:.3f}s ({} added, {} stored",
                       item.action == Action::kNew ? "new" : "modified", item.path, item.seconds,
                       format_bytes(item.data_size), format_bytes(item.data_size_in_repo));
    if (item.path.ends_with('/')) text += fmt::format(", {} metadata", format_bytes(item.metadata_size));
    text += ")";
  }
  line_.print(text);
}

void BackupDisplay::end(const archive::BackupReport& report) {
  line_.clear();
  if (session_.flags().json) {
    // Scripts read this one also with --quiet.
    session_.print_json(summary_json(report, seconds(), dry_run_));
    return;
  }
  if (session_.text()) print_summary(report);
  if (!report.errors.empty()) session_.print_error("Warning: at least one source file could not be read\n");
}

void BackupDisplay::print_summary(const archive::BackupReport& report) {
  const repository::SnapshotSummary& summary = report.summary;
  session_.print("\nFiles:       {:5} new, {:5} changed, {:5} unmodified\n", summary.files_new,
                 summary.files_changed, summary.files_unmodified);
  session_.print("Dirs:        {:5} new, {:5} changed, {:5} unmodified\n", summary.dirs_new,
                 summary.dirs_changed, summary.dirs_unmodified);
  if (session_.flags().verbose > 0) {
    session_.print("Data Blobs:  {:5} new\nTree Blobs:  {:5} new\n", summary.data_blobs, summary.tree_blobs);
  }
  session_.print("{} to the repository: {:<5} ({:<5} stored)\n\n", dry_run_ ? "Would add" : "Added",
                 format_bytes(summary.data_added), format_bytes(summary.data_added_packed));
  session_.print("processed {} files, {} in {}\n", summary.total_files_processed,
                 format_bytes(summary.total_bytes_processed),
                 format_seconds(static_cast<std::uint64_t>(seconds())));
  if (report.snapshot) session_.print("snapshot {} saved\n", report.snapshot->short_hex());
  if (report.skipped) session_.print("skipped creating snapshot\n");
}

}  // namespace salvor::cli
