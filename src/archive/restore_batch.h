// The files of a batch that is restored, and which parts of which packs they need. Filled by one thread, then
// arranged and read by several; a file's changing members are guarded by its mutex. Whoever starts the batch
// owns it until all its tasks are done. Never fails.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "archive/node.h"
#include "base/file.h"
#include "repository/repository.h"

namespace salvor::archive {

struct PlannedFile {
  std::string directory;
  Node node;  // without its content
  bool in_place = false;
  bool whole_blob = false;  // one blob makes up the file

  std::mutex mutex;  // guards what follows
  std::size_t blobs_left = 0;
  std::uint32_t writers = 0;  // that use fd
  bool created = false, failed = false;
  base::Fd fd;

  std::string item() const { return directory.empty() ? "/" + node.name : "/" + directory + "/" + node.name; }
};

// Where a blob belongs.
struct PlannedPart {
  std::uint32_t pack = 0;  // among the batch's packs
  std::uint32_t offset = 0, length = 0, uncompressed_length = 0;
  repository::BlobId blob;
  PlannedFile* file = nullptr;
  std::uint64_t at = 0;  // in the file
};

class RestoreBatch {
 public:
  PlannedFile& add_file() { return *files_.emplace_back(std::make_unique<PlannedFile>()); }
  // Takes the file that was added last away again: it needs nothing.
  void drop_file() { files_.pop_back(); }
  void add_part(PlannedFile& file, const repository::BlobId& blob, const repository::BlobLocation& location,
                std::uint64_t at);
  std::size_t file_count() const { return files_.size(); }
  std::size_t part_count() const { return parts_.size(); }

  // Parts of one pack, ascending by offset, those of the same blob together.
  using Task = std::span<const PlannedPart>;
  // Divides the parts: packs in the order in which the files first needed them, and at most about
  // `largest_task` bytes of a pack at once.
  std::vector<Task> arrange(std::uint64_t largest_task);
  const repository::PackId& pack(const Task& task) const { return packs_[task.front().pack]; }
  static std::vector<repository::PlacedBlob> blobs_of(const repository::PackId& pack, const Task& task);

 private:
  std::vector<std::unique_ptr<PlannedFile>> files_;
  std::vector<PlannedPart> parts_;
  std::vector<repository::PackId> packs_;
  std::unordered_map<repository::PackId, std::uint32_t> pack_numbers_;
};

}  // namespace salvor::archive
