#include "repository/blob_writer.h"

#include <algorithm>

#include "base/error.h"
#include "codec/zstd.h"
#include "repository/index_file.h"
#include "repository/key.h"
#include "repository/layout.h"

namespace salvor::repository {
namespace {

using base::ErrorCode;

constexpr auto kIndexAge = std::chrono::minutes(10);
constexpr size_t kFewestOpenPacks = 2, kMostOpenPacks = 4;
constexpr std::uint64_t kUploadMemory = 64 * 1024 * 1024;

size_t thread_count(const Environment& environment) {
  return environment.threads != 0 ? environment.threads : std::max(1U, std::thread::hardware_concurrency());
}

// One for each thread, so that none waits, but not so many that a backup leaves a heap of small packs.
size_t open_packs(const Environment& environment) {
  return std::clamp(thread_count(environment), kFewestOpenPacks, kMostOpenPacks);
}

}  // namespace

BlobWriter::BlobWriter(storage::ObjectStore& store, const codec::SealKey& key, int version,
                       const Environment& environment, const OpenOptions& options, BlobIndex& index,
                       SaveIndex save_index)
    : store_(store),
      key_(key),
      version_(version),
      environment_(environment),
      options_(options),
      index_(index),
      save_index_(std::move(save_index)),
      most_uploads_(std::min<size_t>(
          std::max(1U, environment.connections),
          std::max<std::uint64_t>(2, kUploadMemory / std::max<std::uint64_t>(1, options.pack_size)))),
      compression_(options.compression),
      open_{std::vector<OpenPack>(open_packs(environment)), std::vector<OpenPack>(kFewestOpenPacks)} {}

BlobWriter::~BlobWriter() {
  stop_.cancel();
}

template <typename Ready>
void BlobWriter::wait(std::unique_lock<std::mutex>& lock, const base::CancelToken& cancel, Ready ready) {
  changed_.wait(lock, cancel.stop_token(), ready);
  cancel.check();
}

void BlobWriter::check_failure() {
  std::lock_guard lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
}

void BlobWriter::remember_failure(std::exception_ptr failure) {
  std::lock_guard lock(mutex_);
  if (!failure_) failure_ = std::move(failure);
}

Repository::Saved BlobWriter::save(BlobType type, std::string_view plaintext,
                                   const base::CancelToken& cancel) {
  cancel.check();
  check_failure();
  if (plaintext.size() > UINT32_MAX - 1024) {
    base::fail(ErrorCode::kInvalidArgument, "a blob of {} bytes is too large", plaintext.size());
  }
  Repository::Saved saved;
  saved.id = hash(type, plaintext);
  const BlobHandle blob{type, saved.id};
  saved.known = !index_.reserve(blob);
  if (saved.known) return saved;
  try {
    saved.packed_size = store_blob(blob, plaintext, cancel);
  } catch (...) {
    index_.release(blob);
    throw;
  }
  return saved;
}

void BlobWriter::save_again(const BlobHandle& blob, std::string_view plaintext,
                            const base::CancelToken& cancel) {
  cancel.check();
  check_failure();
  store_blob(blob, plaintext, cancel);
}

void BlobWriter::save_sealed_again(const BlobHandle& blob, std::string_view sealed,
                                   std::uint32_t uncompressed_length, const base::CancelToken& cancel) {
  cancel.check();
  check_failure();
  thread_local Sealed copy;
  copy.bytes.clear();
  copy.bytes.append(sealed);
  copy.uncompressed_length = uncompressed_length;
  pack_blob(blob, copy, cancel);
}

BlobId BlobWriter::hash(BlobType type, std::string_view plaintext) {
  BlobId id;
  // Beside what one of the packs has to hash, if one is at leisure.
  for (OpenPack& pack : open_[static_cast<size_t>(type)]) {
    const std::unique_lock lock(pack.mutex, std::try_to_lock);
    if (!lock || !pack.writer || !pack.writer->has_waiting()) continue;
    id.bytes = pack.writer->hash_beside(plaintext);
    return id;
  }
  id.bytes = codec::sha256(plaintext);
  return id;
}

void BlobWriter::seal_blob(const BlobHandle& blob, std::string_view plaintext, Sealed& sealed) {
  sealed.uncompressed_length = 0;
  base::Buffer& bytes = sealed.bytes;
  bytes.clear();
  // Trees are compressed always: restic's prune would rewrite uncompressed ones.
  const bool tree = blob.type == BlobType::kTree;
  std::optional<codec::ZstdEffort> effort;
  if (version_ >= 2 && !plaintext.empty()) effort = compression_.choose(tree, plaintext);
  size_t size = plaintext.size();
  if (effort) {
    bytes.resize(codec::kSealOverhead + codec::zstd_bound(plaintext.size()));
    size = codec::zstd_compress(plaintext, *effort, bytes.data() + codec::kSealIvSize);
    if (tree || size < plaintext.size()) {
      sealed.uncompressed_length = static_cast<std::uint32_t>(plaintext.size());
    } else {
      size = plaintext.size();
    }
  }
  bytes.resize(codec::kSealOverhead + size);
  if (sealed.uncompressed_length == 0) {
    std::copy(plaintext.begin(), plaintext.end(), bytes.data() + codec::kSealIvSize);
  }
  codec::seal_in_place(key_, random_iv(environment_.random), bytes.span());
  if (options_.verify_writes && !opens_to(plaintext, sealed)) {
    base::fail(ErrorCode::kInternal,
               "blob {}: what was sealed does not open to the same bytes\n"
               "hint: this points to faulty memory or a faulty processor",
               blob.id.hex());
  }
}

// Against bad memory and bad instructions: nothing may leave that would not come back.
bool BlobWriter::opens_to(std::string_view plaintext, const Sealed& sealed) const {
  if (sealed.uncompressed_length != 0) {
    codec::ZstdComparison comparison(plaintext);
    return codec::unseal_pieces(key_, sealed.bytes.view(),
                                [&](std::string_view piece) { return comparison.add(piece); }) &&
           comparison.complete();
  }
  size_t at = 0;
  return sealed.bytes.size() == plaintext.size() + codec::kSealOverhead &&
         codec::unseal_pieces(key_, sealed.bytes.view(), [&](std::string_view piece) {
           const bool equal = plaintext.substr(at, piece.size()) == piece;
           at += piece.size();
           return equal;
         });
}

std::uint64_t BlobWriter::store_blob(const BlobHandle& blob, std::string_view plaintext,
                                     const base::CancelToken& cancel) {
  thread_local Sealed sealed;
  seal_blob(blob, plaintext, sealed);
  const std::uint64_t size =
      sealed.bytes.size() + (sealed.uncompressed_length != 0 ? kCompressedEntrySize : kHeaderEntrySize);
  pack_blob(blob, sealed, cancel);
  return size;
}

BlobWriter::Lease BlobWriter::lease_pack(BlobType type) {
  auto& packs = open_[static_cast<size_t>(type)];
  const size_t first = environment_.random.next() % packs.size();
  for (size_t i = 0; i < packs.size(); ++i) {
    OpenPack& pack = packs[(first + i) % packs.size()];
    if (std::unique_lock lock(pack.mutex, std::try_to_lock); lock) return {std::move(lock), &pack};
  }
  return {std::unique_lock(packs[first].mutex), &packs[first]};
}

void BlobWriter::pack_blob(const BlobHandle& blob, Sealed& sealed, const base::CancelToken& cancel) {
  std::unique_ptr<PackWriter> full;
  {
    Lease lease = lease_pack(blob.type);
    std::unique_ptr<PackWriter>& pack = lease.pack->writer;
    if (!pack) pack = std::make_unique<PackWriter>(store_, options_.pack_size, stop_.token());
    try {
      pack->add(blob, sealed.bytes, sealed.uncompressed_length);
    } catch (...) {
      // It holds others' blobs too.
      remember_failure(std::current_exception());
      pack_failed(*pack);
      pack.reset();
      throw;
    }
    if (pack->size() >= options_.pack_size || pack->count() >= kMostPackEntries) full = std::move(pack);
  }
  if (full) upload(std::move(full), cancel);
}

void BlobWriter::pack_failed(const PackWriter& pack) {
  for (const PackEntry& entry : pack.entries()) index_.release(entry.handle);
}

void BlobWriter::upload(std::unique_ptr<PackWriter> pack, const base::CancelToken& cancel) {
  std::call_once(upload_pool_made_,
                 [this] { upload_pool_ = std::make_unique<base::ThreadPool>(most_uploads_); });
  PackId id;
  try {
    id = pack->finish(key_, random_iv(environment_.random));
  } catch (...) {
    remember_failure(std::current_exception());
    pack_failed(*pack);
    throw;
  }
  {
    std::unique_lock lock(mutex_);
    // A cancelled caller does not wait, but its pack holds others' blobs too: it goes to the pool all the
    // same.
    changed_.wait(lock, cancel.stop_token(), [&] { return uploads_ < most_uploads_; });
    ++uploads_;
  }
  // Shared because work in a pool must be copyable.
  upload_pool_->submit([this, id, pack = std::shared_ptr<PackWriter>(std::move(pack))]() mutable {
    commit(*pack, id);
    pack.reset();  // before it counts as done: it may hold memory, or a temporary file
    std::lock_guard lock(mutex_);
    --uploads_;
    changed_.notify_all();
  });
}

void BlobWriter::commit(PackWriter& pack, const PackId& id) {
  try {
    check_failure();  // after one failed the session is lost: spare the others
    pack.commit();
    index_.add_pack(id, pack.entries());
    pack_stored(id, pack.entries());
  } catch (...) {
    remember_failure(std::current_exception());
    pack_failed(pack);
  }
}

void BlobWriter::pack_stored(const PackId& id, const std::vector<PackEntry>& entries) {
  std::unique_lock lock(mutex_);
  const base::Time now = environment_.clock.now();
  if (unindexed_.empty()) unindexed_since_ = now;
  unindexed_.emplace_back(id, entries);
  unindexed_blobs_ += entries.size();
  if (unindexed_blobs_ >= kFullIndexBlobs || now - unindexed_since_ >= kIndexAge) write_index(lock);
}

void BlobWriter::write_index(std::unique_lock<std::mutex>& lock) {
  auto packs = std::exchange(unindexed_, {});
  const size_t blobs = std::exchange(unindexed_blobs_, 0);
  lock.unlock();
  try {
    save_index_(encode_index(packs));
  } catch (...) {
    // Their blobs count as known: they must not be forgotten.
    lock.lock();
    unindexed_blobs_ += blobs;
    std::move(packs.begin(), packs.end(), std::back_inserter(unindexed_));
    throw;
  }
  lock.lock();
}

void BlobWriter::flush_packs(const base::CancelToken& cancel) {
  for (auto& packs : open_) {
    // Leftovers that are small enough to be in memory and fit into one pack become one.
    std::unique_ptr<PackWriter> small;
    for (OpenPack& open : packs) {
      std::unique_ptr<PackWriter> pack = [&] {
        std::lock_guard lock(open.mutex);
        return std::move(open.writer);
      }();
      if (!pack) continue;
      if (small && pack->in_memory() && small->size() + pack->size() < options_.pack_size &&
          small->count() + pack->count() < kMostPackEntries) {
        small->append(*pack);
      } else if (!small && pack->in_memory()) {
        small = std::move(pack);
      } else {
        upload(std::move(pack), cancel);
      }
    }
    if (small) upload(std::move(small), cancel);
  }
}

void BlobWriter::flush(const base::CancelToken& cancel) {
  cancel.check();
  check_failure();
  flush_packs(cancel);
  std::unique_lock lock(mutex_);
  wait(lock, cancel, [&] { return uploads_ == 0; });
  if (failure_) std::rethrow_exception(failure_);
  if (!unindexed_.empty()) write_index(lock);
}

}  // namespace salvor::repository
