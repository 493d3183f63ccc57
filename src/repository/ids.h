// Identities in a repository. All are SHA-256 values, printed as 64 lower-case hexadecimal digits; they are
// distinct types so that none is passed for another.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace salvor::repository {

template <typename Tag>
struct Id {
  std::array<std::uint8_t, 32> bytes{};
  auto operator<=>(const Id&) const = default;
  bool is_null() const { return *this == Id{}; }
  std::string hex() const;
  std::string short_hex() const { return hex().substr(0, 8); }
  static std::optional<Id> from_hex(std::string_view text);
};

using BlobId = Id<struct BlobTag>;          // of a blob's plaintext
using PackId = Id<struct PackTag>;          // of a pack file
using SnapshotId = Id<struct SnapshotTag>;  // of a snapshot file
using IndexId = Id<struct IndexTag>;
using KeyId = Id<struct KeyTag>;
using LockId = Id<struct LockTag>;

enum class BlobType : std::uint8_t { kData = 0, kTree = 1 };

struct BlobHandle {
  BlobType type = BlobType::kData;
  BlobId id;
  auto operator<=>(const BlobHandle&) const = default;
};

}  // namespace salvor::repository

template <typename Tag>
struct std::hash<salvor::repository::Id<Tag>> {
  size_t operator()(const salvor::repository::Id<Tag>& id) const noexcept {
    size_t value;
    std::memcpy(&value, id.bytes.data(), sizeof value);  // already uniformly distributed
    return value;
  }
};
template <>
struct std::hash<salvor::repository::BlobHandle> {
  size_t operator()(const salvor::repository::BlobHandle& handle) const noexcept {
    return std::hash<salvor::repository::BlobId>{}(handle.id) ^ static_cast<size_t>(handle.type);
  }
};
