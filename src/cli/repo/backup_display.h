// What `backup` shows: a progress line on a terminal, JSON messages with --json, each item with -vv, and the
// summary. Made before the backup begins; its methods may be called from any thread, one at a time.
#pragma once

#include <string>

#include "archive/directory_backup.h"
#include "cli/repo/repo_session.h"
#include "cli/terminal_progress.h"

namespace salvor::cli {

class BackupDisplay {
 public:
  // `targets` are named by -v.
  BackupDisplay(RepoSession& session, const std::vector<std::string>& targets, bool dry_run);

  // Whether anyone sees the progress, so that it is worth counting the source.
  bool wants_progress() const;
  void begin();
  void parent(const repository::Snapshot* parent);
  void update(const archive::BackupProgress& progress);
  void error(const std::string& path, const std::string& message);
  void item(const archive::BackedUpItem& item);
  void end(const archive::BackupReport& report);

 private:
  double seconds() const;
  void tell_scanned(const archive::BackupProgress& progress);
  void print_item(const archive::BackedUpItem& item);
  void print_summary(const archive::BackupReport& report);

  RepoSession& session_;
  const std::vector<std::string> targets_;
  const bool dry_run_;
  const base::Time start_;
  TerminalProgress line_;
  ProgressPace json_pace_{60};
  bool scanned_ = false;
};

}  // namespace salvor::cli
