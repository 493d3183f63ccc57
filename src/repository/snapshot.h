// The snapshot document (restic design: "Snapshots"). Field order on write is fixed: see the .cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "repository/ids.h"

namespace salvor::repository {

struct SnapshotSummary {
  std::string backup_start, backup_end;  // RFC 3339
  std::uint64_t files_new = 0, files_changed = 0, files_unmodified = 0;
  std::uint64_t dirs_new = 0, dirs_changed = 0, dirs_unmodified = 0;
  std::uint64_t data_blobs = 0, tree_blobs = 0;
  std::uint64_t data_added = 0;         // plaintext bytes of new blobs
  std::uint64_t data_added_packed = 0;  // bytes they take in the repository
  std::uint64_t total_files_processed = 0, total_bytes_processed = 0;
};

struct Snapshot {
  SnapshotId id;     // of the file it was loaded from; null before it is saved
  std::string time;  // RFC 3339 with the writer's offset, kept as written
  std::optional<SnapshotId> parent;
  BlobId tree;
  std::vector<std::string> paths;
  std::string hostname, username;
  std::uint32_t uid = 0, gid = 0;
  std::vector<std::string> excludes, tags;
  std::optional<SnapshotId> original;
  std::string program_version;
  std::optional<SnapshotSummary> summary;

  base::Time instant() const;  // time, parsed
};

std::string encode_snapshot(const Snapshot& snapshot);
// Throws kCorrupt.
Snapshot decode_snapshot(std::string_view json, const SnapshotId& id);

}  // namespace salvor::repository
