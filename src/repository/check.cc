#include "repository/check.h"

#include <algorithm>
#include <charconv>
#include <thread>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "base/thread_pool.h"
#include "repository/in_flight.h"
#include "repository/key.h"
#include "repository/pack_check.h"
#include "repository/pack_contents.h"
#include "repository/size_text.h"
#include "repository/tree_walk.h"

namespace salvor::repository {
namespace {

using base::ErrorCode;

// Which packs --read-data and --read-data-subset choose.
struct Subset {
  enum class Kind { kNone, kAll, kPart, kShare } kind = Kind::kNone;
  std::uint64_t part = 0, of = 0;  // kPart
  double share = 0;                // kShare: 0..1
  std::uint64_t bytes = 0;         // kShare when given as a size
};

Subset parse_subset(const CheckOptions& options) {
  Subset subset;
  if (options.read_data) subset.kind = Subset::Kind::kAll;
  const std::string& text = options.read_data_subset;
  if (text.empty()) return subset;
  const auto malformed = [&]() {
    base::fail(ErrorCode::kInvalidArgument,
               "--read-data-subset: \"{}\" is neither n/t (1 <= n <= t <= 256) nor a percentage nor a size",
               text);
  };
  if (const size_t slash = text.find('/'); slash != std::string::npos) {
    subset.kind = Subset::Kind::kPart;
    const auto number = [&](std::string_view digits) {
      std::uint64_t value = 0;
      const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value);
      if (digits.empty() || parsed.ec != std::errc{} || parsed.ptr != digits.data() + digits.size())
        malformed();
      return value;
    };
    subset.part = number(std::string_view(text).substr(0, slash));
    subset.of = number(std::string_view(text).substr(slash + 1));
    if (subset.part == 0 || subset.part > subset.of || subset.of > 256) malformed();
    return subset;
  }
  subset.kind = Subset::Kind::kShare;
  if (text.back() == '%') {
    double percent = 0;
    const char* end = text.data() + text.size() - 1;
    const auto parsed = std::from_chars(text.data(), end, percent);
    if (parsed.ec != std::errc{} || parsed.ptr != end || !(percent > 0 && percent <= 100)) malformed();
    subset.share = percent / 100;
    return subset;
  }
  const auto bytes = parse_size(text);
  if (!bytes || *bytes == 0) malformed();
  subset.bytes = *bytes;
  return subset;
}

class Check {
 public:
  Check(Repository& repository, const CheckOptions& options, const base::CancelToken& cancel,
        const std::function<void(const CheckProgress&)>& observer)
      : repository_(repository),
        options_(options),
        subset_(parse_subset(options)),
        cancel_(cancel),
        observer_(observer) {}

  CheckReport run() {
    // Snapshots first: what a running backup adds after this listing is not missed then.
    auto snapshots = repository_.list_snapshots(
        [&](const std::string&, const base::Error& error) { report_.errors.push_back(error.message()); },
        cancel_);
    if (options_.only) std::erase_if(snapshots, [&](const Snapshot& one) { return !options_.only(one); });
    report_.snapshots = snapshots.size();
    check_keys();
    load_index();
    const PackContents contents(repository_.index());
    check_packs(contents);
    check_snapshots(snapshots);
    if (subset_.kind != Subset::Kind::kNone) read_packs(contents);
    return std::move(report_);
  }

 private:
  template <typename... Args>
  void error(fmt::format_string<Args...> format, Args&&... args) {
    report_.errors.push_back(fmt::format(format, std::forward<Args>(args)...));
  }
  void progress(std::string_view phase, std::uint64_t done, std::uint64_t total) {
    if (observer_) observer_({std::string(phase), done, total});
  }

  // A damaged one locks somebody out.
  void check_keys() {
    for (const StoredFile& file : repository_.list_files(FileKind::kKey, cancel_)) {
      try {
        check_key_file(repository_.store(), file.name, cancel_);
      } catch (const base::Error& failure) {
        if (failure.code() != ErrorCode::kCorrupt && failure.code() != ErrorCode::kUnsupported) throw;
        (failure.code() == ErrorCode::kCorrupt ? report_.errors : report_.hints).push_back(failure.message());
      }
    }
  }

  void load_index() {
    progress("loading index", 0, 0);
    repository_.load_index_tolerantly(
        [&](const std::string&, const base::Error& error) {
          report_.errors.push_back(error.message());
          report_.suggest_repair_index = true;
        },
        cancel_);
    repository_.mutable_index().settle();
    std::vector<std::uint8_t> files(repository_.index().packs().size());
    for (const IndexFile& file : repository_.index().files()) {
      for (const std::uint32_t pack : file.packs) {
        if (files[pack] < 2 && ++files[pack] == 2) {
          report_.hints.push_back(
              fmt::format("pack {} is in several index files", repository_.index().packs()[pack].hex()));
        }
      }
    }
  }

  void check_packs(const PackContents& contents) {
    const auto& packs = repository_.index().packs();
    std::unordered_map<PackId, std::uint64_t> stored;
    for (const StoredFile& file : repository_.list_files(FileKind::kPack, cancel_)) {
      stored.emplace(*PackId::from_hex(file.name), file.size);
    }
    report_.packs = stored.size();
    for (std::uint32_t number = 0; number < packs.size(); ++number) {
      check_pack(packs[number], contents.entries_of(number),
                 repository_.index().marked_since(number) != nullptr, stored);
      if (number % 1024 == 0) progress("packs", number, packs.size());
      stored.erase(packs[number]);
    }
    for (const auto& [id, size] : stored) {
      report_.hints.push_back(fmt::format("pack {} is in no index", id.hex()));
      report_.suggest_prune = true;
    }
    report_.orphaned_packs = stored.size();
  }

  void check_pack(const PackId& id, const std::vector<PackEntry>& entries, bool marked,
                  const std::unordered_map<PackId, std::uint64_t>& stored) {
    std::uint64_t end = 0;
    bool data = false, tree = false, fits = true;
    for (const PackEntry& entry : entries) {
      (entry.handle.type == BlobType::kTree ? tree : data) = true;
      fits = fits && entry.offset == end;
      end = std::uint64_t{entry.offset} + entry.length;
    }
    if (data && tree) {
      report_.hints.push_back(fmt::format("pack {} mixes data and trees", id.hex()));
      report_.suggest_prune = true;
    }
    const auto found = stored.find(id);
    if (found == stored.end() && marked) {  // rustic deletes the pack first
      absent_.insert(id);
      return;
    }
    const std::uint64_t expected = end + header_overhead(entries);
    if (found == stored.end()) {
      error("pack {}: does not exist, the index names it", id.hex());
    } else if (!fits || entries.empty()) {
      error("pack {}: its blobs overlap or leave gaps, according to the index", id.hex());
    } else if (found->second != expected) {
      error("pack {}: truncated or damaged: {} bytes instead of {}", id.hex(), found->second, expected);
    } else {
      return;
    }
    report_.suggest_repair_index = true;
    report_.broken_packs.push_back(id);
  }

  // What no index names may lie in a pack that no index names.
  void suspect_orphans() { report_.suggest_repair_index |= report_.orphaned_packs != 0; }

  void check_snapshots(const std::vector<Snapshot>& snapshots) {
    std::vector<BlobId> roots;
    for (const Snapshot& snapshot : snapshots) {
      roots.push_back(snapshot.tree);
      if (!repository_.index().find({BlobType::kTree, snapshot.tree})) {
        suspect_orphans();
        error("snapshot {}: its tree {} is in no index", snapshot.id.hex(), snapshot.tree.hex());
      }
    }
    std::unordered_set<BlobHandle> missing;
    WalkObserver observer;
    observer.on_missing = [&](const BlobHandle& blob, const std::optional<BlobId>& by) {
      if (!by || !missing.insert(blob).second) return;  // roots were reported with their snapshot
      suspect_orphans();
      error("tree {}: {} blob {} is in no index", by->hex(), blob.type == BlobType::kTree ? "tree" : "data",
            blob.id.hex());
    };
    observer.on_unreadable = [&](const BlobId& tree, const base::Error& failure) {
      error("tree {}: {}", tree.hex(), failure.message());
    };
    observer.on_problem = [&](const BlobId& tree, std::string_view node, std::string_view problem) {
      error("tree {}: node \"{}\": {}", tree.hex(), node, problem);
    };
    observer.on_progress = [&](std::uint64_t trees) {
      report_.trees = trees;
      progress("snapshots", trees, 0);
    };
    used_ = walk_trees(repository_, roots, observer, cancel_);
  }

  // By number: whether a snapshot that is checked needs something of the pack.
  std::vector<bool> needed_packs() const {
    const BlobIndex& index = repository_.index();
    std::vector<bool> needed(index.packs().size());
    for (const BlobType type : {BlobType::kData, BlobType::kTree}) {
      const auto& entries = index.entries(type);
      bool used = false;
      for (size_t at = 0; at < entries.size(); ++at) {
        if (at == 0 || entries[at].id != entries[at - 1].id) used = used_[static_cast<size_t>(type)].test(at);
        if (used) needed[entries[at].pack] = true;
      }
    }
    return needed;
  }

  std::vector<std::uint32_t> chosen_packs(const PackContents& contents) {
    const auto& packs = repository_.index().packs();
    const std::unordered_set<PackId> broken(report_.broken_packs.begin(), report_.broken_packs.end());
    const std::vector<bool> needed = options_.only ? needed_packs() : std::vector<bool>(packs.size(), true);
    std::vector<std::uint32_t> chosen;
    std::uint64_t bytes = 0;
    for (std::uint32_t number = 0; number < packs.size(); ++number) {
      if (!needed[number] || broken.contains(packs[number]) || absent_.contains(packs[number])) continue;
      if (subset_.kind == Subset::Kind::kPart && packs[number].bytes[0] % subset_.of != subset_.part - 1)
        continue;
      chosen.push_back(number);
      for (const std::uint32_t value : contents.of(number)) bytes += contents.entry(value).length;
    }
    if (subset_.kind != Subset::Kind::kShare || chosen.empty()) return chosen;
    const double share = subset_.bytes != 0 && bytes != 0
                             ? std::min(1.0, static_cast<double>(subset_.bytes) / static_cast<double>(bytes))
                             : subset_.share;
    // The first part of a random order.
    base::Random& random = repository_.environment().random;
    const auto wanted =
        std::max<size_t>(1, static_cast<size_t>(share * static_cast<double>(chosen.size()) + 0.5));
    for (size_t i = 0; i < wanted; ++i) std::swap(chosen[i], chosen[i + random.next() % (chosen.size() - i)]);
    chosen.resize(wanted);
    return chosen;
  }

  void read_packs(const PackContents& contents) {
    const std::vector<std::uint32_t> chosen = chosen_packs(contents);
    const unsigned cores = std::max(1U, std::thread::hardware_concurrency());
    // Threads that wait for a store may be more than those that compute; each holds a whole pack then.
    const size_t threads = repository_.store().has_cheap_requests()
                               ? cores
                               : std::clamp<size_t>(repository_.environment().connections, 2, 2 * cores);
    struct Result {
      std::uint32_t number;
      PackVerdict verdict;
    };
    base::ThreadPool pool(threads);
    InFlight<Result> reads(2 * threads, [&](Result result) {
      auto& [number, verdict] = result;
      ++report_.packs_read;
      report_.bytes_read += verdict.bytes;
      if (!verdict.errors.empty()) report_.broken_packs.push_back(repository_.index().packs()[number]);
      std::move(verdict.errors.begin(), verdict.errors.end(), std::back_inserter(report_.errors));
      progress("reading data", report_.packs_read, chosen.size());
    });
    for (const std::uint32_t number : chosen) {
      cancel_.check();
      reads.add(pool.submit([&, number]() -> Result {
        return {number, check_pack_data(repository_, repository_.index().packs()[number],
                                        contents.entries_of(number), cancel_)};
      }));
    }
    reads.finish();
  }

  Repository& repository_;
  const CheckOptions& options_;
  const Subset subset_;
  const base::CancelToken cancel_;
  const std::function<void(const CheckProgress&)>& observer_;
  CheckReport report_;
  std::unordered_set<PackId> absent_;  // marked for deletion, and gone
  UsedBlobs used_;
};

}  // namespace

void check_subset(const CheckOptions& options) {
  parse_subset(options);
}

CheckReport check_repository(Repository& repository, const CheckOptions& options,
                             const base::CancelToken& cancel,
                             const std::function<void(const CheckProgress&)>& observer) {
  return Check(repository, options, cancel, observer).run();
}

}  // namespace salvor::repository
