// Pack headers: the input as an opened header, as one sealed at the end of a pack, and as a whole pack.
#include <string>

#include "base/error.h"
#include "codec/seal.h"
#include "repository/pack.h"
#include "targets.h"

namespace salvor::fuzz {

using namespace repository;

namespace {

constexpr std::uint64_t kLargestPack = 4 * 1024 * 1024;

codec::SealKey fixed_key() {
  codec::SealKey key;
  key.encrypt.fill(1);
  key.mac_k.fill(2);
  key.mac_r.fill(3);
  return key;
}

std::string with_length(std::string bytes, size_t length) {
  for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<char>(length >> shift & 0xff));
  return bytes;
}

}  // namespace

void read_pack_header(std::string_view input) {
  const codec::SealKey key = fixed_key();
  try {
    read_pack_entries(input, key, "fuzzed");
  } catch (const base::Error&) {
  }
  const std::string sealed = codec::seal(key, std::string(codec::kSealIvSize, 'i'), input);
  const auto entries = decode_pack_header(input, "fuzzed");
  const std::uint64_t end = std::uint64_t{entries.back().offset} + entries.back().length;
  require(header_overhead(entries) == sealed.size() + 4, "a header of these entries has another size");
  if (end > kLargestPack) return;
  const std::string pack = with_length(std::string(end, 'b') + sealed, sealed.size());
  const auto again = read_pack_entries(pack, key, "fuzzed");
  require(again.size() == entries.size() && again.back().offset == entries.back().offset,
          "a pack's header says something else than its plaintext");
  for (const std::uint64_t wrong : {end - 1, end + 1}) {
    try {
      read_pack_entries(with_length(std::string(wrong, 'b') + sealed, sealed.size()), key, "fuzzed");
      require(false, "a pack with a gap or an overlap is taken for whole");
    } catch (const base::Error&) {
    }
  }
}

}  // namespace salvor::fuzz
