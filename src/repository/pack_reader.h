// Reads blobs out of packs with few requests: neighbours together, in pieces that fit the processor's caches
// where requests are cheap. Every blob is verified (blob_opener.h); one that is damaged is looked for in the
// other places the index knows. All methods may be called from any thread at the same time; memory is kept by
// thread. Errors: kCorrupt naming pack and blob, and what the store throws.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/log.h"
#include "codec/seal.h"
#include "repository/blob_index.h"
#include "repository/repository.h"
#include "storage/object_store.h"

namespace salvor::repository {

class PackReader {
 public:
  // `sealed` is empty when the blob had to be taken from another place.
  using OnBlob =
      std::function<void(const PlacedBlob& blob, std::string_view plaintext, std::string_view sealed)>;
  using OnError = std::function<void(const PlacedBlob& blob, const base::Error& error)>;

  // All must outlive it.
  PackReader(storage::ObjectStore& store, const codec::SealKey& key, const BlobIndex& index,
             const base::Logger& logger);

  std::string open(const BlobHandle& blob, const BlobLocation& location, std::string_view sealed) const;
  // Tries every location, each twice: damage may have happened on the way.
  std::string load(const BlobHandle& blob, const base::CancelToken& cancel) const;
  // As Repository::read_pack_blobs.
  void read(const PackId& pack, std::vector<PlacedBlob> blobs, const OnBlob& on_blob, const OnError& on_error,
            const base::CancelToken& cancel) const;

 private:
  struct Memory;
  struct Call;
  void read_range(const Call& call, std::span<const PlacedBlob> blobs, Memory& memory) const;
  void replace(const Call& call, const PlacedBlob& blob, const base::Error& failure) const;

  storage::ObjectStore& store_;
  const codec::SealKey& key_;
  const BlobIndex& index_;
  const base::Logger& logger_;
  const std::uint64_t largest_read_;
};

}  // namespace salvor::repository
