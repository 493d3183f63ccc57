// A pack while it grows. Blobs go to the store as they come, where it takes bytes before their key is known;
// elsewhere the pack is collected and put at the end. The pack's hash is computed on the way: what was added
// last waits for company, because two hashes side by side cost hardly more than one (see codec/sha256.h).
//
// One thread at a time. Throws what the store throws; the pack is lost then.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "base/cancel.h"
#include "codec/seal.h"
#include "codec/sha256.h"
#include "repository/pack.h"
#include "storage/object_store.h"

namespace salvor::repository {

class PackWriter {
 public:
  // Up to here a pack stays in memory in any case, so that small ones can still become one.
  static constexpr size_t kCollected = 1024 * 1024;

  // `pack_size`: about what it will be. `store` must outlive it; `cancel` ends writing.
  PackWriter(storage::ObjectStore& store, std::uint64_t pack_size, base::CancelToken cancel);

  // The hash of `message`, computed beside what the pack has to hash.
  codec::Digest256 hash_beside(std::string_view message);
  // Takes the sealed bytes and leaves a buffer to be used again.
  void add(const BlobHandle& handle, base::Buffer& sealed, std::uint32_t uncompressed_length);
  // Takes over the blobs of a pack that is still in memory.
  void append(const PackWriter& other);

  std::uint64_t size() const { return size_; }
  size_t count() const { return entries_.size(); }
  bool in_memory() const { return upload_ == nullptr; }
  bool has_waiting() const { return waiting_.size() > 0; }
  const std::vector<PackEntry>& entries() const { return entries_; }

  // Writes the header and returns the name; nothing may be added any more.
  PackId finish(const codec::SealKey& key, std::string_view iv);
  // Makes the finished pack durable under its name.
  void commit();

 private:
  void write(std::string_view data);
  void start_upload();
  void hash_waiting();

  storage::ObjectStore& store_;
  const std::uint64_t pack_size_;
  const base::CancelToken cancel_;
  std::unique_ptr<storage::UnnamedUpload> upload_;
  bool collects_ = false;  // the store wants the key first
  std::string collected_;  // and not handed on yet
  std::uint64_t size_ = 0;
  std::vector<PackEntry> entries_;
  codec::Sha256 hash_;
  base::Buffer waiting_;  // written, but not hashed yet
  PackId id_;
};

}  // namespace salvor::repository
