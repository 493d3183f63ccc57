// Copies snapshots from one repository into another: the trees are walked in the source, blobs that the
// destination lacks are read pack by pack, opened, and packed anew under the destination's key and
// compression. Files are not cut anew, so equal content only meets content of the destination if both cut
// with the same polynomial. A copy has no parent, and its `original` is the snapshot it came from; a snapshot
// whose copy is there is passed over.
//
// The caller holds locks on both: shared is enough. Blobs are durable before the snapshots that need them;
// dying in the middle leaves blobs that the next copy finds. Snapshots that are ready are saved whenever as
// much as a hundred packs or a minute has passed. Memory: both indexes and a bit for each blob.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/cancel.h"
#include "repository/repository.h"

namespace salvor::repository {

struct CopyObserver {
  std::function<void(const Snapshot& source)> on_start;
  std::function<void(const Snapshot&source, const SnapshotId&copy)> on_skip, on_saved;
  // Packs of the source that this snapshot needs read, and how many are done.
  std::function<void(std::uint64_t done, std::uint64_t total)> on_progress;
};

struct CopyReport {
  std::uint64_t copied = 0, skipped = 0;  // snapshots
  std::uint64_t blobs = 0, bytes = 0;     // copied; bytes of plaintext
};

// Loads both indexes. `snapshots` are the source's, in the order in which to copy them. Throws kCorrupt
// naming a blob of the source that is missing or damaged; what was ready by then is saved.
CopyReport copy_snapshots(Repository& source, Repository& destination, const std::vector<Snapshot>& snapshots,
                          const base::CancelToken& cancel, const CopyObserver& observer = {});

// Whether `copy` is what copying `source` makes of it: all but id, parent and original are equal.
bool is_copy_of(const Snapshot& copy, const Snapshot& source);

}  // namespace salvor::repository
