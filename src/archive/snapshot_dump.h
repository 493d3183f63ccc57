// A directory of a snapshot as one archive, tar or zip: what `dump` writes for anything but a file. tar holds
// owners, devices, fifos and extended attributes; zip has no room for those and holds devices and fifos as
// empty entries of their mode. Sockets are left out. One thread; throws what the repository and the sink
// throw.
#pragma once

#include <string>

#include "base/cancel.h"
#include "base/stream.h"
#include "repository/repository.h"

namespace salvor::archive {

enum class DumpFormat { kTar, kZip };

// Everything below the tree; names begin with `prefix` ("" or "src", without slashes at its ends).
void dump_directory(repository::Repository& repository, const repository::BlobId& tree,
                    const std::string& prefix, DumpFormat format, base::Sink& to,
                    const base::CancelToken& cancel);

}  // namespace salvor::archive
