#include "repository/statistics.h"

#include "repository/tree_walk.h"

namespace salvor::repository {

double RawDataStatistics::compression_ratio() const {
  return compressed_blobs_size == 0 ? 0
                                    : static_cast<double>(compressed_blobs_uncompressed_size) /
                                          static_cast<double>(compressed_blobs_size);
}

double RawDataStatistics::compression_space_saving() const {
  return uncompressed_size == 0
             ? 0
             : (1 - static_cast<double>(size) / static_cast<double>(uncompressed_size)) * 100;
}

double RawDataStatistics::compression_progress() const {
  return uncompressed_size == 0 ? 0
                                : static_cast<double>(compressed_blobs_uncompressed_size) /
                                      static_cast<double>(uncompressed_size) * 100;
}

RawDataStatistics raw_data_statistics(Repository& repository, const std::vector<Snapshot>& snapshots,
                                      const base::CancelToken& cancel) {
  repository.mutable_index().settle();
  std::vector<BlobId> roots;
  for (const Snapshot& snapshot : snapshots) roots.push_back(snapshot.tree);
  const UsedBlobs used = walk_trees(repository, roots, {}, cancel);
  RawDataStatistics statistics;
  statistics.snapshots = snapshots.size();
  for (const BlobType type : {BlobType::kData, BlobType::kTree}) {
    const auto& entries = repository.index().entries(type);
    for (size_t i = 0; i < entries.size(); ++i) {
      if (!used[static_cast<size_t>(type)].test(i)) continue;
      const IndexEntry& entry = entries[i];
      ++statistics.blobs;
      statistics.size += entry.length;
      // restic counts an uncompressed blob with its sealed size on both sides.
      statistics.uncompressed_size +=
          entry.uncompressed_length != 0 ? entry.uncompressed_length + codec::kSealOverhead : entry.length;
      if (entry.uncompressed_length != 0) {
        statistics.compressed_blobs_size += entry.length;
        statistics.compressed_blobs_uncompressed_size += entry.uncompressed_length + codec::kSealOverhead;
      }
    }
  }
  return statistics;
}

}  // namespace salvor::repository
