#include "repository/check.h"

#include <algorithm>
#include <charconv>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "base/thread_pool.h"
#include "codec/hash.h"
#include "repository/in_flight.h"
#include "repository/layout.h"
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
      : repository_(repository), subset_(parse_subset(options)), cancel_(cancel), observer_(observer) {}

  CheckReport run() {
    // Snapshots first: what a running backup adds after this listing is not missed then.
    const auto snapshots = repository_.list_snapshots(
        [&](const std::string&, const base::Error& error) { report_.errors.push_back(error.message()); },
        cancel_);
    report_.snapshots = snapshots.size();
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
      check_pack(packs[number], contents.entries_of(number), stored);
      if (number % 1024 == 0) progress("packs", number, packs.size());
      stored.erase(packs[number]);
    }
    for (const auto& [id, size] : stored) {
      report_.hints.push_back(fmt::format("pack {} is in no index", id.hex()));
      report_.suggest_prune = true;
    }
    report_.orphaned_packs = stored.size();
  }

  void check_pack(const PackId& id, const std::vector<PackEntry>& entries,
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

  void check_snapshots(const std::vector<Snapshot>& snapshots) {
    std::vector<BlobId> roots;
    for (const Snapshot& snapshot : snapshots) {
      roots.push_back(snapshot.tree);
      if (!repository_.index().find({BlobType::kTree, snapshot.tree})) {
        error("snapshot {}: its tree {} is in no index", snapshot.id.hex(), snapshot.tree.hex());
      }
    }
    std::unordered_set<BlobHandle> missing;
    WalkObserver observer;
    observer.on_missing = [&](const BlobHandle& blob, const std::optional<BlobId>& by) {
      if (!by || !missing.insert(blob).second) return;  // roots were reported with their snapshot
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
    walk_trees(repository_, roots, observer, cancel_);
  }

  std::vector<std::uint32_t> chosen_packs(const PackContents& contents) {
    const auto& packs = repository_.index().packs();
    const std::unordered_set<PackId> broken(report_.broken_packs.begin(), report_.broken_packs.end());
    std::vector<std::uint32_t> chosen;
    std::uint64_t bytes = 0;
    for (std::uint32_t number = 0; number < packs.size(); ++number) {
      if (broken.contains(packs[number])) continue;
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

  struct PackResult {
    std::uint32_t number = 0;
    std::uint64_t bytes = 0;
    std::vector<std::string> errors;
  };

  void read_packs(const PackContents& contents) {
    const std::vector<std::uint32_t> chosen = chosen_packs(contents);
    // Each thread holds a whole pack.
    const unsigned cores = std::max(1U, std::thread::hardware_concurrency());
    const size_t threads = std::clamp<size_t>(repository_.environment().connections, 2, 2 * cores);
    base::ThreadPool pool(threads);
    InFlight<PackResult> reads(threads + 1, [&](PackResult result) {
      ++report_.packs_read;
      report_.bytes_read += result.bytes;
      if (!result.errors.empty()) report_.broken_packs.push_back(repository_.index().packs()[result.number]);
      std::move(result.errors.begin(), result.errors.end(), std::back_inserter(report_.errors));
      progress("reading data", report_.packs_read, chosen.size());
    });
    for (const std::uint32_t number : chosen) {
      cancel_.check();
      reads.add(pool.submit([&, number] { return read_pack(number, contents); }));
    }
    reads.finish();
  }

  PackResult read_pack(std::uint32_t number, const PackContents& contents) {
    const PackId& id = repository_.index().packs()[number];
    const std::string name = id.hex();
    PackResult result{.number = number, .bytes = 0, .errors = {}};
    try {
      const auto entries = contents.entries_of(number);
      // By its size, which check_packs compared: the store need not guess how much memory it takes.
      const std::uint64_t size =
          std::uint64_t{entries.back().offset} + entries.back().length + header_overhead(entries);
      const auto read = [&] {
        return repository_.store().get_range(object_key(FileKind::kPack, name), 0, size, cancel_);
      };
      std::string pack = read();
      bool good = codec::sha256(pack) == id.bytes;
      if (!good) {
        // Once more: the damage may have happened on the way.
        pack = read();
        good = codec::sha256(pack) == id.bytes;
      }
      result.bytes = pack.size();
      if (!good) result.errors.push_back(fmt::format("pack {}: its content does not match its name", name));
      compare_with_index(read_pack_entries(pack, repository_.master_key(), name), contents.entries_of(number),
                         name, result.errors);
      for (const PackEntry& entry : entries) read_blob(id, entry, pack, result.errors);
    } catch (const base::Error& failure) {
      if (failure.code() == ErrorCode::kCancelled) throw;
      const bool named = failure.message().find(name) != std::string::npos;
      result.errors.push_back(named ? failure.message()
                                    : fmt::format("pack {}: {}", name, failure.message()));
    }
    return result;
  }

  void read_blob(const PackId& id, const PackEntry& entry, std::string_view pack,
                 std::vector<std::string>& errors) {
    try {
      const std::string_view sealed =
          entry.offset < pack.size() ? pack.substr(entry.offset, entry.length) : std::string_view();
      repository_.open_blob(entry.handle, {id, entry.offset, entry.length, entry.uncompressed_length},
                            sealed);
    } catch (const base::Error& failure) {
      errors.push_back(failure.message());
    }
  }

  static void compare_with_index(const std::vector<PackEntry>& header, const std::vector<PackEntry>& index,
                                 const std::string& name, std::vector<std::string>& errors) {
    const auto same = [](const PackEntry& a, const PackEntry& b) {
      return a.handle == b.handle && a.offset == b.offset && a.length == b.length &&
             a.uncompressed_length == b.uncompressed_length;
    };
    if (!std::equal(header.begin(), header.end(), index.begin(), index.end(), same)) {
      errors.push_back(fmt::format("pack {}: its header and the index do not agree", name));
    }
  }

  Repository& repository_;
  const Subset subset_;
  const base::CancelToken cancel_;
  const std::function<void(const CheckProgress&)>& observer_;
  CheckReport report_;
};

}  // namespace

CheckReport check_repository(Repository& repository, const CheckOptions& options,
                             const base::CancelToken& cancel,
                             const std::function<void(const CheckProgress&)>& observer) {
  return Check(repository, options, cancel, observer).run();
}

}  // namespace salvor::repository
