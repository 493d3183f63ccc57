#include "repository/ids.h"

#include "codec/hash.h"

namespace salvor::repository {

template <typename Tag>
std::string Id<Tag>::hex() const {
  return codec::to_hex(bytes);
}

template <typename Tag>
std::optional<Id<Tag>> Id<Tag>::from_hex(std::string_view text) {
  const auto digit = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;  // upper case too: names are lower case, and two spellings would be two names
  };
  if (text.size() != 64) return std::nullopt;
  Id id;
  for (size_t i = 0; i < 32; ++i) {
    const int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    id.bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return id;
}

template struct Id<BlobTag>;
template struct Id<PackTag>;
template struct Id<SnapshotTag>;
template struct Id<IndexTag>;
template struct Id<KeyTag>;
template struct Id<LockTag>;

}  // namespace salvor::repository
