#include <algorithm>
#include <unordered_map>

#include "base/error.h"
#include "base/thread_pool.h"
#include "repository/in_flight.h"
#include "repository/index_rewrite.h"
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
    for (const PackId& pack : plan.remove) change_.gone.insert(pack);
    for (const PackId& pack : plan.repack) change_.gone.insert(pack);
    for (const PackId& pack : plan.missing) change_.gone.insert(pack);
    for (const PackId& pack : plan.revived) change_.revived.insert(pack);
  }

  void run() {
    // Unreferenced packs are nobody's; deleting them first makes room for the new ones.
    delete_packs(plan_.unreferenced);
    if (change_.gone.empty() && change_.revived.empty() && !plan_.redundant_index) return;
    if (plan_.without_free_space) {
      free_space_first();
    } else {
      write_first();
    }
    repository_.load_index(cancel_);
  }

 private:
  void write_first() {
    const std::vector<IndexFile> obsolete = obsolete_index_files(index_, change_);
    {
      const BlobIndex::Hold hold(repository_.mutable_index());
      const PackContents contents(index_);
      if (!plan_.repack.empty()) repack(contents);
      save_changed_index(repository_, contents, obsolete, change_, cancel_,
                         [&](std::uint64_t done) { progress("writing index", done, obsolete.size()); });
    }
    remove_index_files(repository_, obsolete, cancel_);
    delete_planned_packs();
  }

  void free_space_first() {
    const std::vector<IndexFile> all = index_.files();
    const PackContents contents(index_);
    remove_index_files(repository_, all, cancel_);
    delete_planned_packs();
    save_changed_index(repository_, contents, all, change_, cancel_,
                       [&](std::uint64_t done) { progress("writing index", done, all.size()); });
  }

  void delete_planned_packs() {
    std::vector<std::string> packs;
    for (const PackId& pack : plan_.remove) packs.push_back(pack.hex());
    for (const PackId& pack : plan_.repack) packs.push_back(pack.hex());
    delete_packs(packs);
  }

  void progress(std::string_view phase, std::uint64_t done, std::uint64_t total) {
    if (observer_) observer_({std::string(phase), done, total});
  }

  void repack(const PackContents& contents) {
    std::unordered_map<PackId, std::uint32_t> numbers;
    for (std::uint32_t i = 0; i < packs_.size(); ++i) {
      if (change_.gone.contains(packs_[i])) numbers.emplace(packs_[i], i);
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
  IndexChange change_;
  base::ThreadPool pool_;
};

}  // namespace

void apply_prune(Repository& repository, const PrunePlan& plan, const base::CancelToken& cancel,
                 const PruneObserver& observer) {
  Applier(repository, plan, cancel, observer).run();
}

}  // namespace salvor::repository
