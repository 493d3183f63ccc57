// SHA-256 (FIPS 180-4) of one message, of a stream, and of several messages at once: two hashes computed
// beside each other take hardly longer than the longer one alone (see sha256_blocks.h), so whoever has two
// things to hash hands them over together. Never fails. Free functions are thread-safe; a Sha256 belongs to
// one thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "codec/sha256_blocks.h"

namespace salvor::codec {

using Digest256 = std::array<std::uint8_t, 32>;

Digest256 sha256(std::string_view data);

// A stream. Copyable: a copy goes on from the same point.
class Sha256 {
 public:
  void update(std::string_view data);
  Digest256 finish();  // once

  // This stream's next `data` and, beside it, the digest of a whole message of its own: the hash of a pack
  // that grows by a blob and the hash of the next blob.
  Digest256 update_beside(std::string_view data, std::string_view message);

 private:
  // Fills the begun block from `data`, which loses what went there.
  void complete_block(std::string_view& data);
  // The full blocks of `data`, which begins at a block; keeps the rest.
  void finish_blocks(std::string_view data);

  Sha256State state_ = kSha256Start;
  std::uint64_t size_ = 0;                         // of all data so far, in bytes
  std::array<unsigned char, kSha256Block> begun_;  // size_ % 64 bytes of a block
};

// The digests of two messages. Best when they are about as long: what is longer goes on alone.
std::array<Digest256, 2> sha256_pair(std::string_view first, std::string_view second);

// out[i] is the digest of messages[i]; both are as long. Any number of messages of any lengths: a lane that
// ends takes the next message.
void sha256_many(std::span<const std::string_view> messages, std::span<Digest256> out);

}  // namespace salvor::codec
