// Reads a whole pack and compares everything that can be compared: its name with the hash of its bytes, its
// header with the index, each blob with its tag and its hash. The pack's hash goes on beside those of its
// blobs, so every byte passes once. What does not fit is read once more, as the damage may have happened on
// the way. Any thread; memory, kept by thread: a few blobs where requests are cheap, else the pack.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "repository/pack.h"
#include "repository/repository.h"

namespace salvor::repository {

struct PackVerdict {
  std::uint64_t bytes = 0;          // read
  std::vector<std::string> errors;  // each names the pack
};

// `entries`: what the index says of it, in order of offset and without gaps. Throws only kCancelled.
PackVerdict check_pack_data(Repository& repository, const PackId& pack, const std::vector<PackEntry>& entries,
                            const base::CancelToken& cancel);

}  // namespace salvor::repository
