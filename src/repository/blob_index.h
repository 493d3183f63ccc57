// Where every blob lies, in memory: 48 bytes a blob in arrays sorted by id (ids are uniform: their first bits
// lead close to the place). Blobs added by this process go to a small hash table that is merged into the
// array as it grows; blobs that are being saved are in a set of pending ones, so that no two threads store
// the same blob. Threads: all methods may be called at the same time, but for those under "maintenance".
#pragma once

#include <cstdint>
#include <optional>
#include <shared_mutex>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "repository/ids.h"
#include "repository/pack.h"
#include "repository/repository.h"

namespace salvor::repository {

struct IndexEntry {
  BlobId id;
  std::uint32_t pack = 0;  // number in packs()
  std::uint32_t offset = 0, length = 0;
  std::uint32_t uncompressed_length = 0;

  std::uint32_t plain_length() const {
    return uncompressed_length != 0 ? uncompressed_length : length - BlobLocation::kSealOverhead;
  }
  bool operator==(const IndexEntry&) const = default;
};
static_assert(sizeof(IndexEntry) == 48);

// A pack that rustic is going to delete: nothing new may refer to it, but what does must still find it.
struct MarkedPack {
  std::uint32_t pack = 0;
  std::string since;  // RFC 3339; may be empty
  bool operator==(const MarkedPack&) const = default;
};

// One index file, decoded: pack numbers are positions in `packs`.
struct DecodedIndex {
  IndexId id;
  std::vector<PackId> packs;
  std::vector<MarkedPack> marked;                // "packs_to_delete"; they are in `packs` too
  std::array<std::vector<IndexEntry>, 2> blobs;  // by BlobType
};

// An index file as prune needs to know it.
struct IndexFile {
  IndexId id;
  std::vector<std::uint32_t> packs;
  size_t blobs = 0;
};

class BlobIndex {
 public:
  BlobIndex() = default;

  // --- lookups
  // --------------------------------------------------------------------------------------------------- In a
  // stored pack, or pending. One that is only in packs that are marked for deletion does not count.
  bool has(const BlobHandle& blob) const;
  std::vector<BlobLocation> locate(const BlobHandle& blob) const;
  std::optional<std::uint32_t> plain_length(const BlobHandle& blob) const;

  // --- saving
  // ---------------------------------------------------------------------------------------------------- True
  // when the caller is to save the blob, which is pending from now on; false when it is there or pending.
  bool reserve(const BlobHandle& blob);
  void release(const BlobHandle& blob);
  // The pack is stored: its blobs are no longer pending.
  void add_pack(const PackId& pack, const std::vector<PackEntry>& entries);

  // --- loading
  // ---------------------------------------------------------------------------------------------------
  // Replaces everything but the pending set: files are added one after the other, and finish() makes the
  // index of them, with several threads. The index is empty meanwhile.
  class Loader {
   public:
    // `stored_size`: of all the files together, in bytes; an estimate of the memory that is needed.
    Loader(BlobIndex& index, std::uint64_t stored_size);
    void add(DecodedIndex file);
    void finish();

   private:
    BlobIndex& index_;
    std::array<std::vector<IndexEntry>, 2> entries_;
    std::unordered_map<PackId, std::uint32_t> numbers_;
    std::vector<bool> live_;  // by pack number: a file names it unmarked
  };

  // --- maintenance: no saving at the same time
  // -------------------------------------------------------------------- Moves additions into the sorted
  // arrays, whose positions are then stable.
  void settle();
  // While held, saving is allowed too: what is added stays out of the sorted arrays, so positions remain
  // stable.
  class Hold {
   public:
    explicit Hold(BlobIndex& index);
    ~Hold();
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    BlobIndex& index_;
  };
  const std::vector<IndexEntry>& entries(BlobType type) const { return sorted_[static_cast<size_t>(type)]; }
  const std::vector<PackId>& packs() const { return packs_; }
  const std::vector<IndexFile>& files() const { return files_; }
  // Since when a pack, by its number, has been marked for deletion; nullptr: it is not.
  const std::string* marked_since(std::uint32_t pack) const {
    const auto at = marked_.find(pack);
    return at == marked_.end() ? nullptr : &at->second;
  }
  // Position of the first entry of the blob in entries(type).
  std::optional<size_t> find(const BlobHandle& blob) const;
  std::uint64_t count() const { return sorted_[0].size() + sorted_[1].size(); }

 private:
  // Open addressing; an empty slot has length 0, which no sealed blob has.
  class Additions {
   public:
    void add(const IndexEntry& entry);
    template <typename Visit>
    void for_each_match(const BlobId& id, Visit&& visit) const;
    size_t size() const { return used_; }
    std::vector<IndexEntry> take();

   private:
    void grow();
    std::vector<IndexEntry> slots_;
    size_t used_ = 0;
  };

  // Where parts of a sorted array begin: ids are uniform, so a few of their first bits lead close to the
  // place.
  class Signposts {
   public:
    struct Place {
      size_t low, high;
      double fraction;  // of the way from one to the other
    };
    void set(const std::vector<IndexEntry>& entries);
    // `prefix`: an id's first eight bytes, of an array that is not empty.
    Place find(std::uint64_t prefix) const {
      const size_t part = part_of(prefix);
      return {starts_[part], starts_[part + 1], static_cast<double>(prefix << bits_) * 0x1p-64};
    }

   private:
    size_t part_of(std::uint64_t prefix) const { return bits_ == 0 ? 0 : prefix >> (64 - bits_); }
    int bits_ = 0;
    std::vector<std::uint32_t> starts_;
  };

  std::optional<size_t> find_sorted(size_t type, const BlobId& id) const;
  bool is_stored(const BlobHandle& blob) const;
  bool is_marked(const IndexEntry& entry) const { return !marked_.empty() && marked_.contains(entry.pack); }
  BlobLocation location_of(const IndexEntry& entry) const;
  void merge_additions(size_t type);

  mutable std::shared_mutex mutex_;  // guards everything below
  std::vector<PackId> packs_;
  std::vector<IndexFile> files_;
  std::unordered_map<std::uint32_t, std::string> marked_;  // by pack number
  std::array<std::vector<IndexEntry>, 2> sorted_;
  std::array<Signposts, 2> signposts_;  // of sorted_
  std::array<Additions, 2> additions_;
  std::unordered_set<BlobHandle> pending_;
  bool held_ = false;
};

}  // namespace salvor::repository
