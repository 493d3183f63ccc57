// Reads the header of a stored pack without the pack: most headers in one request. Any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "base/cancel.h"
#include "repository/pack.h"
#include "repository/repository.h"

namespace salvor::repository {

// `size` is the pack's as it was listed. Throws kCorrupt when it has no sound header, or one whose blobs do
// not fill the pack, or compressed blobs in a repository of version 1.
std::vector<PackEntry> load_pack_header(Repository& repository, const PackId& pack, std::uint64_t size,
                                        const base::CancelToken& cancel);

}  // namespace salvor::repository
