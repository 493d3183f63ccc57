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
  // The longest first, so that what is left over at the end, and goes on alone, is short.
  std::sort(messages_.begin(), messages_.end(),
            [](const Message& a, const Message& b) { return a.text.size() > b.text.size(); });
  digests_.resize(messages_.size());
  if (stream && !messages_.empty()) {
    // One that is about as long as the stream's part goes beside it.
    const auto distance = [&](const Message& message) {
      return message.text.size() > stream->data.size() ? message.text.size() - stream->data.size()
                                                       : stream->data.size() - message.text.size();
    };
    const auto nearest =
        std::min_element(messages_.begin(), messages_.end(),
                         [&](const Message& a, const Message& b) { return distance(a) < distance(b); });
    std::rotate(messages_.begin(), nearest, nearest + 1);
    digests_[0] = stream->hash.update_beside(stream->data, messages_[0].text);
  } else if (stream) {
    stream->hash.update(stream->data);
  }
  const size_t first = stream && !messages_.empty() ? 1 : 0;
  texts_.clear();
  for (size_t i = first; i < messages_.size(); ++i) texts_.push_back(messages_[i].text);
  codec::sha256_many(texts_, std::span(digests_).subspan(first));
}

std::span<const BlobOpener::Opened> BlobOpener::open(const codec::SealKey& key,
                                                     std::span<const PlacedBlob> blobs,
                                                     std::span<const std::string_view> sealed,
                                                     std::optional<Stream> stream) {
  opened_.assign(blobs.size(), {});
  messages_.clear();
  size_t total = 0;
  for (const PlacedBlob& blob : blobs) total += blob.location.plain_length();
  std::span<char> free = plaintexts_.take(total);
  for (size_t i = 0; i < blobs.size(); ++i) {
    const std::span<char> plaintext = free.first(blobs[i].location.plain_length());
    free = free.subspan(plaintext.size());
    try {
      decode(key, blobs[i], sealed[i], plaintext);
      messages_.push_back({i, {plaintext.data(), plaintext.size()}});
    } catch (const base::Error& error) {
      if (error.code() != base::ErrorCode::kCorrupt) throw;
      opened_[i].failure = error;
    }
  }
  hash(stream);
  for (size_t i = 0; i < messages_.size(); ++i) {
    const auto& [at, text] = messages_[i];
    if (digests_[i] == blobs[at].handle.id.bytes) {
      opened_[at].plaintext = text;
    } else {
      opened_[at].failure = corrupt(blobs[at], "its content does not have this hash");
    }
  }
  return opened_;
}

}  // namespace salvor::repository
