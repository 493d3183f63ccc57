#include <algorithm>
#include <unordered_set>

#include "base/error.h"
#include "base/thread_pool.h"
#include "repository/in_flight.h"
#include "repository/index_file.h"
#include "repository/pack_contents.h"
#include "repository/prune.h"

namespace salvor::repository {
namespace {

class Applier {
 public:
  Applier(Repository& repository, const PrunePlan& plan, const base::CancelToken& cancel,
          const PruneObserver& observer)
      : repository_(repository),
        index_(repository.index()),
        packs_(repository.index().packs()),
        plan_(plan),
        cancel_(cancel),
        observer_(observer),
        pool_(std::max(2U, repository.environment().connections)) {
    for (const PackId& pack : plan.remove) gone_.insert(pack);
    for (const PackId& pack : plan.repack) gone_.insert(pack);
    for (const PackId& pack : plan.missing) gone_.insert(pack);
    for (const PackId& pack : plan.revived) revived_.insert(pack);
  }

  void run() {
    // Unreferenced packs are nobody's; deleting them first makes room for the new ones.
    delete_packs(plan_.unreferenced);
    if (gone_.empty() && revived_.empty() && !plan_.redundant_index) return;
    const std::vector<IndexFile> obsolete = obsolete_files();
    {
      const BlobIndex::Hold hold(repository_.mutable_index());
      const PackContents contents(index_);
      if (!plan_.repack.empty()) repack(contents);
      write_index(contents, obsolete);
    }
    for (const IndexFile& file : obsolete) {
      cancel_.check();
      // A failure leaves an index that names packs about to be deleted: it must not be passed over.
      repository_.remove_file(FileKind::kIndex, file.id.hex(), cancel_);
    }
    std::vector<std::string> packs;
    for (const PackId& pack : plan_.remove) packs.push_back(pack.hex());
    for (const PackId& pack : plan_.repack) packs.push_back(pack.hex());
    delete_packs(packs);
    repository_.load_index(cancel_);
  }

 private:
  void progress(std::string_view phase, std::uint64_t done, std::uint64_t total) {
    if (observer_) observer_({std::string(phase), done, total});
  }

  // Index files that name a pack that goes or that another file names too, and those that are so small that
  // merging them is a gain.
  std::vector<IndexFile> obsolete_files() const {
    std::vector<std::uint8_t> named(packs_.size());
    for (const IndexFile& file : index_.files()) {
      for (const std::uint32_t pack : file.packs) named[pack] = named[pack] == 0 ? 1 : 2;
    }
    std::vector<IndexFile> files;
    for (const IndexFile& file : index_.files()) {
      const bool touched = std::any_of(file.packs.begin(), file.packs.end(), [&](std::uint32_t pack) {
        return named[pack] > 1 || gone_.contains(packs_[pack]) || revived_.contains(packs_[pack]);
      });
      if (touched || file.blobs < kFullIndexBlobs) files.push_back(file);
    }
    return files;
  }

  void repack(const PackContents& contents) {
    std::unordered_map<PackId, std::uint32_t> numbers;
    for (std::uint32_t i = 0; i < packs_.size(); ++i) {
      if (gone_.contains(packs_[i])) numbers.emplace(packs_[i], i);
    }
    std::uint64_t done = 0;
    InFlight<int> reads(pool_.size(), [&](int) { progress("repacking", ++done, plan_.repack.size()); });
    for (const PackId& pack : plan_.repack) {
      cancel_.check();
      reads.add(pool_.submit([this, &contents, pack, number = numbers.at(pack)] {
        repository_.repack_blobs(pack, needed_blobs(contents, number), plan_.compress, cancel_);
        return 0;
      }));
    }
    reads.finish();
    repository_.flush(cancel_);
  }

  std::vector<PlacedBlob> needed_blobs(const PackContents& contents, std::uint32_t pack) const {
    std::vector<PlacedBlob> blobs;
    for (const std::uint32_t value : contents.of(pack)) {
      const auto [type, at] = PackContents::unpack(value);
      if (!plan_.keep[static_cast<size_t>(type)][at]) continue;
      const IndexEntry& entry = contents.entry(value);
      blobs.push_back(
          {{type, entry.id}, {packs_[pack], entry.offset, entry.length, entry.uncompressed_length}});
    }
    return blobs;
  }

  void write_index(const PackContents& contents, const std::vector<IndexFile>& obsolete) {
    std::unordered_set<std::uint32_t> written;
    std::vector<std::pair<PackId, std::vector<PackEntry>>> packs;
    std::vector<PackToDelete> marked;
    size_t blobs = 0;
    const auto save = [&] {
      if (packs.empty() && marked.empty()) return;
      repository_.save_document(FileKind::kIndex, encode_index(packs, marked), cancel_);
      packs.clear();
      marked.clear();
      blobs = 0;
    };
    std::uint64_t done = 0;
    for (const IndexFile& file : obsolete) {
      for (const std::uint32_t pack : file.packs) {
        if (gone_.contains(packs_[pack]) || !written.insert(pack).second) continue;
        std::vector<PackEntry> entries = contents.entries_of(pack);
        blobs += entries.size();
        const std::string* since = index_.marked_since(pack);
        if (since != nullptr && !revived_.contains(packs_[pack])) {
          marked.push_back({packs_[pack], *since, std::move(entries)});
        } else {
          packs.emplace_back(packs_[pack], std::move(entries));
        }
        if (blobs >= kFullIndexBlobs) save();
      }
      progress("writing index", ++done, obsolete.size());
    }
    save();
  }

  void delete_packs(const std::vector<std::string>& names) {
    std::uint64_t done = 0;
    InFlight<int> deletions(2 * pool_.size(), [&](int) { progress("deleting", ++done, names.size()); });
    for (const std::string& name : names) {
      cancel_.check();
      deletions.add(pool_.submit([this, name] {
        try {
          repository_.remove_file(FileKind::kPack, name, cancel_);
        } catch (const base::Error& error) {
          if (error.code() == base::ErrorCode::kCancelled) throw;
          // It is an unreferenced pack now, which the next prune deletes.
          repository_.environment().logger.warning("cannot delete pack {}: {}", name, error.message());
        }
        return 0;
      }));
    }
    deletions.finish();
  }

  Repository& repository_;
  const BlobIndex& index_;
  const std::vector<PackId> packs_;  // as planned; the index's own grows while repacking
  const PrunePlan& plan_;
  const base::CancelToken cancel_;
  const PruneObserver& observer_;
  std::unordered_set<PackId> gone_, revived_;
  base::ThreadPool pool_;
};

}  // namespace

void apply_prune(Repository& repository, const PrunePlan& plan, const base::CancelToken& cancel,
                 const PruneObserver& observer) {
  Applier(repository, plan, cancel, observer).run();
}

}  // namespace salvor::repository
