// The way of a blob into the repository: hash, look up, compress, seal, compare, pack, upload, index. Data
// and tree blobs go to separate packs; two packs and more of each type are open and a blob goes to a random
// one, so that the sizes of packs tell less about the chunks in them. Memory: a blob compressed and sealed
// for each thread that saves; where the store wants an object's name before its bytes also the open packs and
// those on their way (at most 64 MiB or two). Threads: save from any thread; flush from one at a time. A
// failed upload is remembered and thrown by the next save and by flush.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/thread_pool.h"
#include "codec/seal.h"
#include "repository/blob_index.h"
#include "repository/compression_choice.h"
#include "repository/pack_writer.h"
#include "repository/repository.h"

namespace salvor::repository {

class BlobWriter {
 public:
  // Stores the document of an index file.
  using SaveIndex = std::function<void(const std::string& json)>;

  // Everything given by reference must outlive the writer.
  BlobWriter(storage::ObjectStore& store, const codec::SealKey& key, int version,
             const Environment& environment, const OpenOptions& options, BlobIndex& index,
             SaveIndex save_index);
  ~BlobWriter();

  Repository::Saved save(BlobType type, std::string_view plaintext, const base::CancelToken& cancel);
  // For prune: stores the blob although it is known. Its hash was verified by the caller.
  void save_again(const BlobHandle& blob, std::string_view plaintext, const base::CancelToken& cancel);
  // As save_again, for a blob that is sealed with the repository's key already: only packed.
  void save_sealed_again(const BlobHandle& blob, std::string_view sealed, std::uint32_t uncompressed_length,
                         const base::CancelToken& cancel);
  void flush(const base::CancelToken& cancel);

 private:
  struct Sealed {
    base::Buffer bytes;
    std::uint32_t uncompressed_length = 0;
  };
  struct OpenPack {
    std::mutex mutex;
    std::unique_ptr<PackWriter> writer;  // guarded by mutex
  };
  // A pack for one thread alone. Its writer is there when the lease was asked for one.
  struct Lease {
    std::unique_lock<std::mutex> lock;
    OpenPack* pack;
  };

  void check_failure();
  void remember_failure(std::exception_ptr failure);
  BlobId hash(BlobType type, std::string_view plaintext);
  void seal_blob(const BlobHandle& blob, std::string_view plaintext, Sealed& sealed);
  bool opens_to(std::string_view plaintext, const Sealed& sealed) const;
  std::uint64_t store_blob(const BlobHandle& blob, std::string_view plaintext,
                           const base::CancelToken& cancel);
  Lease lease_pack(BlobType type);
  void pack_blob(const BlobHandle& blob, Sealed& sealed, const base::CancelToken& cancel);
  void upload(std::unique_ptr<PackWriter> pack, const base::CancelToken& cancel);
  void commit(PackWriter& pack, const PackId& id);
  void pack_failed(const PackWriter& pack);
  void pack_stored(const PackId& id, const std::vector<PackEntry>& entries);
  void write_index(std::unique_lock<std::mutex>& lock);
  void flush_packs(const base::CancelToken& cancel);
  // Waits on changed_, whose mutex `lock` holds, until `ready` or cancelled (which throws).
  template <typename Ready>
  void wait(std::unique_lock<std::mutex>& lock, const base::CancelToken& cancel, Ready ready);

  storage::ObjectStore& store_;
  const codec::SealKey& key_;
  const int version_;
  const Environment& environment_;
  const OpenOptions& options_;
  BlobIndex& index_;
  const SaveIndex save_index_;
  const size_t most_uploads_;

  CompressionChoice compression_;
  std::array<std::vector<OpenPack>, 2> open_;  // by type

  std::mutex mutex_;  // guards everything below
  std::condition_variable_any changed_;
  size_t uploads_ = 0;  // handed to the pool and not yet done
  std::vector<std::pair<PackId, std::vector<PackEntry>>> unindexed_;
  size_t unindexed_blobs_ = 0;
  base::Time unindexed_since_;
  std::exception_ptr failure_;
  base::CancelSource stop_;

  // Last: their threads use everything above and end first.
  std::once_flag upload_pool_made_;
  std::unique_ptr<base::ThreadPool> upload_pool_;
};

}  // namespace salvor::repository
