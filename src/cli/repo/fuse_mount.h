// A SnapshotView as a mounted FUSE file system, read-only. run() serves on threads of its own until the token
// fires or someone unmounts, then takes the mount away; the caller's thread waits in it. Failures to mount
// are thrown (kNotFound, kPermissionDenied, kUnavailable when the kernel has no FUSE); what fails for one
// file is an error of the caller of that file, and a line in the log.
#pragma once

#include <functional>
#include <string>

#include "archive/snapshot_view.h"
#include "base/cancel.h"
#include "base/log.h"

namespace salvor::cli {

struct FuseMountOptions {
  std::string mountpoint;
  std::string name;  // what `mount` and df show as the source
  bool allow_other = false, default_permissions = false;
  unsigned threads = 4;
  std::function<void()> on_ready = nullptr;  // the mount is there
};

void serve_fuse_mount(archive::SnapshotView& view, const FuseMountOptions& options,
                      const base::Logger& logger, const base::CancelToken& cancel);

}  // namespace salvor::cli
