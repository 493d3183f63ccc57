// From sealed blobs to their plaintexts, several at once: the tag of each is checked before anything is made
// of its bytes, then it is decrypted and decompressed; at the end all are hashed side by side, which takes
// little more than half the time of one after the other. Memory: the plaintexts of one call and the largest
// compressed blob; it is kept for the next call. One thread at a time.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/scratch.h"
#include "codec/seal.h"
#include "codec/sha256.h"
#include "repository/repository.h"

namespace salvor::repository {

// "data blob 0123...", for messages.
std::string blob_name(const BlobHandle& blob);

class BlobOpener {
 public:
  struct Opened {
    std::string_view plaintext;          // valid until the next call
    std::optional<base::Error> failure;  // kCorrupt, naming pack and blob; then there is no plaintext
  };
  // A stream that goes on by `data` while the blobs are hashed.
  struct Stream {
    codec::Sha256& hash;
    std::string_view data;
  };

  // sealed[i] are the bytes at blobs[i].location; fewer than its length are reported as truncated. The result
  // is as long, and valid until the next call. Throws only what is no matter of the bytes.
  std::span<const Opened> open(const codec::SealKey& key, std::span<const PlacedBlob> blobs,
                               std::span<const std::string_view> sealed, std::optional<Stream> stream = {});

 private:
  void decode(const codec::SealKey& key, const PlacedBlob& blob, std::string_view sealed,
              std::span<char> plaintext);
  void hash(std::optional<Stream> stream);

  struct Message {
    size_t at;  // in opened_
    std::string_view text;
  };
  base::Scratch plaintexts_, compressed_;
  std::vector<Opened> opened_;
  std::vector<Message> messages_;          // what is decoded,
  std::vector<std::string_view> texts_;    // to be hashed together,
  std::vector<codec::Digest256> digests_;  // and the hashes of messages_
};

}  // namespace salvor::repository
