#include "repository/pack_reader.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/scratch.h"
#include "repository/blob_opener.h"
#include "repository/layout.h"

namespace salvor::repository {
namespace {

using base::ErrorCode;

constexpr std::uint64_t kLargestGap = 1024 * 1024;
constexpr std::uint64_t kLargestRead = 32 * 1024 * 1024;
// Two or three of a large file's blobs: enough to hash them side by side.
constexpr std::uint64_t kLargestCheapRead = 4 * 1024 * 1024;
constexpr std::uint64_t kMostPlaintext = 4 * 1024 * 1024;

std::uint64_t end_of(const PlacedBlob& blob) {
  return std::uint64_t{blob.location.offset} + blob.location.length;
}

// How many of the blobs, sorted by offset, one request reads.
size_t count_together(std::span<const PlacedBlob> blobs, std::uint64_t largest) {
  const std::uint64_t begin = blobs[0].location.offset;
  std::uint64_t end = end_of(blobs[0]);
  size_t count = 1;
  for (; count < blobs.size(); ++count) {
    const std::uint64_t next = std::max(end, end_of(blobs[count]));
    if (blobs[count].location.offset > end + kLargestGap || next - begin > largest) break;
    end = next;
  }
  return count;
}

// How many of the blobs are opened together.
size_t count_opened(std::span<const PlacedBlob> blobs) {
  std::uint64_t total = blobs[0].location.plain_length();
  size_t count = 1;
  for (; count < blobs.size(); ++count) {
    total += blobs[count].location.plain_length();
    if (total > kMostPlaintext) break;
  }
  return count;
}

}  // namespace

struct PackReader::Memory {
  base::Scratch sealed;
  std::vector<std::string_view> pieces;
  BlobOpener opener;
};

struct PackReader::Call {
  const PackId& pack;
  const OnBlob& on_blob;
  const OnError& on_error;
  const base::CancelToken& cancel;
};

PackReader::PackReader(storage::ObjectStore& store, const codec::SealKey& key, const BlobIndex& index,
                       const base::Logger& logger)
    : store_(store),
      key_(key),
      index_(index),
      logger_(logger),
      largest_read_(store.has_cheap_requests() ? kLargestCheapRead : kLargestRead) {}

std::string PackReader::open(const BlobHandle& blob, const BlobLocation& location,
                             std::string_view sealed) const {
  thread_local BlobOpener opener;
  const PlacedBlob placed{blob, location};
  const auto opened = opener.open(key_, {&placed, 1}, {&sealed, 1});
  if (opened[0].failure) throw base::Error(*opened[0].failure);
  return std::string(opened[0].plaintext);
}

std::string PackReader::load(const BlobHandle& blob, const base::CancelToken& cancel) const {
  const auto locations = index_.locate(blob);
  if (locations.empty()) base::fail(ErrorCode::kNotFound, "{} is in no index", blob_name(blob));
  std::optional<base::Error> first_error;
  for (int round = 0; round < 2; ++round) {
    for (const BlobLocation& location : locations) {
      try {
        const std::string sealed = store_.get_range(object_key(FileKind::kPack, location.pack.hex()),
                                                    location.offset, location.length, cancel);
        return open(blob, location, sealed);
      } catch (const base::Error& error) {
        if (error.code() == ErrorCode::kCancelled) throw;
        if (!first_error) first_error = error;
      }
    }
  }
  if (first_error->message().find(locations.front().pack.hex()) == std::string::npos) {
    first_error->add_context(fmt::format("pack {}: {}", locations.front().pack.hex(), blob_name(blob)));
  }
  throw *first_error;
}

void PackReader::replace(const Call& call, const PlacedBlob& blob, const base::Error& failure) const {
  std::string plaintext;
  try {
    plaintext = load(blob.handle, call.cancel);
    logger_.warning("{}; read from another place", failure.message());
  } catch (const base::Error& error) {
    if (!call.on_error || error.code() == ErrorCode::kCancelled) throw;
    call.on_error(blob, error);
    return;
  }
  call.on_blob(blob, plaintext, {});
}

void PackReader::read_range(const Call& call, std::span<const PlacedBlob> blobs, Memory& memory) const {
  const std::uint64_t begin = blobs[0].location.offset;
  std::uint64_t end = begin;
  for (const PlacedBlob& blob : blobs) end = std::max(end, end_of(blob));
  const std::span<char> buffer = memory.sealed.take(end - begin);
  std::string_view data;
  try {
    data = {buffer.data(),
            store_.read_range(object_key(FileKind::kPack, call.pack.hex()), begin, buffer, call.cancel)};
  } catch (const base::Error& error) {
    // An unreadable or vanished pack: its blobs may lie in others too.
    if (error.code() == ErrorCode::kCancelled) throw;
    logger_.warning("pack {}: {}", call.pack.hex(), error.message());
  }
  while (!blobs.empty()) {
    const auto together = blobs.first(count_opened(blobs));
    blobs = blobs.subspan(together.size());
    memory.pieces.clear();
    for (const PlacedBlob& blob : together) {
      const std::uint64_t offset = blob.location.offset - begin;
      memory.pieces.push_back(offset < data.size() ? data.substr(offset, blob.location.length)
                                                   : std::string_view());
    }
    const auto opened = memory.opener.open(key_, together, memory.pieces);
    for (size_t i = 0; i < together.size(); ++i) {
      if (opened[i].failure) {
        replace(call, together[i], *opened[i].failure);
      } else {
        call.on_blob(together[i], opened[i].plaintext, memory.pieces[i]);
      }
    }
  }
}

void PackReader::read(const PackId& pack, std::vector<PlacedBlob> blobs, const OnBlob& on_blob,
                      const OnError& on_error, const base::CancelToken& cancel) const {
  std::sort(blobs.begin(), blobs.end(),
            [](const PlacedBlob& a, const PlacedBlob& b) { return a.location.offset < b.location.offset; });
  // Kept for the thread's next call, but not while this one runs: callbacks may read other packs.
  thread_local Memory kept;
  Memory memory = std::exchange(kept, {});
  const Call call{pack, on_blob, on_error, cancel};
  for (std::span<const PlacedBlob> left(blobs); !left.empty();) {
    cancel.check();
    const auto together = left.first(count_together(left, largest_read_));
    left = left.subspan(together.size());
    read_range(call, together, memory);
  }
  kept = std::move(memory);
}

}  // namespace salvor::repository
