// Fills files from packs: a batch of files is planned, then every pack that holds a part of them is read, in
// pieces by several threads, and each blob written wherever it belongs. A file whose last blob has arrived
// gets its metadata and is closed. While one batch is under way, the next is planned.
//
// add, start and finish are for one thread; the report's callbacks come from any thread, one at a time. A
// file that cannot be restored is reported and the rest continues; a full disk, a failing store and
// cancellation are thrown by finish.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "archive/directory_restore.h"
#include "archive/node.h"
#include "archive/restore_target.h"
#include "repository/repository.h"

namespace salvor::archive {

// Where counts and errors of a restore are collected. Thread-safe.
class RestoreTally {
 public:
  explicit RestoreTally(const RestoreRequest& request) : request_(request) {}
  void add_error(const std::string& path, const std::string& message);
  void plan_file(std::uint64_t bytes);
  void add_bytes(std::uint64_t bytes);
  void finish_file(RestoredItem item);
  void skip_file(const std::string& path, std::uint64_t bytes);
  void finish_other(const std::string& path);
  void add_deleted(const std::string& path);
  void set_totals(std::uint64_t files, std::uint64_t bytes);
  RestoreProgress progress() const;
  RestoreReport take_report();

 private:
  void tell(const RestoredItem& item);

  const RestoreRequest& request_;
  mutable std::mutex mutex_;
  RestoreProgress progress_;   // guarded by mutex_
  RestoreReport report_;       // guarded by mutex_
  bool totals_known_ = false;  // guarded by mutex_
};

class ContentRestorer {
 public:
  // All must outlive it.
  ContentRestorer(repository::Repository& repository, const RestoreTarget& target,
                  const RestoreRequest& request, RestoreTally& tally, const base::CancelToken& cancel);
  // Awaits what is under way.
  ~ContentRestorer();

  // Plans a regular file. `directory` is relative to the target. `in_place`: a file of that size is there;
  // what it has right is kept.
  void add(const std::string& directory, Node node, bool in_place);
  // Whether the batch should be started before more is added.
  bool is_full() const;
  // Restores what was added, in the background; the batch before must be finished.
  void start();
  // Waits for the batch that was started, if any. `tick` is called about ten times a second on the calling
  // thread.
  void finish(const std::function<void()>& tick);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace salvor::archive
