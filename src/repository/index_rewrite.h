// Replaces index files by others that no longer name some packs, or name them with other contents: what prune
// and the repairs have in common. New files are stored before the old ones are removed, so that at every
// moment each pack that stays is named by a file that can be read. The caller holds an exclusive lock and a
// settled index.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/cancel.h"
#include "repository/blob_index.h"
#include "repository/pack_contents.h"
#include "repository/repository.h"

namespace salvor::repository {

using PackSet = std::unordered_set<PackId>;
using IndexedPack = std::pair<PackId, std::vector<PackEntry>>;

struct IndexChange {
  PackSet gone;                    // no file shall name them as they are named now
  PackSet revived;                 // marked for deletion (by rustic), and needed after all
  std::vector<IndexedPack> added;  // to be named, whether they were or not
};

// Index files that name a pack that changes or one that another file names too, and those that are so small
// that merging them is a gain.
std::vector<IndexFile> obsolete_index_files(const BlobIndex& index, const IndexChange& change);

// Stores in new index files what `obsolete` name and what is added, but for what goes. `contents` is of the
// repository's index. `progress` gets how many of the obsolete files are done.
void save_changed_index(Repository& repository, const PackContents& contents,
                        const std::vector<IndexFile>& obsolete, const IndexChange& change,
                        const base::CancelToken& cancel,
                        const std::function<void(std::uint64_t done)>& progress = nullptr);

void remove_index_files(Repository& repository, const std::vector<IndexFile>& files,
                        const base::CancelToken& cancel);

}  // namespace salvor::repository
