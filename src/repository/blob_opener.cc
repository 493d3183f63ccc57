#include "repository/blob_opener.h"

#include <algorithm>

#include "codec/zstd.h"

namespace salvor::repository {
namespace {

template <typename... Args>
base::Error corrupt(const PlacedBlob& blob, fmt::format_string<Args...> format, Args&&... args) {
  return {base::ErrorCode::kCorrupt,
          fmt::format("pack {}: {} at offset {}: {}", blob.location.pack.hex(), blob_name(blob.handle),
                      blob.location.offset, fmt::format(format, std::forward<Args>(args)...))};
}

}  // namespace

std::string blob_name(const BlobHandle& blob) {
  return fmt::format("{} blob {}", blob.type == BlobType::kTree ? "tree" : "data", blob.id.hex());
}

void BlobOpener::decode(const codec::SealKey& key, const PlacedBlob& blob, std::string_view sealed,
                        std::span<char> plaintext) {
  const BlobLocation& location = blob.location;
  if (sealed.size() != location.length) {
    throw corrupt(blob, "truncated, {} of {} bytes", sealed.size(), location.length);
  }
  const bool compressed = location.uncompressed_length != 0;
  const std::span<char> text =
      compressed ? compressed_.take(location.length - BlobLocation::kSealOverhead) : plaintext;
  if (!codec::unseal(key, sealed, text)) throw corrupt(blob, "does not pass its authentication");
  if (!compressed) return;
  try {
    codec::zstd_decompress({text.data(), text.size()}, plaintext);
  } catch (const base::Error& error) {
    throw corrupt(blob, "{}", error.message());
  }
}

void BlobOpener::hash(std::optional<Stream> stream) {
  digests_.resize(messages_.size());
  size_t first = 0;
  if (stream && !messages_.empty()) {
    // The one that is about as long as the stream's part: what is longer goes on alone.
    const auto distance = [&](std::string_view message) {
      return message.size() > stream->data.size() ? message.size() - stream->data.size()
                                                  : stream->data.size() - message.size();
    };
    const auto nearest =
        std::min_element(messages_.begin(), messages_.end(),
                         [&](std::string_view a, std::string_view b) { return distance(a) < distance(b); });
    const auto at = nearest - messages_.begin();
    std::swap(messages_[0], *nearest);
    std::swap(decoded_[0], decoded_[static_cast<size_t>(at)]);
    digests_[0] = stream->hash.update_beside(stream->data, messages_[0]);
    first = 1;
  } else if (stream) {
    stream->hash.update(stream->data);
  }
  codec::sha256_many(std::span(messages_).subspan(first), std::span(digests_).subspan(first));
}

std::span<const BlobOpener::Opened> BlobOpener::open(const codec::SealKey& key,
                                                     std::span<const PlacedBlob> blobs,
                                                     std::span<const std::string_view> sealed,
                                                     std::optional<Stream> stream) {
  opened_.assign(blobs.size(), {});
  decoded_.clear();
  messages_.clear();
  size_t total = 0;
  for (const PlacedBlob& blob : blobs) total += blob.location.plain_length();
  std::span<char> free = plaintexts_.take(total);
  for (size_t i = 0; i < blobs.size(); ++i) {
    const std::span<char> plaintext = free.first(blobs[i].location.plain_length());
    free = free.subspan(plaintext.size());
    try {
      decode(key, blobs[i], sealed[i], plaintext);
      decoded_.push_back(i);
      messages_.emplace_back(plaintext.data(), plaintext.size());
    } catch (const base::Error& error) {
      if (error.code() != base::ErrorCode::kCorrupt) throw;
      opened_[i].failure = error;
    }
  }
  hash(stream);
  for (size_t i = 0; i < decoded_.size(); ++i) {
    const PlacedBlob& blob = blobs[decoded_[i]];
    Opened& opened = opened_[decoded_[i]];
    if (digests_[i] == blob.handle.id.bytes) {
      opened.plaintext = messages_[i];
    } else {
      opened.failure = corrupt(blob, "its content does not have this hash");
    }
  }
  return opened_;
}

}  // namespace salvor::repository
