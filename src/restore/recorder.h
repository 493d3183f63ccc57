// Collects what becomes of each object while a restore's threads work: warnings, errors, the resource list,
// the plan of a dry run, progress. Thread-safe.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <string>

#include "base/log.h"
#include "restore/plan.h"
#include "velero/resource_list.h"
#include "velero/results.h"
#include "velero/types.h"

namespace salvor::restore {

class Recorder {
 public:
  // `report` may be null; it is called at most once a second, one call at a time. Without keep_plan there is
  // no plan.
  Recorder(base::Logger logger, std::function<void(const velero::RestoreProgress&)> report, bool keep_plan)
      : logger_(std::move(logger)), report_(std::move(report)), keep_plan_(keep_plan) {}

  // Of a namespace, or cluster-scoped for "". Both go to the log too.
  void warning(const std::string& name_space, std::string message);
  void error(const std::string& name_space, std::string message);
  // The plan's entry; its outcome ("created", "updated", "failed", "skipped") also goes into the resource
  // list, "" does not.
  void note(PlannedObject object, std::string_view outcome);

  void expect_items(size_t count);
  // Counted as restored, or, when it was none of the restore's objects after all, no longer expected.
  void item_done(bool counted);

  // How many so far.
  size_t errors() const;

  // What was collected; to be called when no thread works any more.
  velero::Results take_results() { return std::move(results_); }
  velero::ResourceList take_resources() { return std::move(resources_); }
  Plan take_plan() { return std::move(plan_); }
  const velero::RestoreProgress& progress() const { return progress_; }

 private:
  void report();

  const base::Logger logger_;
  const std::function<void(const velero::RestoreProgress&)> report_;
  const bool keep_plan_;
  mutable std::mutex mutex_;  // guards what follows
  velero::Results results_;
  velero::ResourceList resources_;
  velero::RestoreProgress progress_;
  Plan plan_;
  std::chrono::steady_clock::time_point reported_{};
};

}  // namespace salvor::restore
