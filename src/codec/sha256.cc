#include "codec/sha256.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace salvor::codec {
namespace {

const unsigned char* bytes(std::string_view data) {
  return reinterpret_cast<const unsigned char*>(data.data());
}

Digest256 digest_of(const Sha256State& state) {
  Digest256 digest;
  for (size_t i = 0; i < digest.size(); ++i) {
    digest[i] = static_cast<std::uint8_t>(state[i / 4] >> (24 - 8 * (i % 4)));
  }
  return digest;
}

// The last one or two blocks of a message: what is left of it, the padding, and its length.
struct Ending {
  std::array<unsigned char, 2 * kSha256Block> bytes;
  size_t blocks;

  // `rest` holds less than a block.
  void fill(std::string_view rest, std::uint64_t message_size) {
    blocks = rest.size() + 9 <= kSha256Block ? 1 : 2;
    std::copy(rest.begin(), rest.end(), bytes.begin());
    const size_t end = blocks * kSha256Block;
    std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(rest.size()), bytes.end(), 0);
    bytes[rest.size()] = 0x80;
    for (size_t i = 0; i < 8; ++i) {
      bytes[end - 1 - i] = static_cast<unsigned char>(message_size * 8 >> 8 * i);
    }
  }
};

// A whole message on its way: its full blocks, then its ending.
struct Message {
  Sha256State state;
  Ending ending;
  const unsigned char* next;
  size_t blocks;  // from `next` on
  bool ends;      // these are the ending's
  size_t index;   // among the messages

  Message() = default;
  Message(const Message&) = delete;  // `next` may point into it
  Message& operator=(const Message&) = delete;

  void start(std::string_view data) {
    state = kSha256Start;
    blocks = data.size() / kSha256Block;
    next = bytes(data);
    ends = false;
    ending.fill(data.substr(blocks * kSha256Block), data.size());
    if (blocks == 0) go_to_ending();
  }
  void go_to_ending() {
    next = ending.bytes.data();
    blocks = ending.blocks;
    ends = true;
  }
  // After `count` blocks were compressed; true when it is whole.
  bool advance(size_t count) {
    next += count * kSha256Block;
    blocks -= count;
    if (blocks > 0) return false;
    if (ends) return true;
    go_to_ending();
    return false;
  }
  // To the end without company.
  void finish() {
    size_t count;
    do {
      count = blocks;
      Sha256Lane lane{&state, next};
      sha256_blocks({&lane, 1}, count);
    } while (!advance(count));
  }
};

}  // namespace

Digest256 sha256(std::string_view data) {
  Message message;
  message.start(data);
  message.finish();
  return digest_of(message.state);
}

std::array<Digest256, 2> sha256_pair(std::string_view first, std::string_view second) {
  const std::array<std::string_view, 2> messages{first, second};
  std::array<Digest256, 2> out;
  sha256_many(messages, out);
  return out;
}

void sha256_many(std::span<const std::string_view> messages, std::span<Digest256> out) {
  if (messages.size() != out.size()) {
    base::fail(base::ErrorCode::kInternal, "sha-256: {} messages and {} digests", messages.size(),
               out.size());
  }
  std::array<Message, kSha256MaxLanes> storage;
  std::array<Message*, kSha256MaxLanes> active;
  size_t count = 0, taken = 0;
  const auto take = [&](Message& message) {
    message.start(messages[taken]);
    message.index = taken++;
  };
  for (; taken < messages.size() && count < storage.size(); ++count) {
    active[count] = &storage[count];
    take(storage[count]);
  }
  while (count > 0) {
    const size_t together = sha256_lanes(count);
    std::array<Sha256Lane, kSha256MaxLanes> lanes;
    size_t blocks = active[0]->blocks;
    for (size_t i = 0; i < together; ++i) {
      lanes[i] = {&active[i]->state, active[i]->next};
      blocks = std::min(blocks, active[i]->blocks);
    }
    sha256_blocks(std::span(lanes).first(together), blocks);
    for (size_t i = together; i-- > 0;) {
      Message& message = *active[i];
      if (!message.advance(blocks)) continue;
      out[message.index] = digest_of(message.state);
      if (taken < messages.size()) {
        take(message);
      } else {
        active[i] = active[--count];
      }
    }
  }
}

void Sha256::complete_block(std::string_view& data) {
  const size_t begun = size_ % kSha256Block;
  if (begun == 0) return;
  const size_t part = std::min(data.size(), kSha256Block - begun);
  std::copy_n(data.begin(), part, begun_.begin() + static_cast<std::ptrdiff_t>(begun));
  size_ += part;
  data.remove_prefix(part);
  if (size_ % kSha256Block != 0) return;
  Sha256Lane lane{&state_, begun_.data()};
  sha256_blocks({&lane, 1}, 1);
}

void Sha256::finish_blocks(std::string_view data) {
  const size_t blocks = data.size() / kSha256Block;
  if (blocks > 0) {
    Sha256Lane lane{&state_, bytes(data)};
    sha256_blocks({&lane, 1}, blocks);
  }
  const std::string_view rest = data.substr(blocks * kSha256Block);
  std::copy(rest.begin(), rest.end(), begun_.begin());
  size_ += data.size();
}

void Sha256::update(std::string_view data) {
  complete_block(data);
  if (!data.empty()) finish_blocks(data);
}

Digest256 Sha256::update_beside(std::string_view data, std::string_view message) {
  complete_block(data);
  Message beside;
  beside.start(message);
  bool whole = false;
  while (!whole && data.size() >= kSha256Block) {
    const size_t blocks = std::min(data.size() / kSha256Block, beside.blocks);
    std::array<Sha256Lane, 2> lanes{{{&state_, bytes(data)}, {&beside.state, beside.next}}};
    sha256_blocks(lanes, blocks);
    data.remove_prefix(blocks * kSha256Block);
    size_ += blocks * kSha256Block;
    whole = beside.advance(blocks);
  }
  if (!whole) beside.finish();
  if (!data.empty()) finish_blocks(data);
  return digest_of(beside.state);
}

Digest256 Sha256::finish() {
  const auto* begun = reinterpret_cast<const char*>(begun_.data());
  Ending ending;
  ending.fill({begun, size_ % kSha256Block}, size_);
  Sha256Lane lane{&state_, ending.bytes.data()};
  sha256_blocks({&lane, 1}, ending.blocks);
  return digest_of(state_);
}

}  // namespace salvor::codec
