#include "repository/blob_index.h"

#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <mutex>
#include <thread>

namespace salvor::repository {
namespace {

// The id's first eight bytes as a number of the same order.
std::uint64_t prefix_of(const BlobId& id) {
  std::uint64_t value;
  std::memcpy(&value, id.bytes.data(), sizeof value);
  return __builtin_bswap64(value);
}

bool less(const IndexEntry& a, const IndexEntry& b) {
  const std::uint64_t x = prefix_of(a.id), y = prefix_of(b.id);
  if (x != y) return x < y;
  if (const int order = std::memcmp(a.id.bytes.data(), b.id.bytes.data(), 32); order != 0) return order < 0;
  return std::tie(a.pack, a.offset, a.length) < std::tie(b.pack, b.offset, b.length);
}

constexpr size_t kSmallestMerge = 16 * 1024;

// Ids are uniform, so their first bits divide the entries evenly: into buckets, in place and in one pass, of
// which each fits the first cache when it is sorted.
constexpr int kBucketBits = 12;

size_t bucket_of(const IndexEntry& entry) {
  return prefix_of(entry.id) >> (64 - kBucketBits);
}

// bounds[i] is where bucket i begins.
std::vector<size_t> divide_into_buckets(std::vector<IndexEntry>& entries) {
  std::vector<size_t> bounds((size_t{1} << kBucketBits) + 1);
  for (const IndexEntry& entry : entries) ++bounds[bucket_of(entry) + 1];
  for (size_t i = 1; i < bounds.size(); ++i) bounds[i] += bounds[i - 1];
  std::vector<size_t> next(bounds.begin(), bounds.end() - 1);
  for (size_t bucket = 0; bucket + 1 < bounds.size(); ++bucket) {
    while (next[bucket] < bounds[bucket + 1]) {
      IndexEntry& entry = entries[next[bucket]];
      const size_t home = bucket_of(entry);
      if (home == bucket) {
        ++next[bucket];
      } else {
        std::swap(entry, entries[next[home]++]);
      }
    }
  }
  return bounds;
}

void sort_entries(std::vector<IndexEntry>& entries) {
  constexpr size_t kFewest = 1 << 15;  // fewer are not worth the threads
  if (entries.size() < kFewest) return std::sort(entries.begin(), entries.end(), less);
  const std::vector<size_t> bounds = divide_into_buckets(entries);
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    constexpr size_t kStep = 64;
    for (size_t first; (first = next.fetch_add(kStep)) + 1 < bounds.size();) {
      for (size_t i = first; i < std::min(first + kStep, bounds.size() - 1); ++i) {
        std::sort(entries.begin() + static_cast<std::ptrdiff_t>(bounds[i]),
                  entries.begin() + static_cast<std::ptrdiff_t>(bounds[i + 1]), less);
      }
    }
  };
  std::vector<std::jthread> others(std::max(1U, std::thread::hardware_concurrency()) - 1);
  for (std::jthread& other : others) other = std::jthread(work);
  work();
}

}  // namespace

void BlobIndex::Additions::add(const IndexEntry& entry) {
  if ((used_ + 1) * 4 > slots_.size() * 3) grow();
  const size_t mask = slots_.size() - 1;
  size_t at = prefix_of(entry.id) & mask;
  while (slots_[at].length != 0) at = (at + 1) & mask;
  slots_[at] = entry;
  ++used_;
}

void BlobIndex::Additions::grow() {
  std::vector<IndexEntry> old = std::move(slots_);
  slots_.assign(std::max<size_t>(64, old.size() * 2), IndexEntry{});
  used_ = 0;
  for (const IndexEntry& entry : old) {
    if (entry.length != 0) add(entry);
  }
}

template <typename Visit>
void BlobIndex::Additions::for_each_match(const BlobId& id, Visit&& visit) const {
  if (slots_.empty()) return;
  const size_t mask = slots_.size() - 1;
  for (size_t at = prefix_of(id) & mask; slots_[at].length != 0; at = (at + 1) & mask) {
    if (slots_[at].id == id) visit(slots_[at]);
  }
}

std::vector<IndexEntry> BlobIndex::Additions::take() {
  std::erase_if(slots_, [](const IndexEntry& entry) { return entry.length == 0; });
  used_ = 0;
  return std::exchange(slots_, {});
}

void BlobIndex::Signposts::set(const std::vector<IndexEntry>& entries) {
  constexpr size_t kEntries = 32;  // between two of them, on average
  bits_ = static_cast<int>(std::bit_width(entries.size() / kEntries));
  starts_.assign((size_t{1} << bits_) + 1, 0);
  for (const IndexEntry& entry : entries) ++starts_[part_of(prefix_of(entry.id)) + 1];
  for (size_t i = 1; i < starts_.size(); ++i) starts_[i] += starts_[i - 1];
}

std::optional<size_t> BlobIndex::find_sorted(size_t type, const BlobId& id) const {
  const auto& entries = sorted_[type];
  if (entries.empty()) return std::nullopt;
  const std::uint64_t wanted = prefix_of(id);
  const auto precedes = [&](const IndexEntry& entry) {
    const std::uint64_t prefix = prefix_of(entry.id);
    return prefix != wanted ? prefix < wanted
                            : std::memcmp(entry.id.bytes.data(), id.bytes.data(), id.bytes.size()) < 0;
  };
  const auto [low, high, fraction] = signposts_[type].find(wanted);
  constexpr size_t kLargestWalk = 256;
  size_t at = low + static_cast<size_t>(fraction * static_cast<double>(high - low));
  if (high - low > kLargestWalk) {
    at = static_cast<size_t>(std::partition_point(entries.begin() + static_cast<std::ptrdiff_t>(low),
                                                  entries.begin() + static_cast<std::ptrdiff_t>(high),
                                                  precedes) -
                             entries.begin());
  } else {
    // The guess is off by a few entries, which lie side by side in memory.
    while (at < high && precedes(entries[at])) ++at;
    while (at > low && !precedes(entries[at - 1])) --at;
  }
  if (at == high || entries[at].id != id) return std::nullopt;
  return at;
}

bool BlobIndex::is_stored(const BlobHandle& blob) const {
  const auto type = static_cast<size_t>(blob.type);
  bool found = false;
  additions_[type].for_each_match(blob.id, [&](const IndexEntry&) { found = true; });
  if (found) return true;
  const auto first = find_sorted(type, blob.id);
  if (!first || marked_.empty()) return first.has_value();
  const auto& entries = sorted_[type];
  for (size_t i = *first; i < entries.size() && entries[i].id == blob.id; ++i) {
    if (!is_marked(entries[i])) return true;
  }
  return false;
}

bool BlobIndex::has(const BlobHandle& blob) const {
  std::shared_lock lock(mutex_);
  return is_stored(blob) || pending_.contains(blob);
}

BlobLocation BlobIndex::location_of(const IndexEntry& entry) const {
  return {.pack = packs_[entry.pack],
          .offset = entry.offset,
          .length = entry.length,
          .uncompressed_length = entry.uncompressed_length};
}

std::vector<BlobLocation> BlobIndex::locate(const BlobHandle& blob) const {
  std::shared_lock lock(mutex_);
  const auto type = static_cast<size_t>(blob.type);
  std::vector<BlobLocation> out;
  if (const auto found = find_sorted(type, blob.id)) {
    const auto& entries = sorted_[type];
    for (size_t i = *found; i < entries.size() && entries[i].id == blob.id; ++i) {
      out.push_back(location_of(entries[i]));
    }
  }
  additions_[type].for_each_match(blob.id,
                                  [&](const IndexEntry& entry) { out.push_back(location_of(entry)); });
  if (marked_.empty() || out.size() < 2) return out;
  std::stable_partition(out.begin(), out.end(), [&](const BlobLocation& location) {
    return !std::any_of(marked_.begin(), marked_.end(),
                        [&](const auto& marked) { return packs_[marked.first] == location.pack; });
  });
  return out;
}

std::optional<std::uint32_t> BlobIndex::plain_length(const BlobHandle& blob) const {
  std::shared_lock lock(mutex_);
  const auto type = static_cast<size_t>(blob.type);
  if (const auto found = find_sorted(type, blob.id)) return sorted_[type][*found].plain_length();
  std::optional<std::uint32_t> length;
  additions_[type].for_each_match(blob.id, [&](const IndexEntry& entry) { length = entry.plain_length(); });
  return length;
}

bool BlobIndex::reserve(const BlobHandle& blob) {
  {
    std::shared_lock lock(mutex_);
    if (is_stored(blob) || pending_.contains(blob)) return false;
  }
  std::unique_lock lock(mutex_);
  return !is_stored(blob) && pending_.insert(blob).second;
}

void BlobIndex::release(const BlobHandle& blob) {
  std::unique_lock lock(mutex_);
  pending_.erase(blob);
}

void BlobIndex::add_pack(const PackId& pack, const std::vector<PackEntry>& entries) {
  std::unique_lock lock(mutex_);
  const auto number = static_cast<std::uint32_t>(packs_.size());
  packs_.push_back(pack);
  for (const PackEntry& entry : entries) {
    additions_[static_cast<size_t>(entry.handle.type)].add(
        {.id = entry.handle.id,
         .pack = number,
         .offset = entry.offset,
         .length = entry.length,
         .uncompressed_length = entry.uncompressed_length});
    pending_.erase(entry.handle);
  }
  for (size_t type = 0; type < 2 && !held_; ++type) {
    // Growing by a quarter each time keeps the cost of all merges proportional to the index.
    if (additions_[type].size() >= std::max(kSmallestMerge, sorted_[type].size() / 4)) merge_additions(type);
  }
}

void BlobIndex::merge_additions(size_t type) {
  if (additions_[type].size() == 0) return;
  std::vector<IndexEntry> added = additions_[type].take();
  std::sort(added.begin(), added.end(), less);
  auto& entries = sorted_[type];
  // From the back, in place: no second copy of the array.
  size_t left = entries.size(), right = added.size();
  entries.resize(left + right);
  for (size_t to = entries.size(); right > 0;) {
    --to;
    if (left > 0 && less(added[right - 1], entries[left - 1])) {
      entries[to] = entries[--left];
    } else {
      entries[to] = added[--right];
    }
  }
  signposts_[type].set(entries);
}

void BlobIndex::settle() {
  std::unique_lock lock(mutex_);
  for (size_t type = 0; type < 2; ++type) merge_additions(type);
}

BlobIndex::Hold::Hold(BlobIndex& index) : index_(index) {
  std::unique_lock lock(index_.mutex_);
  index_.held_ = true;
}

BlobIndex::Hold::~Hold() {
  std::unique_lock lock(index_.mutex_);
  index_.held_ = false;
}

std::optional<size_t> BlobIndex::find(const BlobHandle& blob) const {
  return find_sorted(static_cast<size_t>(blob.type), blob.id);
}

BlobIndex::Loader::Loader(BlobIndex& index, std::uint64_t stored_size) : index_(index) {
  std::unique_lock lock(index_.mutex_);
  index_.packs_ = {};
  index_.files_ = {};
  index_.marked_ = {};
  index_.additions_ = {};
  index_.sorted_ = {};
  for (auto& entries : entries_) {
    // An entry takes at least its id's 32 bytes in a file. What is reserved and never filled takes no memory.
    entries.reserve(stored_size / sizeof(BlobId));
  }
}

void BlobIndex::Loader::add(DecodedIndex file) {
  std::unique_lock lock(index_.mutex_);
  IndexFile& known = index_.files_.emplace_back(IndexFile{.id = file.id, .packs = {}, .blobs = 0});
  known.packs.reserve(file.packs.size());
  for (const PackId& pack : file.packs) {
    const auto [at, added] = numbers_.try_emplace(pack, static_cast<std::uint32_t>(index_.packs_.size()));
    if (added) index_.packs_.push_back(pack);
    known.packs.push_back(at->second);
  }
  live_.resize(index_.packs_.size());
  std::vector<bool> live_here(file.packs.size(), true);
  for (const MarkedPack& marked : file.marked) {
    live_here[marked.pack] = false;
    index_.marked_[known.packs[marked.pack]] = marked.since;
  }
  for (size_t i = 0; i < live_here.size(); ++i) {
    if (live_here[i]) live_[known.packs[i]] = true;
  }
  for (size_t type = 0; type < 2; ++type) {
    known.blobs += file.blobs[type].size();
    for (IndexEntry& entry : file.blobs[type]) {
      entry.pack = known.packs[entry.pack];
      entries_[type].push_back(entry);
    }
  }
}

void BlobIndex::Loader::finish() {
  std::unique_lock lock(index_.mutex_);
  numbers_ = {};
  // A file that names a pack unmarked makes it live, whatever another says.
  std::erase_if(index_.marked_, [&](const auto& marked) { return live_[marked.first]; });
  for (size_t type = 0; type < 2; ++type) {
    auto& entries = entries_[type];
    sort_entries(entries);
    entries.erase(std::unique(entries.begin(), entries.end()), entries.end());
    index_.signposts_[type].set(entries);
    index_.sorted_[type] = std::move(entries);
  }
#if defined(__GLIBC__)
  malloc_trim(0);  // the decoded files are as large as the index
#endif
}

}  // namespace salvor::repository
