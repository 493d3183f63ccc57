#include "repository/pack_writer.h"

#include "codec/hash.h"
#include "repository/layout.h"
#include "repository/repository.h"

namespace salvor::repository {
namespace {

constexpr size_t kHandedOn = 128 * 1024;  // small blobs go to the store together

}  // namespace

PackWriter::PackWriter(storage::ObjectStore& store, std::uint64_t pack_size, base::CancelToken cancel)
    : store_(store), pack_size_(pack_size), cancel_(std::move(cancel)) {}

// If the store takes bytes without a key.
void PackWriter::start_upload() {
  upload_ = store_.start_unnamed_upload(std::string(directory_of(FileKind::kPack)), cancel_);
  if (upload_ != nullptr) return;
  collects_ = true;
  // Once in full: growing by copies would touch three times the memory.
  collected_.reserve(pack_size_ + pack_size_ / 8);
}

void PackWriter::write(std::string_view data) {
  size_ += data.size();
  if (upload_ == nullptr && !collects_ && size_ > kCollected) start_upload();
  if (upload_ == nullptr || collected_.size() + data.size() < kHandedOn) {
    collected_.append(data);
    return;
  }
  upload_->write(collected_);
  collected_.clear();
  upload_->write(data);
}

void PackWriter::hash_waiting() {
  if (waiting_.size() > 0) hash_.update(waiting_.view());
  waiting_.clear();
}

codec::Digest256 PackWriter::hash_beside(std::string_view message) {
  if (waiting_.size() == 0) return codec::sha256(message);
  const codec::Digest256 digest = hash_.update_beside(waiting_.view(), message);
  waiting_.clear();
  return digest;
}

void PackWriter::add(const BlobHandle& handle, base::Buffer& sealed, std::uint32_t uncompressed_length) {
  entries_.push_back({.handle = handle,
                      .offset = static_cast<std::uint32_t>(size_),
                      .length = static_cast<std::uint32_t>(sealed.size()),
                      .uncompressed_length = uncompressed_length});
  write(sealed.view());
  hash_waiting();
  std::swap(waiting_, sealed);
}

void PackWriter::append(const PackWriter& other) {
  hash_waiting();
  hash_.update(other.collected_);
  for (PackEntry entry : other.entries_) {
    entry.offset += static_cast<std::uint32_t>(size_);
    entries_.push_back(entry);
  }
  write(other.collected_);
}

PackId PackWriter::finish(const codec::SealKey& key, std::string_view iv) {
  hash_waiting();
  std::string header = codec::seal(key, iv, encode_pack_header(entries_));
  const size_t length = header.size();
  for (int shift = 0; shift < 32; shift += 8) header.push_back(static_cast<char>(length >> shift & 0xff));
  hash_.update(header);
  write(header);
  id_.bytes = hash_.finish();
  return id_;
}

void PackWriter::commit() {
  const std::string key = object_key(FileKind::kPack, id_.hex());
  if (upload_ == nullptr) {
    store_.put(key, collected_, cancel_);
  } else {
    upload_->write(collected_);
    upload_->commit(key);
    upload_.reset();
  }
  std::string().swap(collected_);
}

}  // namespace salvor::repository
