// Counts what a backup will read, for its progress; runs beside it in a thread of the caller.
#pragma once

#include "archive/backup_tally.h"
#include "archive/source_filter.h"
#include "archive/target_tree.h"
#include "base/cancel.h"

namespace salvor::archive {

// Sets the tally's totals when everything is counted. What cannot be read is not counted; never throws.
void scan_sources(const TargetTree& targets, const SourceFilter& filter, BackupTally& tally,
                  const std::function<bool()>& stopped);

}  // namespace salvor::archive
