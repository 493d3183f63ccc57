// What snapshots occupy. raw-data and blobs-per-file counts walk trees here; restore-size, which needs whole
// nodes, is in src/archive. The index must be loaded.
#pragma once

#include <cstdint>
#include <vector>

#include "base/cancel.h"
#include "repository/repository.h"

namespace salvor::repository {

struct RawDataStatistics {
  std::uint64_t snapshots = 0;
  std::uint64_t blobs = 0;              // distinct
  std::uint64_t size = 0;               // sealed bytes of those blobs: restic's total_size
  std::uint64_t uncompressed_size = 0;  // their plaintext (compressed blobs counted with their plain size)
  std::uint64_t compressed_blobs_size = 0;               // sealed bytes of the compressed ones
  std::uint64_t compressed_blobs_uncompressed_size = 0;  // and their plaintext
  double compression_ratio() const;         // plaintext over sealed of the compressed blobs, 0 when none
  double compression_space_saving() const;  // percent
  double compression_progress() const;      // percent of bytes that are in compressed blobs
};

// Blobs that the snapshots' trees reach, each once.
RawDataStatistics raw_data_statistics(Repository& repository, const std::vector<Snapshot>& snapshots,
                                      const base::CancelToken& cancel);

}  // namespace salvor::repository
