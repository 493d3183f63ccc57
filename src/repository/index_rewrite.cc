#include "repository/index_rewrite.h"

#include <algorithm>

#include "repository/index_file.h"

namespace salvor::repository {
namespace {

// Collects packs and stores an index file whenever enough blobs are together.
class IndexBatch {
 public:
  IndexBatch(Repository& repository, const base::CancelToken& cancel)
      : repository_(repository), cancel_(cancel) {}

  void add(IndexedPack pack) {
    blobs_ += pack.second.size();
    packs_.push_back(std::move(pack));
    if (blobs_ >= kFullIndexBlobs) save();
  }
  void add_marked(PackToDelete pack) {
    blobs_ += pack.entries.size();
    marked_.push_back(std::move(pack));
    if (blobs_ >= kFullIndexBlobs) save();
  }
  void save() {
    if (packs_.empty() && marked_.empty()) return;
    cancel_.check();
    repository_.save_document(FileKind::kIndex, encode_index(packs_, marked_), cancel_);
    packs_.clear();
    marked_.clear();
    blobs_ = 0;
  }

 private:
  Repository& repository_;
  const base::CancelToken cancel_;
  std::vector<IndexedPack> packs_;
  std::vector<PackToDelete> marked_;
  size_t blobs_ = 0;
};

}  // namespace

std::vector<IndexFile> obsolete_index_files(const BlobIndex& index, const IndexChange& change) {
  const auto& packs = index.packs();
  std::vector<std::uint8_t> named(packs.size());
  for (const IndexFile& file : index.files()) {
    for (const std::uint32_t pack : file.packs) named[pack] = named[pack] == 0 ? 1 : 2;
  }
  std::vector<IndexFile> files;
  for (const IndexFile& file : index.files()) {
    const bool touched = std::any_of(file.packs.begin(), file.packs.end(), [&](std::uint32_t pack) {
      return named[pack] > 1 || change.gone.contains(packs[pack]) || change.revived.contains(packs[pack]);
    });
    if (touched || file.blobs < kFullIndexBlobs) files.push_back(file);
  }
  return files;
}

void save_changed_index(Repository& repository, const PackContents& contents,
                        const std::vector<IndexFile>& obsolete, const IndexChange& change,
                        const base::CancelToken& cancel, const std::function<void(std::uint64_t)>& progress) {
  IndexBatch batch(repository, cancel);
  const BlobIndex& index = repository.index();
  std::unordered_set<std::uint32_t> written;
  std::uint64_t done = 0;
  for (const IndexFile& file : obsolete) {
    for (const std::uint32_t pack : file.packs) {
      const PackId& id = index.packs()[pack];
      if (change.gone.contains(id) || !written.insert(pack).second) continue;
      const std::string* since = index.marked_since(pack);
      if (since != nullptr && !change.revived.contains(id)) {
        batch.add_marked({id, *since, contents.entries_of(pack)});
      } else {
        batch.add({id, contents.entries_of(pack)});
      }
    }
    if (progress) progress(++done);
  }
  for (const IndexedPack& pack : change.added) batch.add(pack);
  batch.save();
}

void remove_index_files(Repository& repository, const std::vector<IndexFile>& files,
                        const base::CancelToken& cancel) {
  for (const IndexFile& file : files) {
    cancel.check();
    // A failure leaves an index that names packs about to be deleted: it must not be passed over.
    repository.remove_file(FileKind::kIndex, file.id.hex(), cancel);
  }
}

}  // namespace salvor::repository
