// Where every blob lies, in memory: 48 bytes a blob in arrays sorted by id, looked up by interpolation (ids
// are uniform). Blobs added by this process go to a small hash table that is merged into the array as it
// grows; blobs that are being saved are in a set of pending ones, so that no two threads store the same blob.
// Threads: all methods may be called at the same time, but for those under "maintenance".
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

// One index file, decoded: pack numbers are positions in `packs`.
struct DecodedIndex {
  IndexId id;
  std::vector<PackId> packs;
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
  // stored pack, or pending.
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
  // Replaces everything but the pending set.
  void load(std::vector<DecodedIndex> files);

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

  std::optional<size_t> find_sorted(size_t type, const BlobId& id) const;
  bool is_stored(const BlobHandle& blob) const;
  BlobLocation location_of(const IndexEntry& entry) const;
  void merge_additions(size_t type);

  mutable std::shared_mutex mutex_;  // guards everything below
  std::vector<PackId> packs_;
  std::vector<IndexFile> files_;
  std::array<std::vector<IndexEntry>, 2> sorted_;
  std::array<Additions, 2> additions_;
  std::unordered_set<BlobHandle> pending_;
  bool held_ = false;
};

}  // namespace salvor::repository
