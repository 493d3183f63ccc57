#include "repository/prune.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <limits>
#include <unordered_map>

#include "base/error.h"
#include "repository/pack_contents.h"
#include "repository/size_text.h"
#include "repository/tree_walk.h"

namespace salvor::repository {
namespace {

using base::ErrorCode;

constexpr std::uint64_t kSmallestTarget = 4 * 1024 * 1024;
constexpr std::chrono::hours kDeletionDelay{23};  // rustic's own
constexpr size_t kFewestSmallPacks = 10;          // fewer are not worth a new pack

struct MaxUnused {
  enum class Kind { kUnlimited, kPercent, kBytes } kind = Kind::kPercent;
  double percent = 5;
  std::uint64_t bytes = 0;

  std::uint64_t limit(std::uint64_t used) const {
    switch (kind) {
      case Kind::kUnlimited:
        return std::numeric_limits<std::uint64_t>::max();
      case Kind::kBytes:
        return bytes;
      case Kind::kPercent:
        break;
    }
    return static_cast<std::uint64_t>(percent / (100 - percent) * static_cast<double>(used));
  }
};

MaxUnused parse_max_unused(const std::string& text) {
  MaxUnused result;
  if (text == "unlimited") {
    result.kind = MaxUnused::Kind::kUnlimited;
    return result;
  }
  if (text.ends_with('%')) {
    const char* end = text.data() + text.size() - 1;
    const auto parsed = std::from_chars(text.data(), end, result.percent);
    if (parsed.ec == std::errc{} && parsed.ptr == end && result.percent >= 0 && result.percent < 100)
      return result;
  } else if (const auto bytes = parse_size(text)) {
    result.kind = MaxUnused::Kind::kBytes;
    result.bytes = *bytes;
    return result;
  }
  base::fail(ErrorCode::kInvalidArgument,
             "--max-unused: \"{}\" is neither a percentage below 100 nor a size nor \"unlimited\"", text);
}

// One pack of the index.
struct PackUse {
  std::uint64_t used_bytes = 0, unused_bytes = 0;
  std::uint32_t used = 0, unused = 0;
  bool data = false, tree = false;
  bool must_compress = false;
  bool stored = false;
  bool marked = false;   // for deletion, by rustic
  bool waiting = false;  // marked, and not for long enough
  std::uint64_t size() const { return used_bytes + unused_bytes; }
};

class Planner {
 public:
  Planner(Repository& repository, const PruneOptions& options, const base::CancelToken& cancel,
          const PruneObserver& observer)
      : repository_(repository),
        index_(repository.index()),
        options_(options),
        max_unused_(parse_max_unused(options.max_unused)),
        cancel_(cancel),
        observer_(observer) {}

  PrunePlan run() {
    const UsedBlobs used = find_used();
    packs_.resize(index_.packs().size());
    plan_.compress = options_.repack_uncompressed;
    note_marked();
    plan_.keep = {std::vector<bool>(index_.entries(BlobType::kData).size()),
                  std::vector<bool>(index_.entries(BlobType::kTree).size())};
    list_packs();
    choose_copies(used);
    check_sizes();
    plan_.without_free_space = options_.without_free_space;
    decide();
    return std::move(plan_);
  }

 private:
  UsedBlobs find_used() {
    if (observer_) observer_({"reading trees", 0, 0});
    // Any unreadable snapshot ends it here: its blobs would be taken for unused.
    std::vector<BlobId> roots;
    const auto& without = options_.without_snapshots;
    for (const Snapshot& snapshot : repository_.list_snapshots(nullptr, cancel_)) {
      const bool counts = std::find(without.begin(), without.end(), snapshot.id) == without.end();
      if (counts) roots.push_back(snapshot.tree);
    }
    // Anew, also when it is loaded: apply must know which files name which packs, those of this process too.
    repository_.load_index(cancel_);
    WalkObserver walk;
    walk.on_progress = [&](std::uint64_t trees) {
      if (observer_) observer_({"reading trees", trees, 0});
    };
    try {
      return walk_trees(repository_, roots, walk, cancel_);
    } catch (base::Error& error) {
      if (error.code() == ErrorCode::kCorrupt) error.add_context("cannot prune a damaged repository");
      throw;
    }
  }

  // Whoever is backing up with rustic, which takes no lock, may still refer to a pack that was marked lately.
  void note_marked() {
    const base::Time now = repository_.environment().clock.now();
    for (std::uint32_t number = 0; number < packs_.size(); ++number) {
      const std::string* since = index_.marked_since(number);
      if (since == nullptr) continue;
      packs_[number].marked = true;
      const auto time = base::parse_rfc3339(*since);
      packs_[number].waiting = time && now - *time < kDeletionDelay;
    }
  }

  void list_packs() {
    std::unordered_map<PackId, std::uint32_t> numbers;
    for (std::uint32_t i = 0; i < packs_.size(); ++i) numbers.emplace(index_.packs()[i], i);
    stored_size_.resize(packs_.size());
    for (const StoredFile& file : repository_.list_files(FileKind::kPack, cancel_)) {
      const auto found = numbers.find(*PackId::from_hex(file.name));
      if (found == numbers.end()) {
        plan_.unreferenced.push_back(file.name);
        plan_.unreferenced_bytes += file.size;
        continue;
      }
      packs_[found->second].stored = true;
      stored_size_[found->second] = file.size;
    }
    plan_.total_packs = packs_.size();
    size_t named = 0;
    for (const IndexFile& file : index_.files()) named += file.packs.size();
    plan_.redundant_index = named > packs_.size();
  }

  template <typename Visit>  // visit(type, first, last, needed) for the copies of each blob
  void for_each_blob(const UsedBlobs& used, Visit visit) {
    for (const BlobType type : {BlobType::kData, BlobType::kTree}) {
      const auto& entries = index_.entries(type);
      for (size_t first = 0; first < entries.size();) {
        size_t last = first + 1;
        while (last < entries.size() && entries[last].id == entries[first].id) ++last;
        visit(type, first, last, used[static_cast<size_t>(type)].test(first));
        first = last;
      }
    }
  }

  void choose_copies(const UsedBlobs& used) {
    // First what leaves no choice, so that copies can go where needed blobs are anyway.
    for_each_blob(used, [&](BlobType type, size_t first, size_t last, bool needed) {
      if (!needed) {
        for (size_t at = first; at < last; ++at) count(type, at, false);
      } else if (last - first == 1) {
        keep(type, first);
      }
    });
    for_each_blob(used, [&](BlobType type, size_t first, size_t last, bool needed) {
      if (!needed || last - first == 1) return;
      const auto& entries = index_.entries(type);
      const auto worth = [&](size_t at) {
        const PackUse& pack = packs_[entries[at].pack];
        return pack.stored ? 1 + (pack.marked ? 0 : 4) + (pack.used > 0 ? 2 : 0) + (pack.unused == 0 ? 1 : 0)
                           : 0;
      };
      size_t best = first;
      for (size_t at = first + 1; at < last; ++at) {
        if (worth(at) > worth(best)) best = at;
      }
      for (size_t at = first; at < last; ++at) {
        if (at == best) {
          keep(type, at);
        } else {
          count(type, at, false);
          ++plan_.duplicate.blobs;
          plan_.duplicate.bytes += entries[at].length;
        }
      }
    });
  }

  void keep(BlobType type, size_t at) {
    plan_.keep[static_cast<size_t>(type)][at] = true;
    count(type, at, true);
    const IndexEntry& entry = index_.entries(type)[at];
    if (!packs_[entry.pack].stored) {
      base::fail(ErrorCode::kCorrupt, "cannot prune: pack {} is missing, and {} blob {} is needed from it",
                 index_.packs()[entry.pack].hex(), type == BlobType::kTree ? "tree" : "data", entry.id.hex());
    }
  }

  void count(BlobType type, size_t at, bool needed) {
    const IndexEntry& entry = index_.entries(type)[at];
    PackUse& pack = packs_[entry.pack];
    (type == BlobType::kTree ? pack.tree : pack.data) = true;
    const bool compressible = repository_.version() >= 2 && entry.uncompressed_length == 0;
    if (compressible && (type == BlobType::kTree || options_.repack_uncompressed)) pack.must_compress = true;
    (needed ? pack.used : pack.unused) += 1;
    (needed ? pack.used_bytes : pack.unused_bytes) += entry.length;
    PrunePlan::Totals& totals = needed ? plan_.used : plan_.unused;
    ++totals.blobs;
    totals.bytes += entry.length;
  }

  void check_sizes() {
    const PackContents contents(index_);
    for (std::uint32_t number = 0; number < packs_.size(); ++number) {
      if (packs_[number].used == 0) continue;
      const std::uint64_t expected = packs_[number].size() + header_overhead(contents.entries_of(number));
      if (stored_size_[number] == expected) continue;
      base::fail(ErrorCode::kCorrupt, "cannot prune: pack {} has {} bytes instead of {}, and is needed",
                 index_.packs()[number].hex(), stored_size_[number], expected);
    }
  }

  std::uint64_t small_pack_target() const {
    if (options_.repack_smaller_than) return *options_.repack_smaller_than;
    std::vector<std::uint64_t> sizes;
    for (const PackUse& pack : packs_) {
      if (pack.used > 0) sizes.push_back(pack.size());
    }
    if (sizes.empty()) return 0;
    const auto third = sizes.begin() + static_cast<std::ptrdiff_t>(sizes.size() * 3 / 100);
    std::nth_element(sizes.begin(), third, sizes.end());
    // Never more than what packs are written with, or new packs would be small again.
    const std::uint64_t target = std::min(std::max(kSmallestTarget, *third), repository_.options().pack_size);
    return target / 10 * 8;
  }

  void decide() {
    struct Candidate {
      std::uint32_t number;
      bool small;  // only its size speaks for repacking
      bool data_only;
      double waste;
    };
    std::vector<Candidate> candidates;
    size_t small = 0;
    const std::uint64_t target = small_pack_target();
    for (std::uint32_t number = 0; number < packs_.size(); ++number) {
      const PackUse& pack = packs_[number];
      if (pack.used == 0) {
        drop(number);
        continue;
      }
      if (pack.marked) plan_.revived.push_back(index_.packs()[number]);
      const bool mixed = pack.data && pack.tree;
      const bool whole = pack.unused == 0 && !mixed && !pack.must_compress;
      if (whole && pack.size() >= target) {
        ++plan_.kept_packs;
        continue;
      }
      small += whole ? 1 : 0;
      candidates.push_back({number, whole, !pack.tree && !pack.must_compress,
                            static_cast<double>(pack.unused_bytes) / static_cast<double>(pack.used_bytes)});
    }
    std::stable_sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
      if (a.data_only != b.data_only) return !a.data_only;
      if (a.small != b.small) return a.small;
      return a.waste > b.waste;
    });
    const std::uint64_t limit = max_unused_.limit(plan_.used.bytes);
    for (const Candidate& candidate : candidates) {
      const PackUse& pack = packs_[candidate.number];
      const std::uint64_t unused_left = plan_.unused.bytes - plan_.removed.bytes - plan_.repack_removed.bytes;
      const bool too_much =
          options_.without_free_space ||
          (options_.max_repack_bytes && plan_.repacked.bytes + pack.size() > *options_.max_repack_bytes);
      const bool few_small = candidate.small && small < kFewestSmallPacks;
      const bool data_allowed = !candidate.data_only || !options_.repack_cacheable_only;
      const bool within_limit = candidate.data_only && !candidate.small && unused_left <= limit;
      if (too_much || few_small || !data_allowed || within_limit) {
        ++plan_.kept_packs;
        plan_.kept_unused.blobs += pack.unused;
        plan_.kept_unused.bytes += pack.unused_bytes;
        continue;
      }
      plan_.repack.push_back(index_.packs()[candidate.number]);
      plan_.repacked.blobs += pack.used + pack.unused;
      plan_.repacked.bytes += pack.size();
      plan_.repack_removed.blobs += pack.unused;
      plan_.repack_removed.bytes += pack.unused_bytes;
    }
  }

  void drop(std::uint32_t number) {
    const PackUse& pack = packs_[number];
    if (pack.waiting && pack.stored) {
      plan_.unused.blobs -= pack.unused;
      plan_.unused.bytes -= pack.unused_bytes;
      ++plan_.kept_packs;
      return;
    }
    (pack.stored ? plan_.remove : plan_.missing).push_back(index_.packs()[number]);
    plan_.removed.blobs += pack.unused;
    plan_.removed.bytes += pack.unused_bytes;
  }

  Repository& repository_;
  const BlobIndex& index_;
  const PruneOptions& options_;
  const MaxUnused max_unused_;
  const base::CancelToken cancel_;
  const PruneObserver& observer_;
  PrunePlan plan_;
  std::vector<PackUse> packs_;              // by number in the index
  std::vector<std::uint64_t> stored_size_;  // of those that are stored
};

}  // namespace

void check_max_unused(const std::string& text) {
  parse_max_unused(text);
}

PrunePlan plan_prune(Repository& repository, const PruneOptions& options, const base::CancelToken& cancel,
                     const PruneObserver& observer) {
  return Planner(repository, options, cancel, observer).run();
}

}  // namespace salvor::repository
