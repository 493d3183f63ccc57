#include "repository/ids.h"

#include "codec/hash.h"

namespace salvor::repository {
namespace {

// -1 for all else, and for upper case: names are lower case, and two spellings would be two names. Looked up,
// because what digit comes next is never to be guessed.
constexpr auto kDigits = [] {
  std::array<std::int8_t, 256> digits{};
  for (auto& digit : digits) digit = -1;
  for (int i = 0; i < 10; ++i) digits[static_cast<size_t>('0' + i)] = static_cast<std::int8_t>(i);
  for (int i = 0; i < 6; ++i) digits[static_cast<size_t>('a' + i)] = static_cast<std::int8_t>(10 + i);
  return digits;
}();

}  // namespace

template <typename Tag>
std::string Id<Tag>::hex() const {
  return codec::to_hex(bytes);
}

template <typename Tag>
std::optional<Id<Tag>> Id<Tag>::from_hex(std::string_view text) {
  if (text.size() != 64) return std::nullopt;
  Id id;
  int wrong = 0;
  for (size_t i = 0; i < 32; ++i) {
    const int high = kDigits[static_cast<unsigned char>(text[2 * i])];
    const int low = kDigits[static_cast<unsigned char>(text[2 * i + 1])];
    wrong |= high | low;
    id.bytes[i] = static_cast<std::uint8_t>((high & 15) * 16 + (low & 15));
  }
  if (wrong < 0) return std::nullopt;
  return id;
}

template struct Id<BlobTag>;
template struct Id<PackTag>;
template struct Id<SnapshotTag>;
template struct Id<IndexTag>;
template struct Id<KeyTag>;
template struct Id<LockTag>;

}  // namespace salvor::repository
