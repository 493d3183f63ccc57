#include "repository/blob_writer.h"

#include <algorithm>

#include "base/error.h"
#include "codec/hash.h"
#include "codec/zstd.h"
#include "repository/index_file.h"
#include "repository/key.h"
#include "repository/layout.h"

namespace salvor::repository {
namespace {

using base::ErrorCode;

constexpr auto kIndexAge = std::chrono::minutes(10);
constexpr std::uint64_t kUploadMemory = 64 * 1024 * 1024;

int zstd_level(Compression compression) {
  switch (compression) {
    case Compression::kFastest:
      return 1;
    case Compression::kBetter:
      return 9;
    case Compression::kMax:
      return 19;
    case Compression::kAuto:
    case Compression::kOff:
      break;
  }
  return 3;
}

size_t thread_count(const Environment& environment) {
  return environment.threads != 0 ? environment.threads : std::max(1U, std::thread::hardware_concurrency());
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
      most_plaintext_((thread_count(environment) + 2) * 4 * 1024 * 1024) {}

BlobWriter::~BlobWriter() {
  stop_.cancel();
}

void BlobWriter::make_pools() {
  std::call_once(pools_made_, [this] {
    seal_pool_ = std::make_unique<base::ThreadPool>(thread_count(environment_));
    upload_pool_ = std::make_unique<base::ThreadPool>(most_uploads_);
  });
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
  saved.id.bytes = codec::sha256(plaintext);
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
  pack_blob(blob, sealed, uncompressed_length, cancel);
}

std::future<Repository::Saved> BlobWriter::start(BlobType type, std::string plaintext,
                                                 const base::CancelToken& cancel) {
  make_pools();
  const std::uint64_t size = plaintext.size();
  {
    std::unique_lock lock(mutex_);
    // One blob alone may exceed the bound, or a large one would wait for ever.
    wait(lock, cancel, [&] { return plaintext_ == 0 || plaintext_ + size <= most_plaintext_; });
    plaintext_ += size;
  }
  return seal_pool_->submit([this, type, size, cancel, text = std::move(plaintext)]() mutable {
    const auto done = [&] {
      std::string().swap(text);
      std::lock_guard lock(mutex_);
      plaintext_ -= size;
      changed_.notify_all();
    };
    try {
      const auto saved = save(type, text, cancel);
      done();
      return saved;
    } catch (...) {
      done();
      throw;
    }
  });
}

void BlobWriter::seal_blob(const BlobHandle& blob, std::string_view plaintext, Sealed& sealed) {
  thread_local std::string compressed;
  std::string_view stored = plaintext;
  sealed.uncompressed_length = 0;
  // Trees are compressed always: restic's prune would rewrite uncompressed ones.
  const bool tree = blob.type == BlobType::kTree;
  const bool compress =
      version_ >= 2 && !plaintext.empty() && (tree || options_.compression != Compression::kOff);
  if (compress) {
    codec::zstd_compress(plaintext, zstd_level(options_.compression), compressed);
    if (tree || compressed.size() < plaintext.size()) {
      stored = compressed;
      sealed.uncompressed_length = static_cast<std::uint32_t>(plaintext.size());
    }
  }
  sealed.bytes.clear();
  codec::seal_append(key_, random_iv(environment_.random), stored, sealed.bytes);
  if (options_.verify_writes) verify(blob, plaintext, stored, sealed);
}

void BlobWriter::verify(const BlobHandle& blob, std::string_view plaintext, std::string_view stored,
                        const Sealed& sealed) const {
  // Against bad memory and bad instructions: nothing may leave that would not come back.
  thread_local std::string opened, back;
  bool good = codec::unseal(key_, sealed.bytes, opened) && opened == stored;
  if (good && sealed.uncompressed_length != 0) {
    codec::zstd_decompress(opened, sealed.uncompressed_length, back);
    good = back == plaintext;
  }
  if (!good) {
    base::fail(ErrorCode::kInternal,
               "blob {}: what was sealed does not open to the same bytes\n"
               "hint: this points to faulty memory or a faulty processor",
               blob.id.hex());
  }
}

std::uint64_t BlobWriter::store_blob(const BlobHandle& blob, std::string_view plaintext,
                                     const base::CancelToken& cancel) {
  thread_local Sealed sealed;
  seal_blob(blob, plaintext, sealed);
  pack_blob(blob, sealed.bytes, sealed.uncompressed_length, cancel);
  return sealed.bytes.size() + (sealed.uncompressed_length != 0 ? kCompressedEntrySize : kHeaderEntrySize);
}

PackBuilder BlobWriter::new_builder() {
  std::lock_guard lock(mutex_);
  std::string buffer;
  if (!buffers_.empty()) {
    buffer = std::move(buffers_.back());
    buffers_.pop_back();
  } else {
    // Once in full: growing by copies would touch three times the memory.
    buffer.reserve(options_.pack_size + options_.pack_size / 8);
  }
  return PackBuilder(std::move(buffer));
}

void BlobWriter::pack_blob(const BlobHandle& blob, std::string_view sealed, std::uint32_t uncompressed_length,
                           const base::CancelToken& cancel) {
  const size_t which = environment_.random.next() % kOpenPacks;
  OpenPack& open = open_[static_cast<size_t>(blob.type)][which];
  std::optional<PackBuilder> full;
  {
    std::lock_guard lock(open.mutex);
    open.builder.add(blob, sealed, uncompressed_length);
    if (open.builder.size() >= options_.pack_size || open.builder.count() >= kMostPackEntries) {
      full = std::exchange(open.builder, new_builder());
    }
  }
  if (full) upload(std::move(*full), cancel);
}

void BlobWriter::upload(PackBuilder builder, const base::CancelToken& cancel) {
  make_pools();
  auto pack = std::make_shared<PackBuilder::Finished>(
      std::move(builder).finish(key_, random_iv(environment_.random)));
  {
    std::unique_lock lock(mutex_);
    // A cancelled caller does not wait, but its pack holds others' blobs too: it goes to the pool all the
    // same.
    changed_.wait(lock, cancel.stop_token(), [&] { return uploads_ < most_uploads_; });
    ++uploads_;
  }
  upload_pool_->submit([this, pack] {
    try {
      check_failure();  // after one failed the session is lost: spare the others
      store_.put(object_key(FileKind::kPack, pack->id.hex()), pack->bytes, stop_.token());
      index_.add_pack(pack->id, pack->entries);
      pack_stored(*pack);
    } catch (...) {
      remember_failure(std::current_exception());
      for (const PackEntry& entry : pack->entries) index_.release(entry.handle);
    }
    std::lock_guard lock(mutex_);
    --uploads_;
    if (buffers_.size() < most_uploads_) {
      pack->bytes.clear();
      buffers_.push_back(std::move(pack->bytes));
    }
    changed_.notify_all();
  });
}

void BlobWriter::pack_stored(const PackBuilder::Finished& pack) {
  std::unique_lock lock(mutex_);
  const base::Time now = environment_.clock.now();
  if (unindexed_.empty()) unindexed_since_ = now;
  unindexed_.emplace_back(pack.id, pack.entries);
  unindexed_blobs_ += pack.entries.size();
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
    // Two leftovers that fit into one pack become one.
    PackBuilder first = [&] {
      std::lock_guard lock(packs[0].mutex);
      return std::exchange(packs[0].builder, PackBuilder());
    }();
    PackBuilder second = [&] {
      std::lock_guard lock(packs[1].mutex);
      return std::exchange(packs[1].builder, PackBuilder());
    }();
    if (first.count() > 0 && second.count() > 0 && first.size() + second.size() < options_.pack_size &&
        first.count() + second.count() < kMostPackEntries) {
      first.append(second);
      second = PackBuilder();
    }
    if (first.count() > 0) upload(std::move(first), cancel);
    if (second.count() > 0) upload(std::move(second), cancel);
  }
}

void BlobWriter::flush(const base::CancelToken& cancel) {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return plaintext_ == 0; });
  }
  cancel.check();
  check_failure();
  flush_packs(cancel);
  std::unique_lock lock(mutex_);
  wait(lock, cancel, [&] { return uploads_ == 0; });
  if (failure_) std::rethrow_exception(failure_);
  if (!unindexed_.empty()) write_index(lock);
}

}  // namespace salvor::repository
