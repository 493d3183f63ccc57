#include "archive/restore_batch.h"

#include <algorithm>
#include <tuple>

namespace salvor::archive {
namespace {

constexpr std::size_t kMostParts = 1024;  // of a task: small files are shared out as well

bool same_blob(const PlannedPart& a, const PlannedPart& b) {
  return a.pack == b.pack && a.offset == b.offset;
}

}  // namespace

void RestoreBatch::add_part(PlannedFile& file, const repository::BlobId& blob,
                            const repository::BlobLocation& location, std::uint64_t at) {
  const auto [pack, added] =
      pack_numbers_.try_emplace(location.pack, static_cast<std::uint32_t>(packs_.size()));
  if (added) packs_.push_back(location.pack);
  parts_.push_back({.pack = pack->second,
                    .offset = location.offset,
                    .length = location.length,
                    .uncompressed_length = location.uncompressed_length,
                    .blob = blob,
                    .file = &file,
                    .at = at});
  ++file.blobs_left;
}

std::vector<RestoreBatch::Task> RestoreBatch::arrange(std::uint64_t largest_task) {
  std::sort(parts_.begin(), parts_.end(), [](const PlannedPart& a, const PlannedPart& b) {
    return std::tie(a.pack, a.offset, a.at) < std::tie(b.pack, b.offset, b.at);
  });
  std::vector<Task> tasks;
  const std::span<const PlannedPart> parts(parts_);
  for (std::size_t first = 0; first < parts.size();) {
    std::uint64_t bytes = parts[first].length;
    std::size_t last = first + 1;
    for (; last < parts.size() && parts[last].pack == parts[first].pack; ++last) {
      if (same_blob(parts[last], parts[last - 1])) continue;
      bytes += parts[last].length;
      if (bytes > largest_task || last - first >= kMostParts) break;
    }
    tasks.push_back(parts.subspan(first, last - first));
    first = last;
  }
  return tasks;
}

std::vector<repository::PlacedBlob> RestoreBatch::blobs_of(const repository::PackId& pack, const Task& task) {
  std::vector<repository::PlacedBlob> blobs;
  for (std::size_t i = 0; i < task.size(); ++i) {
    if (i > 0 && same_blob(task[i], task[i - 1])) continue;
    blobs.push_back({{repository::BlobType::kData, task[i].blob},
                     {pack, task[i].offset, task[i].length, task[i].uncompressed_length}});
  }
  return blobs;
}

}  // namespace salvor::archive
